import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from local.lambda_workers import bounded


def test_further_invocations_wait_and_none_is_lost() -> None:
    running, most, lock = 0, 0, threading.Lock()
    first_two = threading.Barrier(2)

    def execute(function: dict[str, Any], event: int, request_id: str) -> dict[str, Any]:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        if event < 2:
            first_two.wait(timeout=10)
        with lock:
            running -= 1
        return {"body": event}

    call = bounded(execute, workers=2)
    function = {"config": {"FunctionName": "validate"}}
    with ThreadPoolExecutor(8) as callers:
        answers = list(callers.map(lambda n: call(function, n, "id")["body"], range(50)))
    assert answers == list(range(50))
    assert most == 2


def test_one_function_does_not_wait_for_another() -> None:
    both = threading.Barrier(2)

    def execute(function: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
        both.wait(timeout=10)
        return {}

    call = bounded(execute, workers=1)
    with ThreadPoolExecutor(2) as callers:
        names = [{"FunctionName": "validate"}, {"FunctionName": "coordinate"}]
        assert list(callers.map(lambda name: call(name, {}, "id"), names)) == [{}, {}]


def test_a_worker_is_free_again_after_a_failure() -> None:
    def execute(function: dict[str, Any], event: bool, request_id: str) -> dict[str, Any]:
        if event:
            raise RuntimeError("the worker is dead")
        return {"body": "done"}

    call = bounded(execute, workers=1)
    function = {"FunctionName": "validate"}
    with pytest.raises(RuntimeError, match="the worker is dead"):
        call(function, True, "id")
    assert call(function, False, "id") == {"body": "done"}
