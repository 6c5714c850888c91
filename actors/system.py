"""One actor system for one invocation: nothing of one delivery can reach the next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from thespian.actors import ActorSystem

from actors.job_manager import JobManager
from actors.messages import Configure, Configured, Handled, HandleMessage, Refused
from pipeline.errors import TryAgain
from pipeline.settings import CoordinateSettings

ANSWER_SECONDS = 45
"""How long a delivery may take; less than the coordinate function's timeout."""


class Coordinator:
    """The door to a running actor system."""

    def __init__(self, system: Any, manager: Any) -> None:
        self._system = system
        self._manager = manager

    def handle(self, owner: str, body: str) -> Handled:
        """Handle one message of the work queue; `owner` is unique to this delivery.

        Raises TryAgain when the queue is to bring it again.
        """
        answer = self._system.ask(self._manager, HandleMessage(owner, body), ANSWER_SECONDS)
        if isinstance(answer, Handled):
            return answer
        if isinstance(answer, Refused):
            raise TryAgain(answer.reason)
        raise TryAgain(f"the actors answered {type(answer).__name__}")


@contextmanager
def coordinator(
    settings: CoordinateSettings,
    base: str = "simpleSystemBase",
    capabilities: dict[str, Any] | None = None,
) -> Iterator[Coordinator]:
    """A fresh actor system on Thespian's `base`, shut down at the end. Raises TryAgain."""
    system = ActorSystem(
        base, capabilities, logDefs={"version": 1, "disable_existing_loggers": False}
    )
    try:
        manager = system.createActor(JobManager)
        ready = system.ask(manager, Configure(settings), ANSWER_SECONDS)
        if not isinstance(ready, Configured):
            raise TryAgain(f"the actors did not start: {type(ready).__name__}")
        yield Coordinator(system, manager)
    finally:
        system.shutdown()
