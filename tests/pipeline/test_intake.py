import io
from dataclasses import replace

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contracts.codec import to_json
from contracts.layout import JobLayout
from contracts.manifest import Manifest, Options
from contracts.storage import read_document
from pipeline.clock import later, now
from pipeline.dataset.folder import EMPTY_FOR_SECONDS, UNSETTLED_FOR_SECONDS
from pipeline.dataset.identity import Upload, default_id
from pipeline.errors import LostRace
from pipeline.intake import Intake
from pipeline.job_events import DatasetValidated
from pipeline.messages import DatasetArriving, parse
from pipeline.model import (
    MAX_WARNINGS_OF_JOB,
    MORE_WARNINGS,
    Attempt,
    AttemptState,
    Job,
    Source,
    Stage,
    Status,
    Totals,
)
from pipeline.objects import Objects
from pipeline.settings import ValidateSettings
from pipeline.work_queue import WorkQueue
from tests.cli.world import REPORT

CSV = b"city,fare\nBonn,1.5\nUlm,2\n"
UPLOADED_AT = "2026-11-23T22:41:07.123Z"
QUIET_PERIOD = 7


class World:
    """The two buckets, the jobs table and the work queue, and an intake over them."""

    def __init__(self, store):
        self.s3 = boto3.client("s3")
        for bucket in ("ingest", "results"):
            self.s3.create_bucket(Bucket=bucket)
        versioning = {"Status": "Enabled"}
        self.s3.put_bucket_versioning(Bucket="ingest", VersioningConfiguration=versioning)
        self.sqs = boto3.client("sqs")
        self.url = self.sqs.create_queue(QueueName="work")["QueueUrl"]
        self.sent = []
        self.sqs.meta.events.register(
            "before-parameter-build.sqs.SendMessage", lambda params, **_: self.sent.append(params)
        )
        self.store = store
        settings = ValidateSettings("jobs", "results", self.url, QUIET_PERIOD, "engines")
        self.intake = Intake(Objects(self.s3), store, WorkQueue(self.sqs, self.url), settings)

    def put(self, key, data=b"", **metadata):
        metadata = {name.replace("_", "-"): value for name, value in metadata.items()}
        answer = self.s3.put_object(Bucket="ingest", Key=key, Body=data, Metadata=metadata)
        return Upload("ingest", key, answer["VersionId"])

    def take(self, upload, uploaded_at=UPLOADED_AT):
        return self.intake.take(upload, uploaded_at)

    def messages(self):
        """The messages that were sent since the last call, with their delays."""
        sent = [(parse(params["MessageBody"]), params["DelaySeconds"]) for params in self.sent]
        self.sent.clear()
        return sent

    def manifest(self, job):
        return read_document(Manifest, str(JobLayout("results", job.job_id).manifest), self.s3)


def counted(job):
    """`job` after S3 has told of its upload once more."""
    return replace(job, version=job.version + 1, duplicate_events=job.duplicate_events + 1)


@pytest.fixture
def world(store):
    return World(store)


@pytest.fixture
def arriving(world):
    """A folder with `_SUCCESS`, and the message about its first look."""

    def arriving(**files):
        for name, data in files.items():
            world.put(f"datasets/taxi/{name}", data)
        job = world.take(world.put("datasets/taxi/_SUCCESS"), now())
        ((message, delay),) = world.messages()
        assert isinstance(message, DatasetArriving)
        assert delay == QUIET_PERIOD
        assert job.status is Status.VALIDATING
        return message

    return arriving


def test_a_file_becomes_a_queued_job_with_its_manifest(world):
    upload = world.put("input/taxi rides.csv", CSV, group_by="city", job_id="taxi")
    job = world.take(upload)

    assert (job.job_id, job.status) == ("taxi", Status.QUEUED)
    assert job.source == Source(
        "ingest", upload.key, upload.version_id, UPLOADED_AT, len(CSV), "csv", 1
    )
    assert job.options == Options(group_by="city")
    assert world.store.get("taxi") == job
    manifest = world.manifest(job)
    assert [(f.key, f.version_id) for f in manifest.files] == [(upload.key, upload.version_id)]
    assert (manifest.normalize, manifest.group_by) == (("fare",), "city")
    assert world.messages() == [(DatasetValidated("taxi"), 0)]


