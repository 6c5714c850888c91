import os

import boto3
import pytest
from botocore.exceptions import ClientError

from contracts.codec import to_json
from contracts.layout import S3Uri
from contracts.manifest import SourceObject
from contracts.problem import Problem
from contracts.storage import read_document
from pipeline.dataset.limits import READ_LIMIT
from pipeline.errors import InputRejected, ObjectGone
from pipeline.objects import Objects

BUCKET = "ingest"
HOSTILE_KEYS = [
    "input/../up.csv",
    "input/a b+c%20d.csv",
    "input/caf\u00e9.csv",
    "input/cafe\u0301.csv",
    "input/line\nend.csv",
    "input/" + "x" * 1000,
    "input/?versionId=1&x#y.csv",
]


@pytest.fixture
def s3(aws):
    client = boto3.client("s3")
    client.create_bucket(Bucket=BUCKET)
    client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return client


@pytest.fixture
def objects(s3):
    return Objects(s3)


@pytest.fixture
def put(s3):
    """Uploads an object and says where it is."""

    def put(key, data, **options):
        answer = s3.put_object(Bucket=BUCKET, Key=key, Body=data, **options)
        return SourceObject(key, answer["VersionId"], len(data), etag=answer["ETag"])

    return put


@pytest.fixture
def requests(s3):
    """The ranges of the GetObject requests."""
    ranges = []
    s3.meta.events.register(
        "before-parameter-build.s3.GetObject", lambda params, **_: ranges.append(params["Range"])
    )
    return ranges


def test_the_head_is_that_of_the_version(objects, put):
    old = put("input/a.csv", b"abc", Metadata={"job-id": "mine"})
    put("input/a.csv", b"longer")

    head = objects.head(BUCKET, old.key, old.version_id)

    assert head.size_bytes == 3
    assert head.metadata == {"job-id": "mine"}


def test_reading_is_of_the_version_too(objects, put):
    old = put("input/a.csv", b"abc")
    put("input/a.csv", b"xyz")
    assert objects.open(BUCKET, old).read() == b"abc"


@pytest.mark.parametrize("key", HOSTILE_KEYS)
def test_any_key_comes_back_as_it_is(objects, put, key):
    file = put(key, b"abc")
    assert objects.list_latest(BUCKET, "input/") == [file]
    assert objects.open(BUCKET, file).read(2) == b"ab"
    assert objects.head(BUCKET, key, file.version_id).size_bytes == 3


def test_a_read_asks_for_its_range_alone(objects, put, requests):
    opened = objects.open(BUCKET, put("input/a", bytes(range(100))))
    assert opened.read(10) == bytes(range(10))
    opened.seek(-5, os.SEEK_END)
    assert opened.read(100) == bytes(range(95, 100))
    opened.seek(50)
    opened.seek(-10, os.SEEK_CUR)
    assert (opened.read(1), opened.tell()) == (bytes([40]), 41)
    assert requests == ["bytes=0-9", "bytes=95-99", "bytes=40-40"]


def test_at_the_end_nothing_is_asked_for(objects, put, requests):
    opened = objects.open(BUCKET, put("input/a", b""))
    assert opened.read(10) == b""
    opened.seek(99)
    assert opened.read() == b""
    assert requests == []


def test_no_object_is_read_further_than_the_limit(objects, put, requests):
    opened = objects.open(BUCKET, put("input/a", bytes(READ_LIMIT + 1)))
    opened.read(READ_LIMIT - 1)
    opened.seek(0)
    opened.read(1)
    with pytest.raises(InputRejected) as caught:
        opened.read(1)
    assert caught.value.problem.code == "read_limit"
    assert len(requests) == 2


@pytest.mark.parametrize("version_id", [None, "00000000-0000-0000-0000-000000000000"])
def test_an_object_that_is_not_there_is_gone(objects, version_id):
    file = SourceObject("input/a", version_id, 3)
    with pytest.raises(ObjectGone):
        objects.head(BUCKET, file.key, file.version_id)
    with pytest.raises(ObjectGone):
        objects.open(BUCKET, file).read()


