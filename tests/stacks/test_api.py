from typing import Any


def test_the_api_is_closed_unless_it_is_opened(assembly: Any) -> None:
    (route,) = assembly.of_type("AWS::ApiGatewayV2::Route")
    assert route["RouteKey"] == "$default"
    assert route["AuthorizationType"] == "AWS_IAM"


def test_the_stage_throttles_and_logs_who_asks(assembly: Any) -> None:
    (stage,) = assembly.of_type("AWS::ApiGatewayV2::Stage")
    assert stage["StageName"] == "$default"
    assert stage["DefaultRouteSettings"] == {
        "ThrottlingBurstLimit": 100,
        "ThrottlingRateLimit": 50,
    }
    assert stage["AccessLogSettings"]["DestinationArn"]


def test_the_api_writes_posted_records_and_the_manifests_of_reruns_alone(assembly: Any) -> None:
    statements = assembly.statements(assembly.function("api")["Role"])
    written = [s["Resource"] for s in statements if "s3:PutObject" in s["Action"]]
    resources = [r for each in written for r in (each if isinstance(each, list) else [each])]
    place = "123456789012-eu-west-1"
    assert {assembly.text(resource) for resource in resources} == {
        f"arn:aws:s3:::bigdata-ingest-{place}/input/inline/*",
        f"arn:aws:s3:::bigdata-results-{place}/results/*-rerun-*/manifest.json",
    }


def test_the_api_asks_the_coordinator_and_starts_nothing_itself(assembly: Any) -> None:
    statements = assembly.statements(assembly.function("api")["Role"])
    services = {action.partition(":")[0] for s in statements for action in actions(s)}
    assert services == {"dynamodb", "logs", "s3", "sqs"}


def actions(statement: dict[str, Any]) -> list[str]:
    action = statement["Action"]
    return [action] if isinstance(action, str) else action
