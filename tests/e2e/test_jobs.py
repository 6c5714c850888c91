"""Whole jobs through the real local cloud, from `aws s3 cp` to what the API answers."""

import gzip
import json
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.preprocessing import StandardScaler

from tests.e2e.world import Shell

REPOSITORY = Path(__file__).resolve().parents[2]


def readings(rows: int, seed: int = 7) -> pd.DataFrame:
    """Measurements with gaps, a constant column, text and a group."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "station": random.choice(["north", "south", "NA"], rows),
            "temperature": random.normal(15, 8, rows).round(3),
            "pressure": random.normal(101_325, 500, rows),
            "count": random.integers(-5, 5_000, rows),
            "fixed": 4.25,
            "note": [f"row {n}, “quoted”" for n in range(rows)],
        }
    )
    frame.loc[random.random(rows) < 0.05, "temperature"] = np.nan
    return frame


def assert_normalized(found: pa.Table, source: pd.DataFrame, columns: list[str]) -> None:
    """`found` is `source` with `columns` as scikit-learn would scale them, row by row."""
    expected = StandardScaler().fit_transform(source[columns].to_numpy(dtype=np.float64))
    for index, column in enumerate(columns):
        values = found[column].to_pandas().to_numpy(dtype=np.float64)
        np.testing.assert_allclose(values, expected[:, index], rtol=1e-9, atol=1e-9)
        assert found[column].null_count == int(source[column].isna().sum())
    for column in set(source.columns) - set(columns):
        assert found[column].to_pylist() == source[column].tolist()


NUMERIC = ["temperature", "pressure", "count", "fixed"]


def test_a_csv_file_becomes_a_completed_job(shell: Shell, tmp_path: Path) -> None:
    source = readings(20_000)
    file = tmp_path / "readings.csv"
    source.to_csv(file, index=False)
    shell.upload(file, "input/a folder/readings+1.csv", job_id="csv", group_by="station")
    document = shell.wait("csv")
    assert document["status"] == "COMPLETED", document["error"]
    assert document["records_processed"] == len(source)
    assert document["source"]["key"] == "input/a folder/readings+1.csv"
    assert_normalized(shell.normalized(document), source, NUMERIC)
    columns = document["metrics"]["normalize"]["columns"]
    assert columns["temperature"]["nulls"] == int(source["temperature"].isna().sum())
    assert columns["pressure"]["mean"] == pytest.approx(source["pressure"].mean(), rel=1e-12)
    spark = document["metrics"]["spark"]
    assert spark["agree"]
    assert spark["engine"]["confirmed"]
    assert spark["speedup"] > 0
    assert set(document["cost"]["by_stage"]) >= {"normalize", "spark", "analyze"}
    assert document["cost"]["by_stage"]["spark"]["basis"] == "billed"
    assert [stage["name"] for stage in document["stages"]] == [
        "validate",
        "normalize",
        "spark",
        "analyze",
    ]
    assert 0 < document["overhead_s"] < document["processing_time"]


def test_gzipped_json_lines_without_a_comparison(shell: Shell, tmp_path: Path) -> None:
    source = readings(5_000)
    file = tmp_path / "readings.jsonl.gz"
    with gzip.open(file, "wt") as lines:
        source.to_json(lines, orient="records", lines=True)
    shell.upload(file, "input/readings.jsonl.gz", job_id="jsonl", compare_pipelines="false")
    document = shell.wait("jsonl")
    assert document["status"] == "COMPLETED", document["error"]
    assert document["source"]["format"] == "jsonl"
    assert document["metrics"]["spark"]["rdd"] is None
    assert_normalized(shell.normalized(document), source, NUMERIC)


def test_a_folder_whose_success_comes_before_its_last_part_is_one_job(
    shell: Shell, tmp_path: Path
) -> None:
    source = readings(9_000)
    files = []
    for part in range(3):
        files.append(tmp_path / f"part-{part}.parquet")
        rows = source.iloc[part * 3_000 : (part + 1) * 3_000]
        pq.write_table(pa.Table.from_pandas(rows, preserve_index=False), files[-1])
    success = tmp_path / "_SUCCESS"
    success.touch()
    shell.upload(files[0], "datasets/readings/part-0.parquet")
    shell.upload(success, "datasets/readings/_SUCCESS", job_id="folder", compare_pipelines="false")
    shell.upload(files[1], "datasets/readings/part-1.parquet")
    shell.upload(files[2], "datasets/readings/part-2.parquet")
    document = shell.wait("folder")
    assert document["status"] == "COMPLETED", document["error"]
    assert document["source"]["files"] == 3
    assert_normalized(shell.normalized(document), source, NUMERIC)


def test_the_same_file_under_another_key_has_the_result_that_is_there(
    shell: Shell, tmp_path: Path
) -> None:
    file = tmp_path / "twice.csv"
    source = readings(2_000)
    source.to_csv(file, index=False)
    shell.upload(file, "input/once.csv", job_id="once", compare_pipelines="false")
    once = shell.wait("once")
    shell.upload(file, "input/twice.csv", job_id="twice", compare_pipelines="false")
    twice = shell.wait("twice")
    assert (twice["status"], twice["reused_from"]) == ("COMPLETED", "once")
    assert twice["metrics"] == once["metrics"]
    assert twice["spent_usd"] == 0
    assert_normalized(shell.normalized(twice), source, NUMERIC)


def test_records_in_a_post_are_a_job_at_once(shell: Shell) -> None:
    records = [{"city": f"c{n % 2}", "people": n * 1.5} for n in range(100)]
    body = {"data": records, "processing_config": {"compare_pipelines": False}}
    status, accepted = shell.post("/process", body)
    assert status == 202
    status, document = shell.get(accepted["status_url"])
    assert status == 200
    assert document["job_id"] == accepted["job_id"]
    document = shell.wait(accepted["job_id"])
    assert document["status"] == "COMPLETED", document["error"]
    assert document["records_processed"] == 100


def test_a_bad_file_is_rejected_with_a_reason_and_a_place(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "latin.csv"
    file.write_bytes("name,value\ncafé,1\n".encode("latin-1"))
    shell.upload(file, "input/latin.csv", job_id="latin")
    document = shell.wait("latin")
    assert document["status"] == "REJECTED"
    assert document["error"]["code"] == "encoding"
    assert document["error"]["where"]
    assert dead_letters(shell) == 0


def test_a_batch_job_that_somebody_ends_fails_the_job(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "large.csv"
    readings(400_000).to_csv(file, index=False)
    shell.upload(file, "input/large.csv", job_id="ended")
    document = shell.wait("ended", until=("NORMALIZING",))
    batch_id = wait_for_batch_id(shell)
    shell.run("aws", "batch", "terminate-job", "--job-id", batch_id, "--reason", "enough of it")
    document = shell.wait("ended")
    assert document["status"] == "FAILED"
    assert document["error"]["code"] == "terminated"
    assert "enough of it" in document["error"]["message"]
    assert dead_letters(shell) == 0
    shell.run("bigdata", "rerun", "ended", "--wait")
    _, again = shell.get("/jobs/ended-rerun-1")
    assert (again["status"], again["rerun_of"]) == ("COMPLETED", "ended")
    assert again["records_processed"] == 400_000


def test_a_cancelled_job_leaves_nothing_running(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "large.csv"
    readings(400_000, seed=8).to_csv(file, index=False)
    shell.upload(file, "input/unwanted.csv", job_id="unwanted")
    shell.wait("unwanted", until=("NORMALIZING",))
    shell.run("bigdata", "cancel", "unwanted", "--reason", "wrong file", "--wait")
    _, document = shell.get("/jobs/unwanted")
    assert document["status"] == "CANCELLED", document
    assert document["error"]["message"] == "Cancelled on request: wrong file"
    for attempt in document["stages"]:
        if attempt["name"] == "normalize" and attempt["external_id"]:
            told = shell.run("aws", "batch", "describe-jobs", "--jobs", attempt["external_id"])
            assert json.loads(told)["jobs"][0]["status"] == "FAILED"
    _, history = shell.get("/jobs/unwanted/history")
    events = [(line["subject"], line["event"]) for line in history["history"]]
    assert events[-1] == ("job", "CANCELLED")
    assert ("job", "cancellation requested") in events
    assert shell.post("/jobs/unwanted/cancel", {})[0] == 202
    assert shell.get("/jobs/unwanted/history")[1] == history
    assert dead_letters(shell) == 0


def test_without_any_event_of_spark_the_job_completes(shell: Shell, tmp_path: Path) -> None:
    rules = json.loads(shell.run("aws", "events", "list-rules"))["Rules"]
    (rule,) = (r["Name"] for r in rules if "aws.emr-serverless" in r.get("EventPattern", ""))
    file = tmp_path / "quiet.csv"
    readings(1_000).to_csv(file, index=False)
    shell.run("aws", "events", "disable-rule", "--name", rule)
    try:
        shell.upload(file, "input/quiet.csv", job_id="quiet", compare_pipelines="false")
        document = shell.wait("quiet")
    finally:
        shell.run("aws", "events", "enable-rule", "--name", rule)
    assert document["status"] == "COMPLETED", document["error"]
    assert dead_letters(shell) == 0


def test_a_message_that_nobody_understands_becomes_a_dead_letter(shell: Shell) -> None:
    queues: list[str] = json.loads(shell.run("aws", "sqs", "list-queues"))["QueueUrls"]
    (dead,) = (url for url in queues if "Dead" in url)
    attributes = json.dumps({"reason": {"DataType": "String", "StringValue": "nobody understood"}})
    send = ("aws", "sqs", "send-message", "--queue-url", dead, "--message-body", "nonsense")
    shell.run(*send, "--message-attributes", attributes)
    listed = json.loads(shell.run("bigdata", "dead-letters", "--json"))["dead_letters"]
    assert [(each["kind"], each["reason"]) for each in listed] == [("unknown", "nobody understood")]
    shell.run("bigdata", "dead-letters", "--redrive", "--dry-run")
    assert dead_letters(shell) == 1
    shell.run("aws", "sqs", "purge-queue", "--queue-url", dead)


def wait_for_batch_id(shell: Shell) -> str:
    for _ in range(100):
        _, document = shell.get("/jobs/ended")
        for stage in document["stages"]:
            if stage["name"] == "normalize" and stage["external_id"]:
                return str(stage["external_id"])
        time.sleep(0.1)
    raise AssertionError(f"no Batch job: {document}")


def test_the_same_upload_is_one_job(shell: Shell, tmp_path: Path) -> None:
    status, listed = shell.get("/jobs?source=input/readings.jsonl.gz")
    assert status == 200
    assert [job["job_id"] for job in listed["jobs"]] == ["jsonl"]


@pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl on this machine")
def test_the_readmes_curl_reads_and_posts(shell: Shell) -> None:
    listed = shell.run("sh", "-c", 'curl -sS "$API_URL/jobs/jsonl"')
    assert json.loads(listed)["job_id"] == "jsonl"
    post = """curl -sS "$API_URL/process" -H 'Content-Type: application/json' -d '{"data": []}'"""
    assert json.loads(shell.run("sh", "-c", post))["status"] == 400


def test_an_unknown_job_is_a_problem_document(shell: Shell) -> None:
    status, problem = shell.get("/jobs/nobody")
    assert (status, problem["status"]) == (404, 404)
    assert "nobody" in problem["detail"]
    assert "Traceback" not in json.dumps(problem)


def test_the_users_own_cdk_sees_the_same_app(shell: Shell) -> None:
    said = shell.attempt("cdk", "diff", "--fail", folder=REPOSITORY)
    assert said.returncode == 0, said.stdout + said.stderr


def dead_letters(shell: Shell) -> int:
    queues: list[str] = json.loads(shell.run("aws", "sqs", "list-queues"))["QueueUrls"]
    return sum(messages(shell, url) for url in queues if "Dead" in url)


def messages(shell: Shell, url: str) -> int:
    name = "ApproximateNumberOfMessages"
    command = ("aws", "sqs", "get-queue-attributes", "--queue-url", url, "--attribute-names", name)
    answer: dict[str, Any] = json.loads(shell.run(*command))
    return int(answer["Attributes"][name])