def test_so_is_one_that_was_deleted(objects, put, s3):
    file = put("input/a", b"abc")
    marker = s3.delete_object(Bucket=BUCKET, Key="input/a")["VersionId"]
    assert objects.head(BUCKET, "input/a", file.version_id).size_bytes == 3
    for version_id in (None, marker):
        with pytest.raises(ObjectGone):
            objects.head(BUCKET, "input/a", version_id)
    s3.delete_object(Bucket=BUCKET, Key="input/a", VersionId=file.version_id)
    with pytest.raises(ObjectGone):
        objects.open(BUCKET, file).read()


def test_an_archived_object_is_unreadable_and_the_remedy_is_told(objects, put):
    file = put("input/a", b"abc", StorageClass="GLACIER")
    with pytest.raises(InputRejected) as caught:
        objects.open(BUCKET, file).read()
    problem = caught.value.problem
    assert problem.code == "unreadable"
    assert problem.message.startswith("s3://ingest/input/a is archived")
    assert "Restore it" in problem.message


@pytest.mark.parametrize("code", ["AccessDenied", "403"])
def test_so_is_one_that_may_not_be_read(objects, put, s3, code):
    def deny(**_):
        raise ClientError({"Error": {"Code": code, "Message": "no"}}, "GetObject")

    file = put("input/a", b"abc")
    for operation in ("HeadObject", "GetObject"):
        s3.meta.events.register(f"before-call.s3.{operation}", deny)
    for read in (
        lambda: objects.head(BUCKET, file.key, file.version_id),
        lambda: objects.open(BUCKET, file).read(),
    ):
        with pytest.raises(InputRejected) as caught:
            read()
        assert caught.value.problem.code == "unreadable"
        assert "kms:Decrypt" in caught.value.problem.message


def test_other_errors_stay_what_they_are(objects):
    with pytest.raises(ClientError):
        objects.list_latest("no-such-bucket", "")


def test_a_listing_has_each_object_as_it_is_now(objects, put, s3):
    put("datasets/x/a", b"1")
    put("datasets/x/deleted", b"1")
    s3.delete_object(Bucket=BUCKET, Key="datasets/x/deleted")
    put("datasets/xy/other", b"1")
    expected = [put("datasets/x/a", b"22"), put("datasets/x/sub/b", b"333")]
    assert objects.list_latest(BUCKET, "datasets/x/") == expected


def test_a_listing_goes_over_all_pages(objects, put, s3):
    pages = []

    def make_pages_small(params, **_):
        params["MaxKeys"] = 2
        pages.append(params)

    s3.meta.events.register("before-parameter-build.s3.ListObjectVersions", make_pages_small)
    keys = [put(f"datasets/x/{i}", b"").key for i in range(5)]
    assert [file.key for file in objects.list_latest(BUCKET, "datasets/x/")] == keys
    assert len(pages) == 3


def test_an_upload_is_in_progress_until_it_is_ended_or_aborted(objects, s3):
    def begin(key):
        return s3.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]

    begin("datasets/y/b")
    upload = begin("datasets/x/a")
    assert objects.uploads_in_progress(BUCKET, "datasets/x/") == ["datasets/x/a"]
    s3.abort_multipart_upload(Bucket=BUCKET, Key="datasets/x/a", UploadId=upload)
    assert objects.uploads_in_progress(BUCKET, "datasets/x/") == []


def test_a_document_is_written_where_it_is_read(objects, s3):
    place = S3Uri(BUCKET, "results/job/manifest.json")
    objects.write(Problem("gone", "a message"), place)
    assert read_document(Problem, str(place), s3) == Problem("gone", "a message")


def test_a_document_is_found_or_not(objects, put):
    put("results/a/problem.json", to_json(Problem("code", "message")).encode())
    found = objects.find(Problem, S3Uri(BUCKET, "results/a/problem.json"))
    assert found == Problem("code", "message")
    assert objects.find(Problem, S3Uri(BUCKET, "results/b/problem.json")) is None
