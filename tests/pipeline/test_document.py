from dataclasses import replace

from pipeline.document import job_document
from pipeline.model import Attempt, AttemptState, Job, Source, Stage, Status, Totals

TOTALS = Totals(10, 5.0, 1.0, 0.01, 0.001, None, None, "one pipeline")


def at(second: float) -> str:
    return f"2026-11-23T10:00:{second:06.3f}Z"


def attempt(stage: Stage, start: float, end: float) -> Attempt:
    return Attempt(
        stage, 1, AttemptState.SUCCEEDED, at(start), started_at=at(start), finished_at=at(end)
    )


JOB = Job(
    job_id="job",
    status=Status.COMPLETED,
    source=Source("ingest", "input/a.csv", "v1", at(0)),
    created_at=at(0.5),
    updated_at=at(20),
    attempts=(
        attempt(Stage.VALIDATE, 0.5, 1),
        attempt(Stage.NORMALIZE, 2, 5),
        attempt(Stage.SPARK, 6, 18),
        attempt(Stage.ANALYZE, 18.5, 19),
    ),
    totals=TOTALS,
)


def test_overhead_is_what_the_stages_do_not_account_for() -> None:
    document = job_document(JOB, "results")
    assert document.processing_time == 20.0
    assert document.overhead_s == 4.0
    assert [stage.duration_s for stage in document.stages] == [0.5, 3.0, 12.0, 0.5]


def test_a_finished_job_names_its_results() -> None:
    results = job_document(JOB, "results").results
    assert results["normalized"] == "s3://results/results/job/attempts/normalize-1/normalized/"
    assert results["report"] == "s3://results/results/job/report.json"


def test_data_that_were_not_to_be_kept_are_not_named() -> None:
    job = replace(JOB, options=replace(JOB.options, store_results=False))
    assert "normalized" not in job_document(job, "results").results


def test_a_job_under_way_has_progress_but_no_totals() -> None:
    job = replace(JOB, status=Status.PROCESSING, attempts=JOB.attempts[:2], totals=None)
    document = job_document(job, "results")
    assert document.progress == 0.5
    assert (document.overhead_s, document.processing_time, document.metrics) == (None, None, None)


def test_the_report_fills_metrics_and_cost() -> None:
    report = {"metrics": {"spark": {}}, "cost": {"total_usd": 0.1}}
    document = job_document(JOB, "results", report)
    assert (document.metrics, document.cost) == ({"spark": {}}, {"total_usd": 0.1})
