"""Bodies that no job is made of: each is refused with what is wrong and where."""

import json

import pytest

from handlers.inline_records import MAX_BODY_BYTES, parse_submission
from handlers.problem_details import HttpProblem


def assert_refused(body: str, status: int, *words: str) -> None:
    with pytest.raises(HttpProblem) as refusal:
        parse_submission(body)
    assert refusal.value.status == status
    for word in words:
        assert word in refusal.value.detail


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("", ["not JSON"]),
        ("{", ["not JSON", "line 1, column 2"]),
        ("[]", ["object"]),
        ("[" * 100_000, ["nested"]),
        ('{"data": [{"x": ' + "9" * 5000 + "}]}", ["too many digits"]),
        ("{}", ["data", "at least one"]),
        ('{"data": []}', ["at least one"]),
        ('{"data": {"x": 1}}', ["list"]),
        ('{"data": [{"x": 1}, 2]}', ["data[1]", "object"]),
        ('{"data": [{"x": {"y": 1}}]}', ["data[0]['x']", "nested", "input/"]),
        ('{"data": [{"x": NaN}]}', ["data[0]['x']", "finite"]),
        ('{"data": [{"x": 1e400}]}', ["data[0]['x']", "finite"]),
        ('{"data": [{"x": 1, "x": 2}]}', ["'x' twice"]),
        ('{"data": [{"x": "\\ud800"}]}', ["surrogate"]),
        ('{"data": [{"x": 1}], "rows": 1, "config": 2}', ["'rows'", "'config'"]),
        ('{"data": [{"x": 1}], "processing_config": []}', ["processing_config"]),
        ('{"data": [{"x": 1}], "processing_config": {"gpu": true}}', ["'gpu'", "gpu_enabled"]),
        ('{"data": [{"x": 1}], "processing_config": {"gpu_enabled": "no"}}', ["gpu_enabled"]),
        ('{"data": [{"x": 1}], "processing_config": {"columns": "x"}}', ["columns"]),
        ('{"data": [{"x": 1}], "processing_config": {"group_by": 1}}', ["group_by"]),
        ('{"data": [{"x": 1}], "processing_config": {"dtype": []}}', ["float64 or float32"]),
        ('{"data": [{"x": 1}], "processing_config": {"columns": ["\\ud800"]}}', ["columns"]),
        ('{"data": [{"x": 1}], "processing_config": {"group_by": "\\ud800"}}', ["group_by"]),
        ('{"data": [{"x": 1}], "job_id": "Mine!"}', ["job_id", "a-z"]),
    ],
)
def test_a_body_that_cannot_be_worked_with_is_refused_with_the_place(
    body: str, words: list[str]
) -> None:
    assert_refused(body, 400, *words)


def test_more_column_names_than_s3_keeps_are_refused() -> None:
    columns = [f"a rather long name of a column {n}" for n in range(100)]
    body = json.dumps({"data": [{"x": 1}], "processing_config": {"columns": columns}})

    assert_refused(body, 400, "2048")


def test_a_body_too_long_for_lambda_is_refused_with_another_way() -> None:
    body = json.dumps({"data": [{"x": "y" * MAX_BODY_BYTES}]})

    assert_refused(body, 413, "input/")
