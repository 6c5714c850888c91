from dataclasses import replace

import pytest

from contracts.problem import Problem
from pipeline.errors import JobNotFound, LostRace
from pipeline.model import Attempt, AttemptState, Job, Source, Stage, Status, Totals
from pipeline.store import InvalidPageToken, JobStore


def job(job_id: str = "job", key: str = "input/a.csv", created: int = 0) -> Job:
    time = f"2026-11-23T10:00:{created:02d}.000Z"
    return Job(job_id, Status.QUEUED, Source("ingest", key, "v1", time), time, time)


def test_a_job_is_read_as_it_was_saved_to_the_last_digit(store: JobStore) -> None:
    full = replace(
        job(),
        attempts=(Attempt(Stage.SPARK, 2, AttemptState.FAILED, "t", error=Problem("a", "b")),),
        warnings=("w",),
        totals=Totals(3, 0.1 + 0.2, 1e-17, 1 / 3, 1e-300, None, None, "one pipeline"),
    )
    saved = store.save(full)
    assert saved == replace(full, version=1)
    assert store.get("job") == saved


def test_of_two_savers_of_one_version_the_second_loses(store: JobStore) -> None:
    read = store.save(job())
    store.save(replace(read, warnings=("first",)))
    with pytest.raises(LostRace):
        store.save(replace(read, warnings=("second",)))
    assert store.get("job").warnings == ("first",)


def test_a_job_is_created_once(store: JobStore) -> None:
    store.save(job())
    with pytest.raises(LostRace):
        store.save(job(created=1))


def test_a_save_whose_answer_was_lost_is_no_lost_race(store: JobStore) -> None:
    created = store.save(job())
    assert store.save(job()) == created
    changed = store.save(replace(created, warnings=("w",)))
    assert store.save(replace(created, warnings=("w",))) == changed
    assert store.get("job") == changed


def test_an_unknown_job_is_not_found(store: JobStore) -> None:
    assert store.find("nobody") is None
    with pytest.raises(JobNotFound, match="nobody"):
        store.get("nobody")


def test_jobs_are_listed_newest_first_page_by_page(store: JobStore) -> None:
    for n in range(5):
        store.save(job(f"job-{n}", created=n))
    first = store.list(limit=2)
    second = store.list(limit=2, start=first.next)
    last = store.list(limit=2, start=second.next)
    assert [j.job_id for page in (first, second, last) for j in page.jobs] == [
        f"job-{n}" for n in (4, 3, 2, 1, 0)
    ]
    assert last.next is None


class EagerTable:
    """As DynamoDB does and moto does not: a full page has a next one, there or not."""

    def __init__(self, table) -> None:
        self._table = table

    def query(self, **query):
        answer = self._table.query(**query)
        if len(answer["Items"]) == query["Limit"]:
            last, index = answer["Items"][-1], query["ExpressionAttributeNames"]["#key"]
            answer["LastEvaluatedKey"] = {n: last[n] for n in ("job_id", "created_at", index)}
        return answer


def test_a_last_page_that_is_full_has_no_next(store: JobStore) -> None:
    for n in range(4):
        store.save(job(f"job-{n}", created=n))
    store = JobStore(EagerTable(store._table))
    queued, key = Status.QUEUED, job().source.key
    for filters in ({}, {"status": queued}, {"source": key}, {"source": key, "status": queued}):
        first = store.list(limit=2, **filters)
        last = store.list(limit=2, start=first.next, **filters)
        assert [j.job_id for j in (*first.jobs, *last.jobs)] == [f"job-{n}" for n in (3, 2, 1, 0)]
        assert last.next is None


def test_a_page_is_full_however_many_others_are_filtered_out(store, monkeypatch) -> None:
    monkeypatch.setattr("pipeline.store.PAGE", 2)
    for n in range(9):
        status = Status.QUEUED if n in (0, 1, 5) else Status.FAILED
        store.save(replace(job(f"job-{n}", created=n), status=status))
    filters = {"source": job().source.key, "status": Status.QUEUED}
    first = store.list(limit=2, **filters)
    last = store.list(limit=2, start=first.next, **filters)
    assert [j.job_id for j in first.jobs] == ["job-5", "job-1"]
    assert [j.job_id for j in last.jobs] == ["job-0"]
    assert last.next is None


def test_jobs_are_found_by_status_and_by_source(store: JobStore) -> None:
    store.save(job("a", key="input/a.csv"))
    store.save(replace(job("b", key="input/a.csv"), status=Status.FAILED))
    store.save(job("c", key="input/c.csv"))
    assert {j.job_id for j in store.list(status=Status.QUEUED).jobs} == {"a", "c"}
    assert {j.job_id for j in store.list(source="input/a.csv").jobs} == {"a", "b"}
    both = store.list(source="input/a.csv", status=Status.FAILED)
    assert [j.job_id for j in both.jobs] == ["b"]


@pytest.mark.parametrize("token", ["x", "e30=", "bm90IGpzb24="])
def test_a_page_token_that_nobody_gave_is_refused(store: JobStore, token: str) -> None:
    with pytest.raises(InvalidPageToken):
        store.list(start=token)


def test_a_page_token_of_another_status_is_refused(store: JobStore) -> None:
    for number in (1, 2):
        store.save(job(f"job-{number}"))
    token = store.list(status=Status.QUEUED, limit=1).next

    with pytest.raises(InvalidPageToken):
        store.list(status=Status.FAILED, start=token)


def test_the_newest_completed_job_over_a_content_is_found(store: JobStore) -> None:
    assert store.completed("content") is None
    for number, status in enumerate((Status.COMPLETED, Status.COMPLETED, Status.FAILED)):
        found = replace(job(f"job-{number}", created=number), status=status, content="content")
        store.save(found)
    store.save(replace(job("other", created=9), status=Status.COMPLETED, content="other"))
    completed = store.completed("content")
    assert completed is not None
    assert completed.job_id == "job-1"
