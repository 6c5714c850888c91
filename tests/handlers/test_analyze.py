import json
from dataclasses import replace
from types import SimpleNamespace

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.emrserverless import emrserverless_backends

from contracts.codec import from_json, to_json, to_plain
from contracts.layout import JobLayout, summary_name
from contracts.manifest import Column, Format, Manifest, Options, SourceObject
from contracts.marker import Marker, Outcome, OutputFile
from contracts.metrics import ColumnMetrics, NormalizeMetrics, PipelineTimings, SparkTimings
from contracts.report import Basis, Report
from contracts.spec import AnalyzeSpec, NormalizeSpec
from contracts.storage import write_document
from contracts.summary import ColumnSummary, GroupSummary, Summary
from handlers.analyze import handler
from pipeline import bootstrap
from pipeline.messages import AnalysisFinished, parse

BUCKET = "results"
LAYOUT = JobLayout(BUCKET, "fares")
CONTEXT = SimpleNamespace(
    function_name="analyze",
    memory_limit_in_mb=1024,
    invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:analyze",
    aws_request_id="1",
)
FARE = ColumnMetrics(4, 0, 0, 15.0, 8.0, 5.0, 25.0)


def summary(pipeline):
    column = ColumnSummary(4, 0.0, 1.0, -1.25, 1.25, 0)
    return Summary(pipeline, 4, None, ("fare",), (GroupSummary(None, 4, (column,)),), ((1.0,),))


def marker(stage, names, warnings=()):
    files = tuple(
        OutputFile(name, 1, "0" * 64, rows=4 if name.endswith(".parquet") else None)
        for name in names
    )
    return Marker(
        "fares",
        stage,
        1,
        Outcome.SUCCEEDED,
        started_at="2026-11-23T10:00:00.000Z",
        finished_at="2026-11-23T10:00:09.000Z",
        files=files,
        warnings=warnings,
    )


@pytest.fixture
def cloud(aws, monkeypatch):
    """The results bucket, the work queue and a Spark run that EMR Serverless has billed."""
    bootstrap.client.cache_clear()
    s3, sqs, emr = (boto3.client(name) for name in ("s3", "sqs", "emr-serverless"))
    s3.create_bucket(Bucket=BUCKET)
    queue = sqs.create_queue(QueueName="work")["QueueUrl"]
    application = emr.create_application(name="spark", releaseLabel="emr-7.0.0", type="SPARK")
    run = emr.start_job_run(
        applicationId=application["applicationId"],
        executionRoleArn="arn:aws:iam::123456789012:role/spark",
        jobDriver={"sparkSubmit": {"entryPoint": "s3://assets/compare.py"}},
    )
    backend = emrserverless_backends["123456789012"]["us-east-1"]
    (job_run,) = backend.job_runs[run["applicationId"]]
    job_run.billed_resource_utilization = {
        "vCPUHour": 0.5,
        "memoryGBHour": 2.0,
        "storageGBHour": 0.0,
    }
    settings = {"RESULTS_BUCKET": BUCKET, "WORK_QUEUE_URL": queue}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    yield SimpleNamespace(s3=s3, sqs=sqs, queue=queue, run=run)
    bootstrap.client.cache_clear()


@pytest.fixture
def spec(cloud):
    """What the stages left of four fares, and the order to analyze it."""
    normalized, summarised = LAYOUT.attempt("normalize", 1), LAYOUT.attempt("spark", 1)

    def leave(document, place):
        write_document(document, str(place), cloud.s3)

    leave(
        Manifest(
            job_id="fares",
            bucket="ingest",
            files=(SourceObject("input/fares.csv", "v1", 99),),
            format=Format.CSV,
            columns=(Column("fare", "double"),),
            normalize=("fare",),
            delimiter=",",
            options=Options(),
        ),
        LAYOUT.manifest,
    )
    leave(
        NormalizeSpec("fares", 1, str(LAYOUT.manifest), str(normalized), use_gpu=False),
        normalized.join("spec.json"),
    )
    leave(
        NormalizeMetrics(4, 2.0, 2.0, "cpu", "gpu-enabled=false", 99, 80, 0, {"fare": FARE}),
        normalized.join("metrics.json"),
    )
    leave(
        marker("normalize", ("normalized/part-0.parquet",), ("a row was long",)),
        normalized.join("_marker.json"),
    )
    for pipeline in ("rdd", "dataframe"):
        leave(summary(pipeline), summarised.join(summary_name(pipeline)))
    leave(
        SparkTimings(
            rows=4,
            cores=2,
            startup_seconds=1.0,
            warm_up_seconds=1.0,
            dataframe=PipelineTimings((1.0, 1.0, 1.0)),
            rdd=PipelineTimings((3.0, 3.0, 3.0)),
        ),
        summarised.join("timings.json"),
    )
    leave(
        marker("spark", [summary_name("rdd"), summary_name("dataframe"), "timings.json"]),
        summarised.join("_marker.json"),
    )
    return AnalyzeSpec(
        job_id="fares",
        attempt=1,
        manifest=str(LAYOUT.manifest),
        normalize_output=str(normalized),
        spark_output=str(summarised),
        spark_application_id=cloud.run["applicationId"],
        spark_run_id=cloud.run["jobRunId"],
        normalize_seconds=9.0,
        spark_seconds=30.0,
        output=str(LAYOUT.attempt("analyze", 1)),
    )


