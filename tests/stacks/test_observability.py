import json
from typing import Any


def test_one_dead_letter_raises_the_alarm(assembly: Any) -> None:
    (alarm,) = assembly.of_type("AWS::CloudWatch::Alarm")
    assert alarm["MetricName"] == "ApproximateNumberOfMessagesVisible"
    assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
    assert alarm["Threshold"] == 0
    (dimension,) = alarm["Dimensions"]
    assert "DeadLetters" in assembly.text(dimension["Value"])


def test_the_dashboard_shows_queues_functions_and_api(assembly: Any) -> None:
    (dashboard,) = assembly.of_type("AWS::CloudWatch::Dashboard")
    widgets = json.loads(assembly.text(dashboard["DashboardBody"]))["widgets"]
    namespaces = {metric[0] for widget in widgets for metric in widget["properties"]["metrics"]}
    assert namespaces == {"AWS/SQS", "AWS/Lambda", "AWS/ApiGateway"}
