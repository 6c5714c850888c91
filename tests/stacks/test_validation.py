from typing import Any


def test_files_and_closed_folders_start_validation(assembly: Any) -> None:
    (notifications,) = assembly.of_type("Custom::S3BucketNotifications")
    assert assembly.text(notifications["BucketName"]) == "bigdata-ingest-123456789012-eu-west-1"
    configurations = notifications["NotificationConfiguration"]["LambdaFunctionConfigurations"]
    rules = []
    for configuration in configurations:
        assert configuration["Events"] == ["s3:ObjectCreated:*"]
        filters = configuration["Filter"]["Key"]["FilterRules"]
        rules.append({rule["Name"]: rule["Value"] for rule in filters})
    assert rules == [{"prefix": "input/"}, {"prefix": "datasets/", "suffix": "/_SUCCESS"}]


def test_only_validation_has_the_parquet_layer(assembly: Any) -> None:
    functions = assembly.of_type("AWS::Lambda::Function")
    layered = [function["Handler"] for function in functions if function.get("Layers")]
    assert layered == ["handlers.validate_upload.handler"]


def test_validation_may_take_as_long_as_a_folder_of_ten_thousand_files_asks(assembly: Any) -> None:
    assert assembly.function("validate_upload")["Timeout"] == 900


def test_a_folder_in_aws_must_rest_for_a_minute(assembly: Any) -> None:
    variables = assembly.function("validate_upload")["Environment"]["Variables"]
    assert variables["QUIET_PERIOD_SECONDS"] == "60"


def test_validation_writes_manifests_and_nothing_else(assembly: Any) -> None:
    role = assembly.function("validate_upload")["Role"]
    written = [
        assembly.text(statement["Resource"])
        for statement in assembly.statements(role)
        if "s3:PutObject" in statement["Action"]
    ]
    bucket = "arn:aws:s3:::bigdata-results-123456789012-eu-west-1"
    assert written == [f"{bucket}/results/*/manifest.json"]
