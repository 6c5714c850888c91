import json
from typing import Any


def test_spark_is_told_to_run_files_that_are_published(assembly: Any) -> None:
    manifest = assembly.folder / "Bigdata-Pipeline.assets.json"
    files = json.loads(manifest.read_text())["files"].values()
    published = {
        (destination["bucketName"], destination["objectKey"])
        for file in files
        for destination in file["destinations"].values()
    }
    variables = assembly.function("coordinate")["Environment"]["Variables"]
    for name in ("COMPARE_SCRIPT", "DATAFRAME_SCRIPT", "MODULES", "PACKAGES"):
        bucket, _, key = variables[f"SPARK_{name}"]["Fn::Sub"].removeprefix("s3://").partition("/")
        assert (bucket, key) in published


def test_the_packages_have_a_name_that_spark_unpacks(assembly: Any) -> None:
    variables = assembly.function("coordinate")["Environment"]["Variables"]
    assert assembly.text(variables["SPARK_PACKAGES"]).endswith(".tgz")
    assert variables["SPARK_PYTHON"] == "/usr/bin/python3.12"


def test_only_our_application_and_its_runs_assume_the_execution_role(assembly: Any) -> None:
    (trust,) = (
        role["AssumeRolePolicyDocument"]["Statement"][0]
        for role in assembly.of_type("AWS::IAM::Role")
        if "emr-serverless" in json.dumps(role["AssumeRolePolicyDocument"])
    )
    arn, runs = map(assembly.text, trust["Condition"]["ArnLike"]["aws:SourceArn"])
    assert arn.startswith("arn:aws:emr-serverless:eu-west-1:123456789012:/applications/<Bigdata-")
    assert runs == f"{arn}/jobruns/*"


def test_spark_writes_its_attempts_and_its_logs_alone(assembly: Any) -> None:
    variables = assembly.function("coordinate")["Environment"]["Variables"]
    (written,) = (
        statement["Resource"]
        for statement in assembly.statements(variables["SPARK_EXECUTION_ROLE_ARN"])
        if "s3:PutObject" in statement["Action"]
    )
    results = "arn:aws:s3:::bigdata-results-123456789012-eu-west-1"
    assert {assembly.text(resource) for resource in written} == {
        f"{results}/results/*/attempts/spark-*",
        f"{results}/logs/spark/*",
    }
