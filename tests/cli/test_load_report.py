from collections import Counter
from typing import Any

from cli.load_report import LoadReport, Spread, load_report

BEGAN = 1_763_900_000.0


def document(job_id: str, status: str = "COMPLETED", attempt: int = 1) -> dict[str, Any]:
    return {
        "job_id": job_id,
        "status": status,
        "updated_at": "2025-11-23T12:13:30.500Z",
        "stages": [{"name": "normalize", "attempt": attempt}],
    }


def found(job_ids: list[str], documents: list[dict[str, Any]], *launches: str) -> LoadReport:
    lines = [{"waited_ms": waited, "took_ms": 10} for waited in range(1, 101)]
    by_id = {each["job_id"]: each for each in documents}
    return load_report(job_ids, by_id, Counter(launches), lines, BEGAN, 1.25)


def name(job_id: str, stage: str = "normalize") -> str:
    return f"bigdata-{job_id}--{stage}-1"


def test_every_job_done_once_is_faultless() -> None:
    ids = ["load-computed-0", "load-replayed-1"]
    report = found(ids, [document(each) for each in ids], *map(name, ids))
    assert report.is_faultless
    assert (report.jobs, report.computed, report.statuses) == (2, 1, {"COMPLETED": 2})
    assert report.waited_ms == Spread(50, 95, 100)
    assert report.took_s == 10.5


def test_a_job_without_a_record_is_lost() -> None:
    report = found(["a", "b"], [document("a")])
    assert report.lost == ("b",)
    assert not report.is_faultless


def test_a_job_on_its_way_is_unfinished() -> None:
    report = found(["a"], [document("a", "NORMALIZING")])
    assert report.unfinished == ("a",)
    assert not report.is_faultless


def test_work_that_was_launched_or_attempted_twice_is_doubled() -> None:
    documents = [document("a"), document("b"), document("c", attempt=2)]
    report = found(["a", "b", "c"], documents, name("a"), name("a"), name("b", "spark"))
    assert report.doubled == ("a", "c")
    assert not report.is_faultless


def test_a_job_that_failed_is_a_fault() -> None:
    assert not found(["a"], [document("a", "FAILED")]).is_faultless


def test_without_messages_nothing_is_known_of_them() -> None:
    report = load_report(["a"], {}, Counter(), [], BEGAN, 1.0)
    assert (report.messages, report.waited_ms, report.took_ms) == (0, None, None)
