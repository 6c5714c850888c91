import pytest

from contracts.manifest import SourceObject
from pipeline.dataset.folder import (
    EMPTY_FOR_SECONDS,
    UNSETTLED_FOR_SECONDS,
    Look,
    data_files,
    fingerprint,
    has_arrived,
    next_look_seconds,
    partition_warnings,
)
from pipeline.dataset.limits import MAX_FILES
from pipeline.errors import InputRejected

FOLDER = "datasets/taxi/"


def files(*names, version="v1", size=9):
    return tuple(SourceObject(FOLDER + name, version, size) for name in names)


def names(found):
    return [file.key.removeprefix(FOLDER) for file in found]


def arrived(listed, *, uploads=(), waited=10.0, earlier=None):
    earlier = fingerprint(listed) if earlier is None else earlier
    return has_arrived(Look(listed, uploads, waited), FOLDER, earlier)


def problem_of(*arguments, **options):
    with pytest.raises(InputRejected) as caught:
        arrived(*arguments, **options)
    return caught.value.problem


def test_what_begins_with_an_underscore_or_a_dot_is_no_data():
    listed = files(
        "_SUCCESS",
        "part-0.csv",
        ".part-0.csv.crc",
        "_temporary/0/part-1.csv",
        ".hidden/part-2.csv",
        "sub/part-3.csv",
        "sub/",
        "",
    )
    assert names(data_files(listed, FOLDER)) == ["part-0.csv", "sub/part-3.csv"]


def test_files_are_read_in_the_order_a_person_expects():
    listed = files("part-10.csv", "part-2.csv", "part-02.csv", "Part-1.csv", "part.csv", "10", "9")
    assert names(data_files(listed, FOLDER)) == [
        "9",
        "10",
        "Part-1.csv",
        "part-02.csv",
        "part-2.csv",
        "part-10.csv",
        "part.csv",
    ]


def test_there_may_be_so_many_files_and_no_more():
    listed = files(*(f"{i}.csv" for i in range(MAX_FILES)))
    assert len(data_files(listed, FOLDER)) == MAX_FILES
    with pytest.raises(InputRejected) as caught:
        data_files((*listed, *files("more.csv")), FOLDER)
    assert caught.value.problem.code == "too_many_files"


def test_the_fingerprint_tells_keys_versions_and_sizes_apart():
    variants = [
        files("a", "b"),
        files("a"),
        files("a", "c"),
        files("a", "b", version="v2"),
        files("a", "b", size=10),
        (),
    ]
    assert len({fingerprint(variant) for variant in variants}) == len(variants)
    assert fingerprint(files("a", "b")) == fingerprint(files("a", "b"))


def test_a_folder_that_did_not_change_has_arrived():
    assert arrived(files("a"))


def test_one_that_changed_or_is_being_uploaded_to_has_not():
    assert not arrived(files("a"), earlier=fingerprint(files("b")))
    assert not arrived(files("a"), uploads=["datasets/taxi/b"])


def test_an_empty_folder_has_as_long_as_its_first_part_may_take():
    assert EMPTY_FOR_SECONDS >= 15 * 60
    assert not arrived((), waited=EMPTY_FOR_SECONDS - 1)
    assert not arrived((), waited=EMPTY_FOR_SECONDS + 1, uploads=["datasets/taxi/b"])
    assert problem_of((), waited=EMPTY_FOR_SECONDS).code == "empty"


def test_a_folder_that_never_settles_has_an_hour():
    assert not arrived(files("a"), earlier="other", waited=UNSETTLED_FOR_SECONDS - 1)
    changing = problem_of(files("a"), earlier="other", waited=UNSETTLED_FOR_SECONDS)
    assert changing.code == "folder_not_settled"
    uploading = problem_of(files("a"), uploads=["datasets/taxi/b"], waited=UNSETTLED_FOR_SECONDS)
    assert "'datasets/taxi/b'" in uploading.message


def test_a_look_tells_what_the_folder_waits_for():
    assert "data file" in Look((), [], 0).awaited
    assert "uploads" in Look((), ["datasets/taxi/b"], 0).awaited
    assert "change" in Look(files("a"), [], 0).awaited


def test_looks_are_never_closer_than_the_quiet_period_and_grow_rarer():
    waits = [next_look_seconds(waited, 30) for waited in (0, 300, 900, UNSETTLED_FOR_SECONDS)]
    assert waits == [30, 30, 90, 360]


def test_a_folder_that_settles_late_has_arrived_all_the_same():
    assert arrived(files("a"), waited=2 * UNSETTLED_FOR_SECONDS)


def test_values_that_stand_only_in_folder_names_are_mentioned():
    listed = files("year=2024/month=1/a.parquet", "year=2025/month=1/b.parquet")
    assert partition_warnings(listed, FOLDER) == (
        "Values that stand only in folder names are not read: 'month', 'year'.",
    )
    assert partition_warnings(files("a=b.csv"), FOLDER) == ()
