"""What the HTTP API shows of jobs, and how it refuses what it does not know."""

import json
from dataclasses import replace
from typing import Any

import pytest

from handlers import stored_report
from pipeline.model import Status
from pipeline.store import JobStore
from tests.handlers.api.calls import LATER, assert_problem, call, finished


def put_report(s3: Any, job_id: str, columns: dict[str, Any]) -> None:
    report = {
        "metrics": {
            "normalize": {"records": 3, "columns": columns},
            "quality": {
                "score": 99.0,
                "outlier_shares": dict.fromkeys(columns, 0.0),
                "constant_columns": [],
                "empty_columns": [],
            },
        },
        "cost": {"total_usd": 0.1},
    }
    body = json.dumps(report).encode()
    s3.put_object(Bucket="results", Key=f"results/{job_id}/report.json", Body=body)


def test_a_completed_job_is_shown_with_its_report(store: JobStore, s3: Any) -> None:
    store.save(finished("trips"))
    put_report(s3, "trips", {"fare": {"mean": 1.0}})

    answer = call("GET", "/jobs/trips")

    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    document = answer.json
    assert document["status"] == "COMPLETED"
    assert document["records_processed"] == 3
    assert document["metrics"]["normalize"]["columns"] == {"fare": {"mean": 1.0}}
    assert document["cost"] == {"total_usd": 0.1}
    assert document["warnings"] == []


def test_a_job_with_the_result_of_another_shows_that_ones_report_and_no_cost(
    store: JobStore, s3: Any
) -> None:
    origin = store.save(finished("origin"))
    put_report(s3, "origin", {"fare": {"mean": 1.0}})
    queued = replace(finished("again"), status=Status.QUEUED, attempts=(), totals=None)
    store.save(queued.with_result_of(origin, ("a row was kept aside",), LATER))

    document = call("GET", "/jobs/again").json

    assert (document["status"], document["reused_from"]) == ("COMPLETED", "origin")
    assert document["metrics"]["normalize"]["columns"] == {"fare": {"mean": 1.0}}
    assert (document["cost"], document["spent_usd"]) == (None, 0)
    assert document["warnings"] == ["a row was kept aside"]
    assert {stage["origin"] for stage in document["stages"]} == {"origin"}
    results = document["results"]
    assert results
    assert all("/results/origin/" in uri for uri in results.values() if "manifest" not in uri)


def test_a_report_that_was_deleted_is_told_of(store: JobStore, s3: Any) -> None:
    store.save(finished("trips"))
    answer = call("GET", "/jobs/trips")
    assert answer.status == 200
    assert answer.json["metrics"] is None
    assert "deleted" in answer.json["warnings"][-1]


def test_a_report_too_long_for_lambda_loses_its_columns_and_says_so(
    store: JobStore, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_report, "MAX_SHOWN_BYTES", 1000)
    store.save(finished("wide").with_warnings(tuple(f"warning {n}" for n in range(100))))
    put_report(s3, "wide", {f"column {n}": {"mean": 1.0} for n in range(100)})

    document = call("GET", "/jobs/wide").json

    assert document["metrics"]["normalize"] == {"records": 3, "columns": None}
    assert document["metrics"]["quality"]["score"] == 99.0
    assert document["metrics"]["quality"]["outlier_shares"] is None
    assert "s3://results/results/wide/report.json" in document["warnings"][-1]


def test_a_report_that_nobody_can_read_at_once_is_only_pointed_at(
    store: JobStore, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_report, "MAX_READ_BYTES", 10)
    store.save(finished("wide"))
    put_report(s3, "wide", {})

    document = call("GET", "/jobs/wide").json

    assert document["metrics"] is None
    assert "s3://results/results/wide/report.json" in document["warnings"][0]


@pytest.mark.parametrize("job_id", ["nobody", "a b", "ä", "..", "%2e%2e", "x" * 3000])
def test_an_unknown_job_is_not_found(store: JobStore, job_id: str) -> None:
    answer = call("GET", f"/jobs/{job_id}")

    assert_problem(answer, 404)
    assert answer.json["instance"] == f"/jobs/{job_id}"


@pytest.mark.parametrize("odd", ['a"b', "a#b", "a`b", "a\\b", "a?b", "a^b", "a\tb"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_id_of_characters_that_no_route_takes_is_not_found_either(
    store: JobStore, method: str, odd: str
) -> None:
    answer = call(method, f"/jobs/{odd}")

    assert answer.status == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert call("DELETE", f"/jobs/{odd}").status == 405


@pytest.mark.parametrize("path", ["/", "/job", "/jobs/a/b"])
def test_an_unknown_path_is_not_found(path: str) -> None:
    assert_problem(call("GET", path), 404)


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("DELETE", "/jobs", "GET, HEAD, OPTIONS, POST"),
        ("GET", "/process", "OPTIONS, POST"),
        ("POST", "/jobs/trips", "GET, HEAD, OPTIONS"),
    ],
)
def test_another_method_is_refused_with_those_that_are_allowed(
    method: str, path: str, allow: str
) -> None:
    answer = call(method, path)

    assert_problem(answer, 405, method, allow)
    assert answer.headers["Allow"] == allow


def test_options_tells_the_methods() -> None:
    answer = call("OPTIONS", "/jobs")

    assert answer.status == 204
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS, POST"


@pytest.mark.parametrize(("job_id", "status"), [("trips", 200), ("nobody", 404)])
def test_head_answers_like_get_without_a_body(store: JobStore, job_id: str, status: int) -> None:
    store.save(replace(finished("trips"), status=Status.FAILED))

    answer = call("HEAD", f"/jobs/{job_id}")

    assert answer.status == status
    assert answer.text == ""


def test_jobs_are_listed_newest_first_page_by_page(store: JobStore) -> None:
    for number in range(3):
        store.save(replace(finished(f"job-{number}"), created_at=f"2026-11-23T10:00:0{number}Z"))

    first = call("GET", "/jobs", limit="2").json
    second = call("GET", "/jobs", limit="2", next=first["next"]).json

    assert [job["job_id"] for job in first["jobs"]] == ["job-2", "job-1"]
    assert [job["job_id"] for job in second["jobs"]] == ["job-0"]
    assert second["next"] is None
    assert first["jobs"][0]["metrics"] is None


def test_jobs_are_listed_by_status_and_by_source(store: JobStore) -> None:
    store.save(finished("done"))
    store.save(replace(finished("broken"), status=Status.FAILED))

    failed = call("GET", "/jobs", status="FAILED").json["jobs"]
    of_done = call("GET", "/jobs", source="input/done.csv").json["jobs"]
    neither = call("GET", "/jobs", status="FAILED", source="input/done.csv").json["jobs"]

    assert [job["job_id"] for job in failed] == ["broken"]
    assert [job["job_id"] for job in of_done] == ["done"]
    assert neither == []


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ({"status": "DONE"}, "COMPLETED"),
        ({"limit": "0"}, "1 to 100"),
        ({"limit": "101"}, "1 to 100"),
        ({"limit": "²"}, "1 to 100"),
        ({"limit": "many"}, "1 to 100"),
        ({"next": "nonsense"}, "next"),
        ({"stauts": "FAILED"}, "stauts"),
    ],
)
def test_a_query_that_cannot_be_answered_is_refused(
    store: JobStore, query: dict[str, str], word: str
) -> None:
    assert_problem(call("GET", "/jobs", **query), 400, word)


def test_a_missing_setting_is_an_internal_error_that_names_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("JOBS_TABLE")

    answer = call("GET", "/jobs")

    assert_problem(answer, 500)
    assert "JOBS_TABLE" not in answer.text
