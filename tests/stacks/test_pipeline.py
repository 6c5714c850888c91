from typing import Any


def queue(assembly: Any, *, dead: bool) -> tuple[str, dict[str, Any]]:
    """The logical id and the properties of the dead-letter queue, or of the work queue."""
    resources = assembly.templates["Bigdata-Pipeline"]["Resources"].items()
    queues = {name: r["Properties"] for name, r in resources if r["Type"] == "AWS::SQS::Queue"}
    (found,) = ((n, p) for n, p in queues.items() if dead != ("RedrivePolicy" in p))
    return found


def test_a_message_is_given_up_after_five_deliveries(assembly: Any) -> None:
    dead, _ = queue(assembly, dead=True)
    _, work = queue(assembly, dead=False)
    assert work["RedrivePolicy"] == {
        "deadLetterTargetArn": {"Fn::GetAtt": [dead, "Arn"]},
        "maxReceiveCount": 5,
    }


def test_a_message_stays_hidden_for_six_times_as_long_as_coordinate_may_take(assembly: Any) -> None:
    _, work = queue(assembly, dead=False)
    assert work["VisibilityTimeout"] >= 6 * assembly.function("coordinate")["Timeout"]


def test_the_work_queue_hears_of_every_failure_of_validate_and_analyze(assembly: Any) -> None:
    name, _ = queue(assembly, dead=False)
    destinations = [
        config["DestinationConfig"]["OnFailure"]["Destination"]
        for config in assembly.of_type("AWS::Lambda::EventInvokeConfig")
    ]
    assert destinations == [{"Fn::GetAtt": [name, "Arn"]}] * 2


def test_queues_are_encrypted(assembly: Any) -> None:
    assert all(q["SqsManagedSseEnabled"] for q in assembly.of_type("AWS::SQS::Queue"))


def test_analysis_deletes_nothing_but_normalized_data(assembly: Any) -> None:
    (deleting,) = (
        statement
        for policy in assembly.of_type("AWS::IAM::Policy")
        for statement in policy["PolicyDocument"]["Statement"]
        if "s3:DeleteObject" in statement["Action"]
    )
    assert deleting in assembly.statements(assembly.function("analyze")["Role"])
    keys = assembly.text(deleting["Resource"]).partition("/")[2]
    assert keys == "results/*/attempts/normalize-*/normalized/*"
