import pytest

from contracts.manifest import Column, Format
from pipeline.dataset.schema import FileColumns, merge_columns, settle_integers
from pipeline.errors import InputRejected


def file(name, **types):
    return FileColumns(name, tuple(Column(*item) for item in types.items()))


def merged(format_, *files):
    columns, warnings = merge_columns(format_, files)
    return {column.name: column.type for column in columns}, warnings


@pytest.mark.parametrize("format_", [Format.CSV, Format.JSON_LINES])
def test_types_of_text_files_widen_and_numbers_that_became_text_are_mentioned(format_):
    types, warnings = merged(
        format_,
        file("a", x="int64", y="double", z="null", n="null"),
        file("b", x="double", y="string", z="bool", n="null"),
        file("c", x="int64", y="double", z="null", n="null"),
    )
    assert types == {"x": "double", "y": "string", "z": "bool", "n": "double"}
    assert warnings == (
        "Column 'y' is read as text: it is 'string' in 'b' and 'double' in earlier files.",
    )


def test_json_objects_may_lack_keys():
    types, _ = merged(Format.JSON_LINES, file("a", x="int64"), file("b", y="string"))
    assert types == {"x": "int64", "y": "string"}


@pytest.mark.parametrize("format_", [Format.CSV, Format.PARQUET])
@pytest.mark.parametrize(
    ("other", "name"), [({"x": "int64"}, "y"), ({"x": "int64", "y": "int64", "z": "bool"}, "z")]
)
def test_columns_that_only_one_file_has_are_refused_naming_both(format_, other, name):
    with pytest.raises(InputRejected) as caught:
        merged(format_, file("a.csv", x="int64", y="int64"), file("b.csv", **other))
    problem = caught.value.problem
    assert (problem.code, problem.where) == ("columns_differ", "b.csv")
    for word in (name, "a.csv", "b.csv"):
        assert f"'{word}'" in problem.message


def test_the_order_of_the_columns_is_that_of_the_first_file():
    types, _ = merged(Format.CSV, file("a", x="int64", y="bool"), file("b", y="bool", x="int64"))
    assert list(types) == ["x", "y"]


def test_parquet_files_must_have_the_same_types():
    with pytest.raises(InputRejected) as caught:
        merged(Format.PARQUET, file("a", x="int64"), file("b", x="int32"))
    assert caught.value.problem.code == "columns_differ"
    assert "'int32' in 'b' and 'int64' in earlier files" in caught.value.problem.message


def test_a_nested_type_is_told_no_further_than_a_person_reads():
    wide = "struct<" + "field: int64, " * 40_000 + ">"
    with pytest.raises(InputRejected) as caught:
        merged(Format.PARQUET, file("a", x="int64"), file("b", x=wide))
    assert len(caught.value.problem.message) < 500


def test_a_parquet_column_of_nulls_takes_the_type_of_the_others():
    types, _ = merged(Format.PARQUET, file("a", x="null", n="null"), file("b", x="date", n="null"))
    assert types == {"x": "date", "n": "null"}


def test_integers_beyond_64_bits_are_double_where_they_are_normalized():
    columns = (Column("a", "integer"), Column("b", "integer"), Column("c", "int64"))
    assert [c.type for c in settle_integers(columns, {"a"})] == ["double", "string", "int64"]
