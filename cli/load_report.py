"""What a load test found: pure functions over the documents, the launches and the log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.compute_names import AttemptName
from pipeline.model import Status

Document = dict[str, Any]


@dataclass(frozen=True)
class Spread:
    """Milliseconds: the median, what 95 of 100 stay below, and the most."""

    median: float
    p95: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread | None:
        """None without values."""
        if not values:
            return None
        ordered = sorted(values)
        last = len(ordered) - 1
        return cls(ordered[last // 2], ordered[round(last * 0.95)], ordered[last])


@dataclass(frozen=True)
class LoadReport:
    """What became of the jobs.

    `lost` were uploaded and have no record; `unfinished` have not come to an end; `doubled` had
    work done twice, more than one attempt of a stage included. `waited_ms` is how long the
    coordinator's messages were in the queue, `took_ms` how long it was busy with each.
    """

    jobs: int
    computed: int
    statuses: dict[str, int]
    lost: tuple[str, ...]
    unfinished: tuple[str, ...]
    doubled: tuple[str, ...]
    uploaded_s: float
    took_s: float
    messages: int
    waited_ms: Spread | None
    took_ms: Spread | None

    @property
    def is_faultless(self) -> bool:
        faults = self.lost or self.unfinished or self.doubled
        return not faults and self.statuses == {Status.COMPLETED.value: self.jobs}


def load_report(
    job_ids: Sequence[str],
    documents: dict[str, Document],
    launches: Counter[str],
    handled: Sequence[Document],
    began: float,
    uploaded_s: float,
) -> LoadReport:
    """`launches` counts by the name at AWS, `handled` are the coordinator's log lines.

    `began` is in seconds since 1970.
    """
    ends = [
        datetime.fromisoformat(each["updated_at"]).timestamp()
        for each in documents.values()
        if Status(each["status"]).is_end
    ]
    again = {name.job_id for name in map(AttemptName.parse, _doubled(launches)) if name}
    again |= {job_id for job_id, each in documents.items() if _has_second_attempt(each)}
    return LoadReport(
        jobs=len(job_ids),
        computed=sum("-computed-" in job_id for job_id in job_ids),
        statuses=dict(Counter(each["status"] for each in documents.values())),
        lost=tuple(job_id for job_id in job_ids if job_id not in documents),
        unfinished=tuple(
            job_id for job_id, each in documents.items() if not Status(each["status"]).is_end
        ),
        doubled=tuple(sorted(again & set(job_ids))),
        uploaded_s=round(uploaded_s, 3),
        took_s=round(max(ends, default=began) - began, 3),
        messages=len(handled),
        waited_ms=Spread.of([line["waited_ms"] for line in handled]),
        took_ms=Spread.of([line["took_ms"] for line in handled]),
    )


def _doubled(launches: Counter[str]) -> Iterator[str]:
    return (name for name, times in launches.items() if times > 1)


def _has_second_attempt(document: Document) -> bool:
    return any(stage["attempt"] > 1 for stage in document["stages"])
