"""What the four stage actors share: configured once, and never raising.

Thespian runs a handler that raised a second time, so failures are answered as messages.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from thespian.actors import ActorTypeDispatcher

from actors.messages import Configure, Configured, Launch, Refused, Resolve, Resolved, Ticket
from contracts.problem import Problem
from pipeline.bootstrap import Coordination, coordination
from pipeline.clock import now
from pipeline.errors import LaunchRefused
from pipeline.messages import JobEvent, LaunchStage, StageFinished, StageLaunched
from pipeline.model import Job

log = logging.getLogger(__name__)


class StageActor(ActorTypeDispatcher):  # type: ignore[misc]
    """Answers `Resolve` and `Launch` with `Resolved` or `Refused`; subclasses say with what."""

    aws: Coordination

    def resolve(self, message: Any) -> JobEvent | None:
        """What `message` means for which job."""
        raise NotImplementedError

    def launch(self, job: Job, order: LaunchStage) -> StageLaunched:
        """Hand the ordered attempt to AWS, or find that somebody has. Raises LaunchRefused."""
        raise NotImplementedError

    def receiveMsg_Configure(self, message: Configure, sender: Any) -> None:
        self.aws = coordination(message.settings)
        self.settings = message.settings
        self.send(sender, Configured())

    def receiveMsg_Resolve(self, message: Resolve, sender: Any) -> None:
        self._answer(sender, message.ticket, lambda: self.resolve(message.message))

    def receiveMsg_Launch(self, message: Launch, sender: Any) -> None:
        self._answer(sender, message.ticket, lambda: self._launch(message.job, message.order))

    def receiveUnrecognizedMessage(self, message: Any, sender: Any) -> None:
        log.debug("%s ignores a %s", type(self).__name__, type(message).__name__)

    def _launch(self, job: Job, order: LaunchStage) -> StageLaunched | StageFinished:
        try:
            return self.launch(job, order)
        except LaunchRefused as error:
            return StageFinished(
                job_id=job.job_id,
                stage=order.stage,
                number=order.number,
                finished_at=now(),
                error=Problem("launch_refused", str(error)),
            )

    def _answer(self, sender: Any, ticket: Ticket, work: Callable[[], JobEvent | None]) -> None:
        try:
            self.send(sender, Resolved(ticket, work()))
        except Exception as error:
            log.exception("%s failed", type(self).__name__)
            self.send(sender, Refused(ticket, f"{type(error).__name__}: {error}"))
