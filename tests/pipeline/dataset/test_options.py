import pytest

from contracts.manifest import Options
from pipeline.dataset.options import parse_options, unknown_options
from pipeline.errors import InputRejected


def test_no_metadata_means_the_defaults():
    assert parse_options({}) == Options()


def test_metadata_that_mean_nothing_here_are_ignored():
    assert parse_options({"s3cmd-attrs": "uid:0", "job-id": "x"}) == Options()


def test_every_option_is_read():
    assert parse_options(
        {
            "columns": "fare, tip",
            "exclude": "id",
            "group-by": "vendor",
            "gpu-enabled": "false",
            "compare-pipelines": "No",
            "store-results": "0",
            "dtype": "float32",
        }
    ) == Options(
        columns=("fare", "tip"),
        exclude=("id",),
        group_by="vendor",
        gpu_enabled=False,
        compare_pipelines=False,
        store_results=False,
        dtype="float32",
    )


def test_a_quoted_name_may_hold_a_comma_and_repeated_names_count_once():
    assert parse_options({"columns": '"fare, total",tip,tip,'}).columns == ("fare, total", "tip")


@pytest.mark.parametrize(
    "encoded", ["=?UTF-8?B?R3LDtsOfZSxBbHRlcg==?=", "=?utf-8?q?Gr=C3=B6=C3=9Fe=2CAlter?="]
)
def test_names_that_are_not_ascii_come_as_encoded_words(encoded):
    assert parse_options({"columns": encoded}).columns == ("Größe", "Alter")


@pytest.mark.parametrize("odd", ["=?UTF-8?B?A?=", "=?no-such-charset?Q?a?=", "=?é?Q?a?=", "a=?b"])
def test_what_only_resembles_an_encoded_word_is_taken_as_it_is(odd):
    assert parse_options({"group-by": odd}).group_by == odd


@pytest.mark.parametrize("option", ["columns", "exclude"])
@pytest.mark.parametrize("odd", ["=?utf-8?q?a=0Db?=", "=?utf-8?q?a=0Ab?="])
def test_a_list_that_cannot_be_read_is_refused_with_the_rule(option, odd):
    with pytest.raises(InputRejected) as caught:
        parse_options({option: odd})
    problem = caught.value.problem
    assert (problem.code, problem.where) == ("invalid_option", f"metadata {option}")
    assert f"{option} takes names separated by commas, not 'a\\" in problem.message


def test_everything_at_fault_is_named_at_once_with_what_is_allowed():
    with pytest.raises(InputRejected) as caught:
        parse_options({"gpu-enabled": "maybe", "dtype": "int8", "compare-pipelines": "true"})
    problem = caught.value.problem
    assert problem.code == "invalid_option"
    assert "gpu-enabled takes true or false, not 'maybe'" in problem.message
    assert "dtype takes float64 or float32, not 'int8'" in problem.message
    assert problem.where == "metadata gpu-enabled, dtype"


def test_a_name_that_is_nearly_an_options_is_told_of():
    metadata = {"group_by": "city", "gpuenabled": "no", "jobid": "a", "colums": "x", "mtime": "1"}
    assert unknown_options({**metadata, "group-by": "city", "dtype": "float32"}) == tuple(
        f"The metadata {found!r} means nothing here: did you mean {meant!r}? "
        "The job runs without it."
        for found, meant in (
            ("group_by", "group-by"),
            ("gpuenabled", "gpu-enabled"),
            ("jobid", "job-id"),
            ("colums", "columns"),
        )
    )
