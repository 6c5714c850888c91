import pytest

from contracts.layout import JobLayout, S3Uri


def test_a_uri_and_its_text_are_the_same() -> None:
    uri = S3Uri.parse("s3://bucket/a/b c?.csv")
    assert (uri.bucket, uri.key, str(uri)) == ("bucket", "a/b c?.csv", "s3://bucket/a/b c?.csv")


@pytest.mark.parametrize("text", ["bucket/key", "s3://bucket", "https://bucket/key", "s3:///key"])
def test_what_is_no_uri_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an s3"):
        S3Uri.parse(text)


def test_attempts_do_not_share_a_prefix() -> None:
    layout = JobLayout("results", "job")
    assert str(layout.attempt("spark", 2)) == "s3://results/results/job/attempts/spark-2/"
    assert str(layout.attempt("spark", 2).join("x.json")).endswith("/spark-2/x.json")