def test_validation_stands_in_the_record_as_an_attempt(world):
    attempt = world.take(world.put("input/a.csv", CSV)).latest(Stage.VALIDATE)

    assert (attempt.number, attempt.state) == (1, AttemptState.SUCCEEDED)
    assert attempt.started_at <= attempt.finished_at <= now()


def test_the_version_of_the_event_is_read_whatever_came_after(world):
    upload = world.put("input/a.csv", CSV)
    world.put("input/a.csv", b"other,columns\n1,2\n")

    manifest = world.manifest(world.take(upload))

    assert [column.name for column in manifest.columns] == ["city", "fare"]


def test_the_same_event_twice_is_one_job_and_is_announced_again(world):
    upload = world.put("input/a.csv", CSV)
    first, second = world.take(upload), world.take(upload)

    assert counted(first) == second
    assert counted(second) == world.take(upload)
    assert world.messages() == [(DatasetValidated(first.job_id), 0)] * 3
    assert len(world.store.list().jobs) == 1


def test_a_job_that_is_further_is_left_alone(world):
    upload = world.put("input/a.csv", CSV)
    job = world.store.save(world.take(upload).advance(Status.NORMALIZING, now()))
    world.messages()

    assert world.take(upload) == counted(job)
    assert world.messages() == []


def test_an_event_that_was_half_handled_is_finished_by_the_next(world, monkeypatch):
    upload = world.put("input/a.csv", CSV)
    with monkeypatch.context() as patch:
        patch.setattr(world.intake._queue, "_url", "http://localhost/no-such-queue")
        with pytest.raises(Exception, match="queue"):
            world.take(upload)
    world.messages()

    assert world.take(upload).status is Status.QUEUED
    assert len(world.messages()) == 1


def test_a_new_version_of_a_key_is_a_new_job(world):
    jobs = [world.take(world.put("input/a.csv", CSV)) for _ in range(2)]
    assert jobs[0].job_id != jobs[1].job_id


def test_an_id_that_is_taken_is_made_another_and_both_records_say_so(world):
    first = world.take(world.put("input/a.csv", CSV, job_id="mine"))
    upload = world.put("input/b.csv", CSV, job_id="mine")
    second = world.take(upload)

    assert second.status is Status.QUEUED
    assert second.job_id.startswith("mine-")
    assert second.warnings == (
        f"The job id 'mine' belongs to s3://ingest/input/a.csv at version "
        f"{first.source.version_id}; this job is {second.job_id!r}.",
    )
    (told,) = world.store.get("mine").warnings
    assert f"'{second.job_id}'" in told
    assert world.take(upload).job_id == second.job_id
    assert world.store.get("mine").warnings == (told,)


@pytest.fixture
def submitted(world):
    """The record that POST /jobs writes before it uploads."""
    source = Source("ingest", "input/inline/mine.jsonl", None, now())
    return world.store.save(Job("mine", Status.SUBMITTED, source, now(), now()))


def test_the_record_of_inline_records_is_adopted(world, submitted):
    upload = world.put(
        "input/inline/mine.jsonl", b'{"a": 1}\n', job_id="mine", store_results="false"
    )
    job = world.take(upload)

    assert (job.job_id, job.status, job.warnings) == ("mine", Status.QUEUED, ())
    assert job.created_at == submitted.created_at
    assert job.source.version_id == upload.version_id
    assert job.options == Options(store_results=False)
    assert world.take(upload) == counted(job)


def test_a_submitted_record_is_not_adopted_by_another_key(world, submitted):
    job = world.take(world.put("input/other.jsonl", b'{"a": 1}\n', job_id="mine"))

    assert job.job_id != "mine"
    assert world.store.get("mine").status is Status.SUBMITTED


