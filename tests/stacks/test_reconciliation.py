from typing import Any


def test_unfinished_jobs_are_looked_after_every_minute(assembly: Any) -> None:
    rules = assembly.of_type("AWS::Events::Rule")
    (rule,) = (rule for rule in rules if "ScheduleExpression" in rule)
    assert rule["ScheduleExpression"] == "rate(1 minute)"
    assert rule["State"] == "ENABLED"
    (target,) = rule["Targets"]
    assert "Reconcile" in assembly.text(target["Arn"])


def test_reconcile_reads_jobs_by_status_and_writes_to_the_queue_alone(assembly: Any) -> None:
    statements = assembly.statements(assembly.function("reconcile")["Role"])
    actions = {
        action
        for statement in statements
        for action in (
            [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
        )
    }
    assert {action for action in actions if not action.startswith(("logs:", "sqs:Get"))} == {
        "dynamodb:Query",
        "sqs:SendMessage",
    }
    (querying,) = (s for s in statements if s["Action"] == "dynamodb:Query")
    assert assembly.text(querying["Resource"]).endswith("/index/by_status")
