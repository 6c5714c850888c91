"""What is to be done about a job, once what `plan` decided is saved."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.model import Stage


@dataclass(frozen=True)
class LaunchStage:
    """Have AWS do attempt `number` of `stage`.

    With `look_first` someone else may already have launched it: adopt that launch if it is there.
    """

    stage: Stage
    number: int
    look_first: bool


@dataclass(frozen=True)
class StopStage:
    """Have AWS end attempt `number` of `stage`, launched by someone or never launched."""

    stage: Stage
    number: int


@dataclass(frozen=True)
class LookAgain:
    """Check the job after so many seconds."""

    seconds: int


Order = LaunchStage | StopStage | LookAgain
