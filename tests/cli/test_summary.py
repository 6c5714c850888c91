from typing import Any

import pytest
from rich.console import Console

from cli.summary import job_summary
from pipeline.model import Status
from tests.cli.world import completed, ended, under_way


def text_of(document: dict[str, Any]) -> str:
    console = Console(width=160)
    with console.capture() as capture:
        console.print(job_summary(document), soft_wrap=True)
    return capture.get()


@pytest.mark.parametrize(
    "words",
    [
        "trips  COMPLETED",
        "s3://ingest/input/trips.csv  (csv, 1.2 MB)",
        "336,776 records in 20.0 s, of which 4.0 s outside the stages",
        "DataFrame runs 1.25 × as fast as RDD (95 % confidence: 1.10 to 1.40)",
        "the DataFrame pipeline is faster",
        "269,421 records/s",
        "1 column at 134,710 records/s on cpu: no CUDA device",
        "97.5 of 100; 2.54 % null, 0 % not finite, 3 rows quarantined",
        "most in fare 1.2 %",
        "$0.0123, $0.0365 for a million records",
        "at the prices of 2026-11-01",
        "Warning: column 'note' [x] is text",
        "s3://results/results/trips/report.json",
    ],
)
def test_a_finished_job_is_told_in_full(words: str) -> None:
    assert words in text_of(completed())


def test_each_stage_has_its_time_and_its_cost() -> None:
    lines = [line.split() for line in text_of(completed()).splitlines()]

    assert ["validate", "succeeded", "500", "ms", "–", "–", "–"] in lines
    assert ["spark", "succeeded", "12.0", "s", "$0.012", "$0.0356", "billed"] in lines


def test_what_a_few_records_cost_is_not_made_the_price_of_a_million() -> None:
    document = completed() | {"records_processed": 9_999}

    said = text_of(document)

    assert "$0.0123: what AWS would ask" in said
    assert ["spark", "succeeded", "12.0", "s", "$0.012", "–", "billed"] in [
        line.split() for line in said.splitlines()
    ]


def test_what_a_job_does_not_have_yet_is_left_out() -> None:
    said = text_of(under_way(Status.QUEUED))

    assert said.splitlines() == ["trips  QUEUED", "s3://ingest/input/trips.csv  (10 B)"]


def test_a_job_that_ended_badly_says_why() -> None:
    assert "Error: no_rows (line 1): The file has" in text_of(ended(Status.REJECTED))


def test_what_a_terminal_would_obey_is_shown() -> None:
    document = ended(Status.REJECTED)
    document["source"]["key"] = "input/\x1b[31mx.csv"
    document["error"]["message"] = "cancelled: \x1b]0;owned\x07"
    document["warnings"] = ["\x1b[2J"]
    assert "\x1b" not in text_of(document)
    assert "input/\\x1b[31mx.csv" in text_of(document)


def test_without_a_comparison_there_is_no_speed_up() -> None:
    document = completed()
    document["metrics"]["spark"] |= {"rdd": None, "speedup": None, "ci95": None}

    said = text_of(document)

    assert "DataFrame" in said
    assert "RDD  " not in said and "speed-up" not in said


def test_a_report_too_long_to_be_shown_leaves_the_columns_out() -> None:
    document = completed()
    document["metrics"]["normalize"]["columns"] = None
    document["metrics"]["quality"]["outlier_shares"] = None

    said = text_of(document)

    assert "134,710 records/s on cpu" in said
    assert "outliers" not in said


def test_a_pipeline_that_failed_is_told_without_figures() -> None:
    document = completed()
    document["metrics"]["spark"]["rdd"] |= {
        "runs_s": [],
        "median_s": None,
        "min_s": None,
        "max_s": None,
        "records_per_s": None,
        "error": "out of memory",
    }

    lines = [line.split() for line in text_of(document).splitlines()]

    assert ["RDD", "–", "–", "–", "0", "–"] in lines
