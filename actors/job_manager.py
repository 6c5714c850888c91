"""JobManager: takes deliveries, has them resolved, lets `plan` decide and saves what it decided."""

from __future__ import annotations

import logging
from typing import Any

from thespian.actors import ActorTypeDispatcher

from actors.analysis import AnalysisActor
from actors.messages import (
    Check,
    Configure,
    Configured,
    Handled,
    HandleMessage,
    Launch,
    Refused,
    Resolve,
    Resolved,
    Stop,
    Ticket,
)
from actors.normalization import NormalizationActor
from actors.spark import SparkActor
from actors.validation import ValidationActor
from pipeline.bootstrap import coordination
from pipeline.clock import now
from pipeline.errors import LostRace
from pipeline.job_events import CancelRequested, DatasetValidated, JobEvent
from pipeline.messages import (
    AnalysisFinished,
    BatchJobChanged,
    CheckJob,
    DatasetArriving,
    FunctionFailed,
    Message,
    SparkRunChanged,
    parse,
)
from pipeline.model import Job, Stage
from pipeline.orders import LaunchStage, LookAgain, StopStage
from pipeline.plan import WORK, Decision, Turn, plan
from pipeline.settings import CoordinateSettings
from pipeline.work_queue import LONGEST_DELAY

log = logging.getLogger(__name__)

STAGE_ACTORS = {
    Stage.VALIDATE: ValidationActor,
    Stage.NORMALIZE: NormalizationActor,
    Stage.SPARK: SparkActor,
    Stage.ANALYZE: AnalysisActor,
}
STAGE_OF = {status: stage for stage, status in WORK.items()}
"""Of a job that is not validated yet it is validation."""

MAX_RACES = 10


class JobManager(ActorTypeDispatcher):  # type: ignore[misc]
    """The head of one invocation's actors, and the only one that changes a job."""

    def receiveMsg_Configure(self, message: Configure, sender: Any) -> None:
        self._settings: CoordinateSettings = message.settings
        aws = coordination(message.settings)
        self._store, self._queue = aws.store, aws.queue
        self._stages = {stage: self.createActor(cls) for stage, cls in STAGE_ACTORS.items()}
        self._unconfigured = len(self._stages)
        self._configurer = sender
        for actor in self._stages.values():
            self.send(actor, message)

    def receiveMsg_Configured(self, message: Configured, sender: Any) -> None:
        self._unconfigured -= 1
        if not self._unconfigured:
            self.send(self._configurer, message)

    def receiveMsg_HandleMessage(self, message: HandleMessage, sender: Any) -> None:
        ticket = Ticket(message.owner, sender)
        try:
            self._handle(ticket, parse(message.body))
        except Exception as error:
            self._refuse(ticket, error)

    def receiveMsg_Resolved(self, message: Resolved, sender: Any) -> None:
        try:
            self._decide(message.ticket, message.event)
        except Exception as error:
            self._refuse(message.ticket, error)

    def receiveMsg_Refused(self, message: Refused, sender: Any) -> None:
        self.send(message.ticket.requester, message)

    def receiveUnrecognizedMessage(self, message: Any, sender: Any) -> None:
        log.debug("JobManager ignores a %s", type(message).__name__)

    def _handle(self, ticket: Ticket, message: Message | None) -> None:
        match message:
            case None | DatasetValidated() | CancelRequested():
                self._decide(ticket, message)
            case CheckJob():
                self._check(ticket, self._store.get(message.job_id))
            case _:
                self.send(self._stages[self._stage_of(message)], Resolve(ticket, message))

    def _check(self, ticket: Ticket, job: Job) -> None:
        if job.status.is_end:
            self._done(ticket, job)
        else:
            stage = STAGE_OF.get(job.status, Stage.VALIDATE)
            self.send(self._stages[stage], Check(ticket, job))

    def _stage_of(
        self,
        message: DatasetArriving
        | AnalysisFinished
        | FunctionFailed
        | BatchJobChanged
        | SparkRunChanged,
    ) -> Stage:
        match message:
            case DatasetArriving():
                return Stage.VALIDATE
            case BatchJobChanged():
                return Stage.NORMALIZE
            case SparkRunChanged():
                return Stage.SPARK
            case AnalysisFinished():
                return Stage.ANALYZE
            case FunctionFailed():
                validate = self._settings.validate_function
                return Stage.VALIDATE if validate in message.function else Stage.ANALYZE

    def _decide(self, ticket: Ticket, event: JobEvent | None) -> None:
        if event is None:
            self.send(ticket.requester, Handled())
            return
        decision = self._save(event, ticket.owner)
        job = decision.job
        match decision.order:
            case LaunchStage() as order:
                self.send(self._stages[order.stage], Launch(ticket, job, order))
            case StopStage() as order:
                self.send(self._stages[order.stage], Stop(ticket, job, order))
            case LookAgain(seconds):
                self._queue.send(CheckJob(job.job_id), delay_seconds=min(seconds, LONGEST_DELAY))
                self._done(ticket, job)
            case None:
                self._done(ticket, job)

    def _done(self, ticket: Ticket, job: Job) -> None:
        self.send(ticket.requester, Handled(job.job_id, job.status.value))

    def _save(self, event: JobEvent, owner: str) -> Decision:
        """Decide and save, from a fresh read whenever another writer came first."""
        for _ in range(MAX_RACES):
            job: Job = self._store.get(event.job_id)
            decision = plan(job, event, Turn(owner, now()))
            if decision.job == job:
                return decision
            try:
                return Decision(self._store.save(decision.job), decision.order)
            except LostRace:
                continue
        raise LostRace(event.job_id)

    def _refuse(self, ticket: Ticket, error: Exception) -> None:
        log.exception("JobManager failed")
        self.send(ticket.requester, Refused(ticket, f"{type(error).__name__}: {error}"))
