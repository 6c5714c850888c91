"""Every call that the real functions make of AWS in the running local cloud, and its mishaps."""

import itertools
from collections.abc import Iterator

from tests.chaos.sabotage import Point, Sabotage

ROUNDS = 3
"""Two events that come together are one save, so a run may have fewer calls than the quiet one."""

FUNCTIONS = {"validate_upload", "coordinate", "analyze", "reconcile"}
"""The API's callers see an error, and call again."""


def test_whatever_call_dies_fails_or_is_not_answered_the_job_completes(sabotage: Sabotage) -> None:
    numbers = itertools.count()
    points = discovered(sabotage, (f"chaos-{number}" for number in numbers))
    assert {point.call.split()[0] for point in points} == FUNCTIONS
    left = [(point, mishap) for point in points for mishap in point.mishaps]
    total = len(left)
    happened: dict[str, tuple[Point, str]] = {}
    for _ in range(ROUNDS):
        tried = {f"chaos-{next(numbers)}": case for case in left}
        for job_id, (point, mishap) in tried.items():
            sabotage.plan(job_id, point, mishap)
            sabotage.upload(job_id)
        documents = sabotage.ended(tried, reconciled=True)
        assert not {tried[job_id]: d["error"] for job_id, d in documents.items() if d["error"]}
        happened |= {id_: case for id_, case in tried.items() if sabotage.has_happened(id_)}
        left = [case for job_id, case in tried.items() if job_id not in happened]
        if not left:
            break
    work = sabotage.work()
    again = [name for name, times in work.items() if times != 1 or not name.endswith("-1")]
    assert not again
    for job_id, case in happened.items():
        names = [f"bigdata-{job_id}--{stage}-1" for stage in ("normalize", "spark")]
        assert [work[name] for name in names] == [1, 1], case
    print(f"\n{len(points)} calls, {len(happened)} of {total} mishaps, every job done once")
    print(f"in no run did these come up: {left}")
    # Each call has met each mishap, and those that did not come up were the last of their kind.
    assert {(point.call, mishap) for point, mishap in happened.values()} == {
        (point.call, mishap) for point in points for mishap in point.mishaps
    }
    assert len(happened) > 0.9 * total


def discovered(sabotage: Sabotage, job_ids: Iterator[str]) -> list[Point]:
    """What is called about a job that nobody looks after, and what besides when somebody does."""
    quiet = next(job_ids)
    sabotage.upload(quiet)
    sabotage.ended([quiet], reconciled=False)
    points = sabotage.points(quiet)
    known = {point.call for point in points}
    others: set[str] = set()
    while not any(call.startswith("reconcile") for call in others):
        checked = next(job_ids)
        sabotage.upload(checked)
        sabotage.ended([checked], reconciled=True, period_s=0)
        others |= {point.call for point in sabotage.points(checked)} - known
    points += [Point(call, 1) for call in sorted(others)]
    # A query is about many jobs, and whoever dies at it has not begun with any.
    return [
        point
        for point in points
        if point.call.split()[0] in FUNCTIONS and not point.call.endswith(".Query")
    ]
