"""What the four stage actors share: configured once, and never raising.

Thespian runs a handler that raised a second time, so failures are answered as messages.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from thespian.actors import ActorTypeDispatcher

from actors.messages import (
    Check,
    Configure,
    Configured,
    Launch,
    Refused,
    Resolve,
    Resolved,
    Stop,
    Ticket,
)
from contracts.problem import Problem
from pipeline.bootstrap import Coordination, coordination
from pipeline.clock import now
from pipeline.errors import LaunchRefused
from pipeline.job_events import JobChecked, JobEvent, StageFinished, StageLaunched
from pipeline.model import Attempt, Fault, Job, seconds_between
from pipeline.orders import LaunchStage, StopStage

log = logging.getLogger(__name__)

FORGOTTEN_AFTER_SECONDS = 300.0
"""So long after the job's last change work that AWS does not know is gone, and not merely new."""

MOST_DEATHS = 3
"""So often a function that died in each of its three tries is called again at once; Lambda makes
pauses of a minute and of two between its tries."""


class StageActor(ActorTypeDispatcher):  # type: ignore[misc]
    """Answers each order with `Resolved` or `Refused`; subclasses say with what."""

    aws: Coordination

    def resolve(self, message: Any) -> JobEvent | None:
        """What `message` means for which job."""
        raise NotImplementedError

    def launch(self, job: Job, order: LaunchStage) -> StageLaunched:
        """Hand the ordered attempt to AWS, or find that somebody has. Raises LaunchRefused."""
        raise NotImplementedError

    def stop(self, job: Job, order: StopStage) -> JobEvent | None:
        """Have AWS end the ordered attempt; None when its end will be told."""
        raise NotImplementedError

    def check(self, job: Job) -> JobEvent | None:
        """Ask AWS what has become of the stage that `job` is in."""
        raise NotImplementedError

    def receiveMsg_Configure(self, message: Configure, sender: Any) -> None:
        self.aws = coordination(message.settings)
        self.settings = message.settings
        self.send(sender, Configured())

    def receiveMsg_Resolve(self, message: Resolve, sender: Any) -> None:
        self._answer(sender, message.ticket, lambda: self.resolve(message.message))

    def receiveMsg_Launch(self, message: Launch, sender: Any) -> None:
        self._answer(sender, message.ticket, lambda: self._launch(message.job, message.order))

    def receiveMsg_Stop(self, message: Stop, sender: Any) -> None:
        self._answer(sender, message.ticket, lambda: self.stop(message.job, message.order))

    def receiveMsg_Check(self, message: Check, sender: Any) -> None:
        self._answer(sender, message.ticket, lambda: self.check(message.job))

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
                fault=Fault.OURS,
            )

    def _answer(self, sender: Any, ticket: Ticket, work: Callable[[], JobEvent | None]) -> None:
        try:
            self.send(sender, Resolved(ticket, work()))
        except Exception as error:
            log.exception("%s failed", type(self).__name__)
            self.send(sender, Refused(ticket, f"{type(error).__name__}: {error}"))


def never_launched(job: Job, attempt: Attempt) -> StageFinished:
    """The end of an attempt that was to be stopped, and which nobody has launched."""
    problem = Problem("not_launched", "It was stopped before AWS had taken it.")
    return _ended(job, attempt, problem, Fault.STOPPED)


def vanished(job: Job, attempt: Attempt) -> StageFinished | JobChecked:
    """What it means that AWS does not know the attempt's work."""
    if seconds_between(job.updated_at, now()) < FORGOTTEN_AFTER_SECONDS:
        return JobChecked(job.job_id)
    problem = Problem("vanished", f"AWS does not know {attempt.external_id} any more.")
    return _ended(job, attempt, problem, Fault.HOST)


def _ended(job: Job, attempt: Attempt, problem: Problem, fault: Fault) -> StageFinished:
    return StageFinished(
        job_id=job.job_id,
        stage=attempt.stage,
        number=attempt.number,
        finished_at=now(),
        error=problem,
        fault=fault,
    )