@pytest.mark.parametrize(
    ("data", "metadata", "code"),
    [
        (b"", {}, "empty"),
        (b"a,a\n1,2\n", {}, "duplicate_header"),
        (CSV, {"columns": "far"}, "unknown_column"),
        (CSV, {"dtype": "int8"}, "invalid_option"),
        (b"PAR1" + b"\0" * 100 + b"PAR1", {}, "corrupt_parquet"),
    ],
)
def test_bad_input_ends_as_rejected_and_sends_nothing(world, data, metadata, code):
    job = world.take(world.put("input/a.csv", data, **metadata))

    assert job.status is Status.REJECTED
    assert job.error.code == code
    assert job.latest(Stage.VALIDATE).state is AttemptState.FAILED
    assert job.latest(Stage.VALIDATE).error == job.error
    assert world.store.get(job.job_id) == job
    assert world.messages() == []


def test_a_rejected_upload_stays_so_when_its_event_comes_again(world):
    upload = world.put("input/a.csv")
    assert counted(world.take(upload)) == world.take(upload)


def test_an_id_of_wrong_characters_rejects_the_job_under_the_id_of_its_key(world):
    upload = world.put("input/a.csv", CSV, job_id="My Run")
    job = world.take(upload)

    assert job.job_id == default_id(upload)
    assert (job.status, job.error.code) == (Status.REJECTED, "invalid_option")


def test_an_object_that_was_deleted_before_is_rejected_as_gone(world):
    upload = world.put("input/a.csv", CSV)
    world.s3.delete_object(Bucket="ingest", Key=upload.key, VersionId=upload.version_id)
    job = world.take(upload)

    assert (job.job_id, job.status) == (default_id(upload), Status.REJECTED)
    assert job.error.code == "gone"
    assert world.take(upload) == counted(job)


def test_one_that_is_deleted_meanwhile_is_gone_too(world):
    upload = world.put("input/a.csv", CSV)

    def delete_before_reading(**_):
        world.s3.delete_object(Bucket="ingest", Key=upload.key, VersionId=upload.version_id)

    world.s3.meta.events.register("before-parameter-build.s3.GetObject", delete_before_reading)

    assert world.take(upload).error.code == "gone"


def test_an_archived_file_is_rejected_with_what_to_do(world):
    answer = world.s3.put_object(
        Bucket="ingest", Key="input/a.csv", Body=CSV, StorageClass="DEEP_ARCHIVE"
    )
    job = world.take(Upload("ingest", "input/a.csv", answer["VersionId"]))

    assert (job.status, job.error.code) == (Status.REJECTED, "unreadable")
    assert "Restore it" in job.error.message


def test_two_calls_at_once_end_as_one_job(world, monkeypatch):
    upload = world.put("input/a.csv", CSV)
    save = world.store.save
    saves = []

    def save_after_another(job):
        saves.append(job)
        if len(saves) in (1, 3):
            world.take(upload)
        return save(job)

    monkeypatch.setattr(world.store, "save", save_after_another)
    job = world.take(upload)

    assert job.status is Status.QUEUED
    assert world.store.get(job.job_id) == job
    assert len(world.store.list().jobs) == 1


def test_an_id_that_many_uploads_ask_for_does_not_fill_its_owner_up(world):
    world.take(world.put("input/a.csv", b"", job_id="mine"))
    for number in range(MAX_WARNINGS_OF_JOB + 2):
        world.take(world.put(f"input/{number}.csv", b"", job_id="mine"))
    owner = world.store.get("mine")

    assert (len(owner.warnings), owner.warnings[-1]) == (MAX_WARNINGS_OF_JOB + 1, MORE_WARNINGS)
    world.take(world.put("input/last.csv", b"", job_id="mine"))
    assert world.store.get("mine") == owner


