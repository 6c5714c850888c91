import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

NAMED_TYPES = (
    "AWS::S3::Bucket",
    "AWS::DynamoDB::Table",
    "AWS::EC2::VPC",
    "AWS::EC2::VPCEndpoint",
    "AWS::Batch::ComputeEnvironment",
    "AWS::Batch::JobQueue",
    "AWS::Batch::JobDefinition",
    "AWS::EMRServerless::Application",
    "AWS::Lambda::Function",
    "AWS::Lambda::LayerVersion",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::SQS::Queue",
    "AWS::Events::Rule",
    "AWS::IAM::Role",
    "AWS::Logs::LogGroup",
    "AWS::ApiGatewayV2::Api",
    "AWS::ApiGatewayV2::Route",
    "AWS::ApiGatewayV2::Stage",
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
)
TARGETS = {
    "gpu_job_queue": "arn:aws:batch:us-east-1:000000000000:job-queue/gpu",
    "gpu_job_definition": "arn:aws:batch:us-east-1:000000000000:job-definition/gpu",
    "cpu_job_queue": "arn:aws:batch:us-east-1:000000000000:job-queue/cpu",
    "cpu_job_definition": "arn:aws:batch:us-east-1:000000000000:job-definition/cpu",
    "spark_application_id": "00local",
}


def test_five_stacks_are_synthesized_without_credentials_docker_and_network(assembly: Any) -> None:
    names = {"Storage", "Compute", "Pipeline", "Api", "Observability"}
    assert set(assembly.templates) == {f"Bigdata-{name}" for name in names}


@pytest.mark.parametrize("resource_type", NAMED_TYPES)
def test_every_resource_that_the_design_names_stands(assembly: Any, resource_type: str) -> None:
    assert assembly.of_type(resource_type)


def test_nothing_is_left_running_that_costs_while_idle(assembly: Any) -> None:
    for costly in ("NatGateway", "EIP", "Instance"):
        assert not assembly.of_type(f"AWS::EC2::{costly}")
    kinds = {endpoint["VpcEndpointType"] for endpoint in assembly.of_type("AWS::EC2::VPCEndpoint")}
    assert kinds == {"Gateway"}


def test_no_statement_allows_actions_by_wildcard(assembly: Any) -> None:
    for policy in assembly.of_type("AWS::IAM::Policy"):
        for statement in policy["PolicyDocument"]["Statement"]:
            actions = statement["Action"]
            for action in [actions] if isinstance(actions, str) else actions:
                assert "*" not in action


def test_every_log_group_expires(assembly: Any) -> None:
    assert all(group["RetentionInDays"] for group in assembly.of_type("AWS::Logs::LogGroup"))


def test_cfn_lint_finds_only_dependencies_that_cdk_states_twice(assembly: Any) -> None:
    templates = [str(path) for path in assembly.folder.glob("*.template.json")]
    command = [Path(sys.executable).with_name("cfn-lint"), "--ignore-checks", "W3005", "--"]
    found = subprocess.run([*command, *templates], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout


def test_cdk_nag_finds_only_the_fault_that_the_test_plants(synthesize: Callable[..., Any]) -> None:
    import aws_cdk as cdk
    from aws_cdk import aws_sqs as sqs
    from cdk_nag import AwsSolutionsChecks

    def check(app: cdk.App) -> None:
        cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
        sqs.Queue(cdk.Stack(app, "Planted"), "WithoutTls", enforce_ssl=False)
        folders.append(Path(app.outdir))

    folders: list[Path] = []
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        synthesize(check)
    report = json.loads((folders[0] / "validation-report.json").read_text())
    faults = [v for plugin in report["pluginReports"] for v in plugin["violations"]]
    places = {
        construct["constructPath"] for fault in faults for construct in fault["violatingConstructs"]
    }
    assert places == {"Planted/WithoutTls/Resource"}


def test_a_laptop_gets_an_open_api_and_no_computing(synthesize: Callable[..., Any]) -> None:
    laptop = synthesize(compute_targets=json.dumps(TARGETS), api_auth="none")
    kinds = {
        resource["Type"].rpartition("::")[0]
        for template in laptop.templates.values()
        for resource in template["Resources"].values()
    }
    assert not kinds & {"AWS::Batch", "AWS::EMRServerless", "AWS::EC2", "AWS::ECR"}
    (route,) = laptop.of_type("AWS::ApiGatewayV2::Route")
    assert route["AuthorizationType"] == "NONE"
    variables = laptop.function("coordinate")["Environment"]["Variables"]
    assert {variables[name.upper()] for name in TARGETS} == set(TARGETS.values())


def test_a_quiet_period_beyond_what_a_message_can_be_delayed_is_refused(
    synthesize: Callable[..., Any],
) -> None:
    with pytest.raises(ValueError, match="quiet_period_seconds is 0 to 900, not 901"):
        synthesize(quiet_period_seconds=901)
