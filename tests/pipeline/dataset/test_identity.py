import pytest

from pipeline.compute_names import AttemptName
from pipeline.dataset.identity import JOB_ID, Upload, alternative_id, default_id, requested_id
from pipeline.errors import InputRejected


def upload(key, version_id="v1", bucket="ingest"):
    return Upload(bucket, key, version_id)


@pytest.mark.parametrize("key", ["input/a.csv", "input/a/b/c.parquet", "input/_SUCCESS", "input/x"])
def test_every_file_under_input_starts_a_job(key):
    assert upload(key).starts_job
    assert not upload(key).is_folder


@pytest.mark.parametrize("key", ["datasets/taxi/_SUCCESS", "datasets/a/b/_SUCCESS"])
def test_a_folder_is_closed_by_its_success_file(key):
    assert upload(key).starts_job
    assert upload(key).is_folder
    assert key == upload(key).folder + "_SUCCESS"


@pytest.mark.parametrize(
    "key",
    [
        "input/",
        "input/empty folder/",
        "datasets/taxi/part-0.csv",
        "datasets/_SUCCESS",
        "datasets/taxi/not_SUCCESS",
        "elsewhere/a.csv",
    ],
)
def test_folder_markers_and_other_keys_start_nothing(key):
    assert not upload(key).starts_job


def test_the_same_upload_always_has_the_same_id():
    assert default_id(upload("input/flights.csv")) == default_id(upload("input/flights.csv"))


def test_bucket_key_and_version_each_make_another_id():
    ids = {
        default_id(upload("input/flights.csv")),
        default_id(upload("input/flights.csv", "v2")),
        default_id(upload("input/flights.csv", None)),
        default_id(upload("input/more/flights.csv")),
        default_id(upload("input/flights.csv", bucket="other")),
    }
    assert len(ids) == 5


@pytest.mark.parametrize(
    ("key", "slug"),
    [
        ("input/2024/Flights (final).csv.gz", "flights-final"),
        ("input/Straßenbahn-Fälle.csv", "straenbahn-falle"),
        ("input/数据.csv", "job"),
        ("input/..%2f..", "job"),
        ("input/" + "x" * 1000, "x" * 53),
        ("input/a\nb+c.csv", "a-b-c"),
        ("datasets/taxi/2024/_SUCCESS", "2024"),
    ],
)
def test_any_key_gives_an_id_that_tells_of_its_name(key, slug):
    job_id = default_id(upload(key))

    assert job_id.rpartition("-")[0] == slug
    assert JOB_ID.fullmatch(job_id)
    assert AttemptName.parse(str(AttemptName(job_id, "spark", 1))).job_id == job_id


def test_an_id_that_is_taken_grows_a_hash_and_stays_within_64_characters():
    assert alternative_id("my-run", upload("input/a.csv")).startswith("my-run-")
    assert len(alternative_id("m" * 64, upload("input/a.csv"))) == 64


def test_without_metadata_no_id_is_asked_for():
    assert requested_id({}) is None
    assert requested_id({"job-id": "my-run-7"}) == "my-run-7"


@pytest.mark.parametrize("job_id", ["", "My Run", "x" * 65, "../up", "läuft", "a\n"])
def test_an_id_of_other_characters_is_refused_with_the_rule(job_id):
    with pytest.raises(InputRejected) as caught:
        requested_id({"job-id": job_id})
    assert caught.value.problem.code == "invalid_option"
    assert "a-z, 0-9 and '-'" in caught.value.problem.message