def test_a_warning_to_the_owner_of_an_id_survives_a_lost_race(world, monkeypatch):
    world.take(world.put("input/a.csv", CSV, job_id="mine"))
    save = world.store.save
    raced = []

    def save_too_late(job):
        if job.job_id == "mine" and not raced:
            raced.append(job)
            save(replace(world.store.get("mine"), updated_at=now()))
            raise LostRace(job.job_id)
        return save(job)

    monkeypatch.setattr(world.store, "save", save_too_late)
    world.take(world.put("input/b.csv", CSV, job_id="mine"))

    assert raced
    assert len(world.store.get("mine").warnings) == 1


def test_a_folder_waits_for_the_quiet_period_before_it_is_validated(world, arriving):
    message = arriving(a=CSV, b=CSV, _part=b"no data")
    job = world.intake.settle(message)

    assert job.status is Status.QUEUED
    assert (job.source.files, job.source.size_bytes) == (2, 2 * len(CSV))
    assert [f.key for f in world.manifest(job).files] == ["datasets/taxi/a", "datasets/taxi/b"]
    assert world.messages() == [(DatasetValidated(job.job_id), 0)]


def test_a_part_that_comes_after_success_belongs_to_the_job(world, arriving):
    first = arriving(a=CSV)
    late = world.put("datasets/taxi/b", CSV)

    assert world.intake.settle(first).status is Status.VALIDATING
    ((second, delay),) = world.messages()
    assert delay == QUIET_PERIOD
    assert second == replace(first, fingerprint=second.fingerprint)
    job = world.intake.settle(second)

    assert job.status is Status.QUEUED
    assert world.manifest(job).files[1].version_id == late.version_id


def test_a_multipart_upload_in_progress_holds_the_folder_back(world, arriving):
    message = arriving(a=CSV)
    upload = world.s3.create_multipart_upload(Bucket="ingest", Key="datasets/taxi/b")

    assert world.intake.settle(message).status is Status.VALIDATING
    ((message, _),) = world.messages()
    world.s3.abort_multipart_upload(
        Bucket="ingest", Key="datasets/taxi/b", UploadId=upload["UploadId"]
    )
    assert world.intake.settle(message).status is Status.QUEUED


def test_an_empty_folder_is_rejected_after_a_quarter_of_an_hour(world, arriving):
    message = arriving()
    earlier = replace(message, since=later(now(), -EMPTY_FOR_SECONDS / 2))
    waiting = world.intake.settle(earlier)
    assert waiting.status is Status.VALIDATING
    assert waiting.history[-1].detail == "for a data file beside _SUCCESS"
    ((_, delay),) = world.messages()
    assert delay == EMPTY_FOR_SECONDS / 2 // 10
    long_ago = replace(message, since=later(now(), -EMPTY_FOR_SECONDS))
    assert world.intake.settle(long_ago).error.code == "empty"


def test_a_folder_that_never_settles_is_rejected_after_an_hour(world, arriving):
    message = arriving(a=CSV)
    changing = replace(message, fingerprint="another", since=later(now(), -UNSETTLED_FOR_SECONDS))
    assert world.intake.settle(changing).error.code == "folder_not_settled"


def test_a_folder_whose_event_was_late_has_its_time_all_the_same(world):
    world.put("datasets/taxi/a", CSV)
    success = world.put("datasets/taxi/_SUCCESS")
    job = world.take(success, later(now(), -2 * UNSETTLED_FOR_SECONDS))
    assert job.status is Status.VALIDATING
    ((message, _),) = world.messages()
    assert world.intake.settle(message).status is Status.QUEUED


def test_a_second_success_file_is_a_second_job(world, arriving):
    first = arriving(a=CSV)
    assert arriving(a=CSV).job_id != first.job_id


def test_a_look_that_comes_again_changes_nothing(world, arriving):
    message = arriving(a=CSV)
    job = world.intake.settle(message)
    world.messages()

    assert world.intake.settle(message) == job
    assert world.messages() == [(DatasetValidated(job.job_id), 0)]


def test_a_bad_part_rejects_the_folder_and_is_named(world, arriving):
    job = world.intake.settle(arriving(a=CSV, b=b"x,y\n1,2\n"))

    assert (job.error.code, job.error.where) == ("columns_differ", "datasets/taxi/b")


