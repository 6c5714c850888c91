"""Every call that the real functions make of AWS in the running local cloud, and its mishaps."""

import itertools
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.chaos.sabotage import Point, Sabotage

ROUNDS = 3
"""Two events that come together are one save, so a run may have fewer calls than the quiet one."""

AT_ONCE = 8
FUNCTIONS = {"validate_upload", "coordinate", "analyze", "reconcile", "api"}


def upload(sabotage: Sabotage, job_id: str) -> list[str]:
    sabotage.upload(job_id)
    return [job_id]


def upload_folder(sabotage: Sabotage, job_id: str) -> list[str]:
    sabotage.upload_folder(job_id)
    return [job_id]


def post(sabotage: Sabotage, job_id: str) -> list[str]:
    data = [{"id": n, "value": random.gauss(0, 1)} for n in range(50)]
    body = {"job_id": job_id, "data": data, "processing_config": {"force": True}}
    status, document = sabotage.post("/jobs", body)
    assert status == 202, document
    return [job_id]


def rerun(sabotage: Sabotage, job_id: str) -> list[str]:
    sabotage.upload(job_id)
    sabotage.ended([job_id])
    status, document = sabotage.post(f"/jobs/{job_id}/rerun", {"whole": True})
    assert status == 202
    return [job_id, document["job_id"]]


def cancel(sabotage: Sabotage, job_id: str) -> list[str]:
    post(sabotage, job_id)
    status, _ = sabotage.post(f"/jobs/{job_id}/cancel", {"reason": "chaos"})
    assert status in (202, 409)
    return [job_id]


WAYS: tuple[Callable[[Sabotage, str], list[str]], ...] = (
    upload,
    upload_folder,
    post,
    rerun,
    cancel,
)
"""How a job comes in; each gives the ids of the jobs that are to end."""

OF_THE_API = {rerun, cancel}
"""Ways on which only what the API does is new: what comes then, other jobs have as well."""


@dataclass(frozen=True)
class Case:
    """A job that comes in by `way` and has a mishap at `point`."""

    way: Callable[[Sabotage, str], list[str]]
    point: Point
    mishap: str


def test_whatever_call_dies_fails_or_is_not_answered_the_job_ends_well(sabotage: Sabotage) -> None:
    numbers = itertools.count()
    left = list(cases(sabotage, (f"chaos-{number}" for number in numbers)))
    assert {case.point.call.split()[0] for case in left} == FUNCTIONS
    calls, total = {(case.way, case.point) for case in left}, len(left)
    wanted = {(case.point.call, case.mishap) for case in left}
    happened: dict[str, Case] = {}
    for _ in range(ROUNDS):
        tried = {f"chaos-{next(numbers)}": case for case in left}
        run(sabotage, tried)
        happened |= {id_: case for id_, case in tried.items() if sabotage.has_happened(id_)}
        left = [case for job_id, case in tried.items() if job_id not in happened]
        if not left:
            break
    work = sabotage.work()
    again = [name for name, times in work.items() if times != 1 or not name.endswith("-1")]
    assert not again
    for job_id, case in happened.items():
        if case.way is not cancel:
            names = [f"bigdata-{job_id}--{stage}-1" for stage in ("normalize", "spark")]
            assert [work[name] for name in names] == [1, 1], case
    print(f"\n{len(calls)} calls, {len(happened)} of {total} mishaps, every job done once")
    print(f"in no run did these come up: {left}")
    # Each call has met each mishap, and those that did not come up were the last of their kind.
    assert {(case.point.call, case.mishap) for case in happened.values()} == wanted
    assert len(happened) > 0.9 * total


def run(sabotage: Sabotage, tried: dict[str, Case]) -> None:
    """Have the jobs come in, each with its mishap, and see them to their ends."""

    def enter(job_id: str) -> list[str]:
        case = tried[job_id]
        sabotage.plan(job_id, case.point, case.mishap)
        return case.way(sabotage, job_id)

    with sabotage.reconciling():
        with ThreadPoolExecutor(AT_ONCE) as entering:
            entered = dict(zip(tried, entering.map(enter, tried), strict=True))
        documents = sabotage.ended(each for job_ids in entered.values() for each in job_ids)
    for document in documents.values():
        case = next(tried[job_id] for job_id in tried if document["job_id"] in entered[job_id])
        ends = {"COMPLETED", "CANCELLED"} if case.way is cancel else {"COMPLETED"}
        assert document["status"] in ends, (case, document["error"])


def cases(sabotage: Sabotage, job_ids: Iterator[str]) -> Iterator[Case]:
    """What is called about a job that comes in by each of the ways, as far as it is new."""
    known: set[Point] = set()
    for way in WAYS:
        new = [point for point in discovered(sabotage, way, job_ids) if point not in known]
        known.update(new)
        if way in OF_THE_API:
            new = [point for point in new if point.call.startswith("api ")]
        yield from (Case(way, point, mishap) for point in new for mishap in point.mishaps)


def discovered(
    sabotage: Sabotage, way: Callable[[Sabotage, str], list[str]], job_ids: Iterator[str]
) -> list[Point]:
    """What is called about a job that nobody looks after, and what besides when somebody does."""
    quiet = next(job_ids)
    sabotage.ended(way(sabotage, quiet))
    points = sabotage.points(quiet)
    if way is upload:
        known = {point.call for point in points}
        others: set[str] = set()
        while not any(call.startswith("reconcile") for call in others):
            checked = next(job_ids)
            with sabotage.reconciling(period_s=0.5):
                sabotage.ended(way(sabotage, checked))
            others |= {point.call for point in sabotage.points(checked)} - known
        points += [Point(call, 1) for call in sorted(others)]
    # A query is about many jobs, and whoever dies at it has not begun with any.
    return [point for point in points if not point.call.endswith(".Query")]
