"""What the actors say to each other: frozen and picklable, since actors may be processes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipeline.job_events import JobEvent
from pipeline.messages import Message
from pipeline.model import Job
from pipeline.orders import LaunchStage, StopStage
from pipeline.settings import CoordinateSettings


@dataclass(frozen=True)
class Configure:
    """The first message to an actor: build your collaborators from these settings."""

    settings: CoordinateSettings


@dataclass(frozen=True)
class Configured:
    """The actor is ready."""


@dataclass(frozen=True)
class HandleMessage:
    """Handle one message of the work queue. `owner` is unique to this delivery."""

    owner: str
    body: str


@dataclass(frozen=True)
class Ticket:
    """Which delivery this is about, and the address of whoever waits for the answer."""

    owner: str
    requester: Any


@dataclass(frozen=True)
class Resolve:
    """What does `message` mean for which job?"""

    ticket: Ticket
    message: Message


@dataclass(frozen=True)
class Launch:
    """Carry out `order` for `job`, which has just been saved with the claim."""

    ticket: Ticket
    job: Job
    order: LaunchStage


@dataclass(frozen=True)
class Stop:
    """Carry out `order` for `job`."""

    ticket: Ticket
    job: Job
    order: StopStage


@dataclass(frozen=True)
class Check:
    """What has become of the stage that `job` is in?"""

    ticket: Ticket
    job: Job


@dataclass(frozen=True)
class Resolved:
    """What a message or a launch came to; None when it concerns no job."""

    ticket: Ticket
    event: JobEvent | None


@dataclass(frozen=True)
class Handled:
    """The delivery is done with; the queue may forget it."""

    job_id: str | None = None
    status: str | None = None


@dataclass(frozen=True)
class Refused:
    """The delivery could not be handled, for `reason`; the queue is to bring it again."""

    ticket: Ticket
    reason: str