def test_a_folder_of_parquet_files_written_by_spark_is_one_dataset(world, arriving):
    def part(**columns):
        file = io.BytesIO()
        pq.write_table(pa.table(columns), file)
        return file.getvalue()

    job = world.intake.settle(
        arriving(
            **{
                "year=2024/part-0.snappy.parquet": part(fare=[1.5], stops=[[1]]),
                "year=2025/part-0.snappy.parquet": part(fare=[2.5], stops=[[2, 3]]),
                "year=2025/.part-0.snappy.parquet.crc": b"crc",
            }
        )
    )

    assert job.status is Status.QUEUED
    assert job.source.format == "parquet"
    assert job.warnings == ("Values that stand only in folder names are not read: 'year'.",)


@pytest.fixture
def completed(world):
    """A job over CSV that has come to its end, its report in S3."""
    job = world.take(world.put("input/a.csv", CSV))
    for stage in (Stage.NORMALIZE, Stage.SPARK, Stage.ANALYZE):
        job = job.with_attempt(Attempt(stage, 1, AttemptState.SUCCEEDED, now()), now())
    totals = Totals(2, 1.0, 1.0, 0.01, 0.001, None, True, "no difference at this size")
    job = job.with_warnings(("The job id 'a' belongs to somebody else.",))
    job = world.store.save(replace(job.advance(Status.COMPLETED, now()), totals=totals))
    report = JobLayout("results", job.job_id).report
    told = replace(REPORT, job_id=job.job_id, warnings=("A row was kept aside.",))
    world.s3.put_object(Bucket=report.bucket, Key=report.key, Body=to_json(told).encode())
    world.messages()
    return job


def test_a_mistyped_option_is_told_of(world):
    job = world.take(world.put("input/a.csv", CSV, groupby="city"))

    assert "'group-by'" in job.warnings[0]


def test_the_same_content_under_another_key_gets_the_result_that_is_there(world, completed):
    job = world.take(world.put("input/b.csv", CSV))

    assert (job.status, job.reused_from) == (Status.COMPLETED, completed.job_id)
    assert job.totals == completed.totals
    assert job.warnings == ("A row was kept aside.",)
    assert [a.origin for a in job.attempts] == ["", *[completed.job_id] * 3]
    assert world.store.get(job.job_id) == job
    assert world.messages() == []
    again = world.take(world.put("input/c.csv", CSV))
    assert again.reused_from == completed.job_id


@pytest.mark.parametrize("metadata", [{"force": "true"}, {"dtype": "float32"}])
def test_by_force_or_with_other_options_the_work_is_done(world, completed, metadata):
    job = world.take(world.put("input/b.csv", CSV, **metadata))

    assert (job.status, job.reused_from) == (Status.QUEUED, None)
    assert world.messages() == [(DatasetValidated(job.job_id), 0)]


def test_a_result_that_is_gone_is_not_reused(world, completed):
    report = JobLayout("results", completed.job_id).report
    world.s3.delete_object(Bucket=report.bucket, Key=report.key)

    assert world.take(world.put("input/b.csv", CSV)).status is Status.QUEUED


def test_an_inline_job_that_was_cancelled_before_its_object_is_told_of_stays_so(world, submitted):
    cancelled = world.store.save(submitted.advance(Status.CANCELLED, now()))
    upload = world.put("input/inline/mine.jsonl", b'{"a": 1}\n', job_id="mine")

    assert world.take(upload).status is Status.CANCELLED
    assert [job.job_id for job in world.store.list().jobs] == [cancelled.job_id]


def test_an_inline_job_that_went_on_without_the_event_is_not_doubled_by_it(world, submitted):
    upload = world.put("input/inline/mine.jsonl", b'{"a": 1}\n', job_id="mine")
    first = world.take(replace(upload, version_id=None))
    second = world.take(upload)

    assert (first.job_id, second.job_id) == ("mine", "mine")
    assert len(world.store.list().jobs) == 1
