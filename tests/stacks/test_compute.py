from typing import Any


def test_spark_has_a_pinned_release_and_a_ceiling(assembly: Any) -> None:
    (application,) = assembly.of_type("AWS::EMRServerless::Application")
    assert application["ReleaseLabel"] == "emr-spark-8.0.0"
    assert application["Architecture"] == "X86_64"
    assert set(application["MaximumCapacity"]) == {"Cpu", "Memory", "Disk"}


def test_spark_starts_and_stops_by_itself_and_keeps_nothing_warm(assembly: Any) -> None:
    (application,) = assembly.of_type("AWS::EMRServerless::Application")
    assert application["AutoStartConfiguration"]["Enabled"]
    assert application["AutoStopConfiguration"]["Enabled"]
    assert "InitialCapacity" not in application


def test_a_run_that_does_not_fit_waits(assembly: Any) -> None:
    (application,) = assembly.of_type("AWS::EMRServerless::Application")
    assert application["SchedulerConfiguration"] == {
        "MaxConcurrentRuns": 1,
        "QueueTimeoutMinutes": 720,
    }


def test_coordinate_is_given_the_names_that_batch_has(assembly: Any) -> None:
    variables = assembly.function("coordinate")["Environment"]["Variables"]
    place = "arn:aws:batch:eu-west-1:123456789012"
    queues = {
        f"{place}:job-queue/{q['JobQueueName']}" for q in assembly.of_type("AWS::Batch::JobQueue")
    }
    definitions = {
        f"{place}:job-definition/{d['JobDefinitionName']}"
        for d in assembly.of_type("AWS::Batch::JobDefinition")
    }
    given = {name: assembly.text(value) for name, value in variables.items()}
    assert {given["GPU_JOB_QUEUE"], given["CPU_JOB_QUEUE"]} == queues
    assert {given["GPU_JOB_DEFINITION"], given["CPU_JOB_DEFINITION"]} == definitions


def test_the_pipeline_imports_the_application_that_compute_exports(assembly: Any) -> None:
    exports = {
        output["Export"]["Name"]
        for output in assembly.templates["Bigdata-Compute"]["Outputs"].values()
        if "Export" in output
    }
    variables = assembly.function("coordinate")["Environment"]["Variables"]
    assert exports == {variables["SPARK_APPLICATION_ID"]["Fn::ImportValue"]}
