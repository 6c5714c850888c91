"""Lambda's processes on a laptop: what MiniStack does with its own, but as Lambda does it.

MiniStack starts a process, with a function's code and layers unpacked anew, for each invocation
that finds none free, and after a few refusals gives an asynchronous event up. Five hundred uploads
at once would be five hundred processes; AWS keeps such events for six hours. When one process dies
as it starts, MiniStack ends all others of the function, and what they were working on. And of a
function that raised it tells no more than of one that was killed.
"""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from typing import Any

WORKERS = 2 * len(os.sched_getaffinity(0))
"""Of each function, at most. None of ours invokes another and waits for it."""


def install() -> None:
    """Have MiniStack invoke functions as this module does. It reads its environment here."""
    from ministack.services import lambda_svc

    lambda_svc._execute_function_warm = LambdaWorkers().invoke
    lambda_svc._ensure_reaper_thread()


class LambdaWorkers:
    """Invokes functions, `most` at once of each; further invocations wait for their turn."""

    def __init__(self, most: int = WORKERS) -> None:
        self._turns: dict[str, threading.Semaphore] = defaultdict(lambda: threading.Semaphore(most))
        self._lock = threading.Lock()

    def invoke(self, function: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
        """What came of the invocation, as MiniStack wants to be told it."""
        from ministack.core.lambda_runtime import acquire_worker, kill_workers, release_worker

        config, code = function["config"], function["code_zip"]
        name = config["FunctionName"]
        with self._lock:
            turn = self._turns[name]
        with turn:
            # One that is found dead is started anew.
            worker, _ = acquire_worker(name, config, code, config.get("Version", "$LATEST"))
            if worker.config["LastModified"] < config["LastModified"]:
                # An invocation from before the function's update had to wait, and started it.
                kill_workers([worker])
                worker.config, worker.code_zip = config, code
            try:
                answer = worker.invoke(
                    event, request_id, invoked_function_arn=config["FunctionArn"]
                )
            except Exception as error:  # it did not start, and may not have gone yet
                kill_workers([worker])
                answer = {"status": "error", "error": str(error)}
            finally:
                release_worker(worker)
        if answer["status"] == "ok":
            return {"body": answer["result"], "log": answer["log"]}
        told = (answer.get("log"), answer.get("trace") or answer["error"])
        return {
            "body": _failure(answer["error"], answer.get("trace")),
            "error": True,
            "log": "\n".join(filter(None, told)),
        }


def _failure(message: str, trace: str | None) -> dict[str, Any]:
    """The failure as Lambda tells it, which has a stack trace from a function that raised only."""
    if trace is not None:
        stack = {"stackTrace": trace.splitlines()}
        return {"errorType": "Runtime.HandlerError", "errorMessage": message, **stack}
    if message.startswith("Worker init failed"):
        return {"errorType": "Runtime.ImportModuleError", "errorMessage": message, "stackTrace": []}
    timed_out = message.startswith("Task timed out")
    kind = "Sandbox.Timedout" if timed_out else "Runtime.ExitError"
    return {"errorType": kind, "errorMessage": message}
