import pytest

from pipeline.settings import (
    AnalyzeSettings,
    SettingsError,
    ValidateSettings,
    from_environment,
    to_environment,
    variable_names,
)

SETTINGS = ValidateSettings("jobs", "results", "https://queue", 5, "engines")


def test_settings_come_back_from_the_environment_the_stacks_write() -> None:
    assert from_environment(ValidateSettings, to_environment(SETTINGS)) == SETTINGS


def test_every_fault_is_named_at_once() -> None:
    environment = {"JOBS_TABLE": "jobs", "QUIET_PERIOD_SECONDS": "soon"}
    with pytest.raises(SettingsError) as error:
        from_environment(ValidateSettings, environment)
    for told in ("RESULTS_BUCKET is not set", "WORK_QUEUE_URL", "QUIET_PERIOD_SECONDS must be"):
        assert told in str(error.value)


def test_what_lambda_reserves_is_read_but_not_written() -> None:
    assert "AWS_REGION" in variable_names(AnalyzeSettings)
    assert "AWS_REGION" not in to_environment(AnalyzeSettings("r", "q", "us-east-1"))
