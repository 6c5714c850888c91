import io
import tempfile
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from local.lambda_workers import LambdaWorkers

CODE = """
import os, signal, time

try:
    os.unlink(os.environ["KILLED_AT_START"])
except (KeyError, FileNotFoundError):
    pass
else:
    os.kill(os.getpid(), signal.SIGKILL)

def handler(event, context):
    match event["do"]:
        case "raise":
            raise ValueError("not that")
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "sleep":
            time.sleep(event["seconds"])
    return os.getpid()
"""


@pytest.fixture(autouse=True)
def _processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    from ministack.core import lambda_runtime

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield
    lambda_runtime.reset()


def function(
    name: str = "validate", code: str = CODE, modified: str = "2026-11-28", **environment: str
) -> dict[str, Any]:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("function.py", code)
    arn = f"arn:aws:lambda:eu-central-1:000000000000:function:{name}"
    config = {
        "FunctionName": name,
        "FunctionArn": arn,
        "LastModified": modified,
        "Runtime": "python3.11",
        "Handler": "function.handler",
        "Timeout": 2,
        "Environment": {"Variables": environment},
    }
    return {"config": config, "code_zip": content.getvalue()}


def test_further_invocations_wait_and_none_is_lost() -> None:
    workers, validate = LambdaWorkers(most=2), function()
    event = {"do": "sleep", "seconds": 0.01}
    with ThreadPoolExecutor(8) as callers:
        answers = list(callers.map(lambda _: workers.invoke(validate, event, "id"), range(50)))
    assert not any(answer.get("error") for answer in answers)
    assert len({answer["body"] for answer in answers}) == 2


def test_one_function_does_not_wait_for_another() -> None:
    workers = LambdaWorkers(most=1)
    slow = {"do": "sleep", "seconds": 1.5}
    with ThreadPoolExecutor(1) as caller:
        first = caller.submit(workers.invoke, function("validate"), slow, "id")
        assert "error" not in workers.invoke(function("coordinate"), {"do": "nothing"}, "id")
        assert not first.done()


def test_who_dies_as_it_starts_takes_no_other_along(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    flag.touch()
    workers, validate = LambdaWorkers(most=4), function(KILLED_AT_START=str(flag))
    event = {"do": "sleep", "seconds": 0.5}
    with ThreadPoolExecutor(4) as callers:
        answers = list(callers.map(lambda _: workers.invoke(validate, event, "id"), range(4)))
    (failed,) = [answer for answer in answers if answer.get("error")]
    assert failed["body"]["errorType"] == "Runtime.ExitError"
    assert "error" not in workers.invoke(validate, event, "id")


def test_who_raises_leaves_a_stack_trace() -> None:
    answer = LambdaWorkers().invoke(function(), {"do": "raise"}, "id")
    assert answer["error"]
    assert answer["body"]["errorMessage"] == "not that"
    assert answer["body"]["stackTrace"][-1] == "ValueError: not that"
    assert "ValueError: not that" in answer["log"]


def test_who_dies_leaves_none() -> None:
    answer = LambdaWorkers().invoke(function(), {"do": "die"}, "id")
    assert answer["error"]
    assert answer["body"]["errorType"] == "Runtime.ExitError"
    assert "stackTrace" not in answer["body"]


def test_who_takes_too_long_has_timed_out() -> None:
    answer = LambdaWorkers().invoke(function(), {"do": "sleep", "seconds": 9}, "id")
    assert answer["error"]
    assert answer["body"]["errorType"] == "Sandbox.Timedout"
    assert "stackTrace" not in answer["body"]


def test_code_that_cannot_be_imported_has_raised_each_time() -> None:
    workers, broken = LambdaWorkers(most=1), function(code="import nowhere")
    with ThreadPoolExecutor(4) as callers:
        answers = list(callers.map(lambda _: workers.invoke(broken, {}, "id"), range(4)))
    for answer in answers:
        assert answer["error"]
        assert "nowhere" in answer["body"]["errorMessage"]
        assert answer["body"]["stackTrace"] == []


def test_who_waited_for_longer_than_an_update_took_leaves_no_old_code_behind() -> None:
    workers, code = LambdaWorkers(), "def handler(event, context): return {!r}"
    before = function(code=code.format("old"), modified="2026-11-28T10:00:00.000+0000")
    after = function(code=code.format("new"), modified="2026-11-28T10:00:00.500+0000")
    assert workers.invoke(before, {}, "id")["body"] == "old"
    assert workers.invoke(after, {}, "id")["body"] == "new"
    assert workers.invoke(after, {}, "id")["body"] == "new"


def test_a_worker_is_free_again_after_a_failure() -> None:
    workers, validate = LambdaWorkers(most=1), function()
    for failing in ("raise", "die"):
        assert workers.invoke(validate, {"do": failing}, "id")["error"]
        assert "error" not in workers.invoke(validate, {"do": "nothing"}, "id")