def analyze(spec):
    handler(json.loads(json.dumps(to_plain(spec))), CONTEXT)


def read(cloud, place):
    return cloud.s3.get_object(Bucket=place.bucket, Key=place.key)["Body"].read()


def messages(cloud):
    answer = cloud.sqs.receive_message(QueueUrl=cloud.queue, MaxNumberOfMessages=10)
    return [parse(message["Body"]) for message in answer.get("Messages", [])]


def test_the_report_lies_where_people_look_for_it_and_in_the_attempt(cloud, spec):
    analyze(spec)

    content = read(cloud, LAYOUT.report)
    report = from_json(Report, content)
    assert report.metrics.spark.verdict == "DataFrame is 3x faster."
    assert report.cost.by_stage["spark"].basis is Basis.BILLED
    assert report.cost.by_stage["normalize"].detail.startswith("9.0 s of Fargate")
    assert report.warnings == ("a row was long",)
    assert read(cloud, LAYOUT.attempt("analyze", 1).join("report.json")) == content


def test_the_marker_names_the_report_and_its_size(cloud, spec):
    analyze(spec)

    left = from_json(Marker, read(cloud, LAYOUT.attempt("analyze", 1).join("_marker.json")))
    content = read(cloud, LAYOUT.report)
    assert left.outcome is Outcome.SUCCEEDED
    assert [(file.name, file.size_bytes) for file in left.files] == [("report.json", len(content))]


def test_the_work_queue_learns_the_totals(cloud, spec):
    analyze(spec)

    (message,) = messages(cloud)
    report = from_json(Report, read(cloud, LAYOUT.report))
    assert isinstance(message, AnalysisFinished)
    assert (message.job_id, message.attempt) == ("fares", 1)
    assert message.totals.records == 4
    assert message.totals.speedup == 3.0
    assert message.totals.agree is True
    assert message.totals.cost_usd == report.cost.total_usd
    assert message.warnings == ("a row was long",)


def test_a_second_invocation_changes_nothing_and_says_the_same_again(cloud, spec):
    analyze(spec)
    first = read(cloud, LAYOUT.report)
    analyze(spec)

    assert read(cloud, LAYOUT.report) == first
    announced = messages(cloud)
    assert len(announced) == 2
    assert announced[0] == announced[1]


def test_an_invocation_that_died_before_its_message_is_made_good_by_the_next(
    cloud, spec, monkeypatch
):
    queue = cloud.queue
    monkeypatch.setenv("WORK_QUEUE_URL", f"{queue}-gone")
    with pytest.raises(ClientError):
        analyze(spec)
    monkeypatch.setenv("WORK_QUEUE_URL", queue)

    analyze(spec)

    assert len(messages(cloud)) == 1


def test_only_summaries_that_the_marker_lists_are_read(cloud, spec):
    """An RDD summary of which the marker knows nothing is half-written or foreign."""
    listed = marker("spark", [summary_name("dataframe"), "timings.json"])
    place = LAYOUT.attempt("spark", 1).join("_marker.json")
    cloud.s3.put_object(Bucket=place.bucket, Key=place.key, Body=to_json(listed).encode())

    analyze(spec)

    (message,) = messages(cloud)
    assert message.totals.agree is None
    assert message.totals.speedup is None


def test_without_a_marker_of_the_spark_stage_nothing_is_reported(cloud, spec):
    place = LAYOUT.attempt("spark", 1).join("_marker.json")
    cloud.s3.delete_object(Bucket=place.bucket, Key=place.key)

    with pytest.raises(ClientError):
        analyze(spec)

    assert messages(cloud) == []
    with pytest.raises(cloud.s3.exceptions.NoSuchKey):
        read(cloud, LAYOUT.report)


def test_normalized_data_that_were_not_to_be_kept_are_dropped_and_the_report_stays(cloud, spec):
    manifest = from_json(Manifest, read(cloud, LAYOUT.manifest))
    unkept = replace(manifest, options=replace(manifest.options, store_results=False))
    write_document(unkept, str(LAYOUT.manifest), cloud.s3)
    part = LAYOUT.attempt("normalize", 1).join("normalized/part-0.parquet")
    cloud.s3.put_object(Bucket=part.bucket, Key=part.key, Body=b"rows")

    analyze(spec)

    with pytest.raises(cloud.s3.exceptions.NoSuchKey):
        read(cloud, part)
    assert from_json(Report, read(cloud, LAYOUT.report)).records_processed == 4
