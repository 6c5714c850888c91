from typing import Any

import pytest

from pipeline.settings import (
    AnalyzeSettings,
    ApiSettings,
    CoordinateSettings,
    ReconcileSettings,
    ValidateSettings,
    from_environment,
    variable_names,
)

SETTINGS = {
    "validate_upload": ValidateSettings,
    "coordinate": CoordinateSettings,
    "analyze": AnalyzeSettings,
    "reconcile": ReconcileSettings,
    "api": ApiSettings,
}


@pytest.mark.parametrize("name", SETTINGS)
def test_the_environment_is_what_the_settings_are_read_from(assembly: Any, name: str) -> None:
    variables = assembly.function(name)["Environment"]["Variables"]
    ours = {key for key in variables if not key.startswith("POWERTOOLS_")}
    assert ours == set(variable_names(SETTINGS[name])) - {"AWS_REGION"}
    texts = {key: assembly.text(value) for key, value in variables.items()}
    from_environment(SETTINGS[name], texts | {"AWS_REGION": "eu-west-1"})


def test_every_function_has_a_role_of_its_own(assembly: Any) -> None:
    roles = [assembly.function(name)["Role"]["Fn::GetAtt"][0] for name in SETTINGS]
    assert len(set(roles)) == len(SETTINGS)


def test_every_function_writes_only_its_own_log(assembly: Any) -> None:
    for name in SETTINGS:
        function = assembly.function(name)
        group = function["LoggingConfig"]["LogGroup"]["Ref"]
        (writing,) = (
            statement
            for statement in assembly.statements(function["Role"])
            if "logs:PutLogEvents" in statement["Action"]
        )
        assert writing["Resource"] == {"Fn::GetAtt": [group, "Arn"]}


def test_all_run_the_python_and_the_architecture_of_their_packages(assembly: Any) -> None:
    for name in SETTINGS:
        function = assembly.function(name)
        assert function["Runtime"] == "python3.12"
        assert function["Architectures"] == ["x86_64"]


@pytest.mark.parametrize("name", ["validate_upload", "coordinate", "analyze"])
def test_lambda_does_not_end_the_rounds_through_the_work_queue(assembly: Any, name: str) -> None:
    assert assembly.function(name)["RecursiveLoop"] == "Allow"
