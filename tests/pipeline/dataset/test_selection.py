from dataclasses import replace

import pytest

from contracts.manifest import Column, Options
from pipeline.dataset.selection import select
from pipeline.dataset.table import Table, text_remark
from pipeline.errors import InputRejected

TABLE = Table(
    columns=(
        Column("Vendor", "string"),
        Column("fare", "double"),
        Column("tip", "int64"),
        Column("paid", "bool"),
        Column("day", "date32[day]"),
        Column("stops", "list<element: int64>"),
        Column("city", "string"),
    ),
    categories=("city",),
)


def chosen(**options):
    return select(TABLE, Options(**options))


def problem_of(**options):
    with pytest.raises(InputRejected) as caught:
        chosen(**options)
    return caught.value.problem


def test_every_number_is_normalized_and_the_first_category_groups():
    selection = chosen()
    assert selection.normalize == ("fare", "tip")
    assert selection.group_by == "city"


def test_columns_names_them_and_exclude_takes_away():
    assert chosen(columns=("tip", "fare")).normalize == ("tip", "fare")
    assert chosen(exclude=("fare", "city")).normalize == ("tip",)
    assert chosen(columns=("tip", "fare"), exclude=("tip",)).normalize == ("fare",)


def test_the_grouping_column_is_not_normalized():
    selection = chosen(group_by="tip")
    assert selection.group_by == "tip"
    assert selection.normalize == ("fare",)


def test_without_categories_there_is_one_group():
    assert select(Table(TABLE.columns), Options()).group_by is None


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"columns": ("Fare",)}, "metadata columns"),
        ({"exclude": ("far",)}, "metadata exclude"),
        ({"group_by": "vendor"}, "metadata group-by"),
    ],
)
def test_a_name_that_is_no_column_is_refused_with_what_was_meant(options, where):
    problem = problem_of(**options)
    assert (problem.code, problem.where) == ("unknown_column", where)
    assert "did you mean '" in problem.message
    assert "'Vendor', 'fare', 'tip'" in problem.message


@pytest.mark.parametrize("name", ["city", "paid", "day", "stops"])
def test_what_is_no_number_cannot_be_normalized(name):
    problem = problem_of(columns=("fare", name))
    assert problem.code == "not_numeric"
    assert "The numeric columns are 'fare', 'tip'." in problem.message


def test_a_column_that_is_text_for_a_reason_is_refused_with_it():
    warnings = tuple(text_remark(name, "it has a comma") for name in ("city", "city hall"))
    with pytest.raises(InputRejected) as caught:
        select(replace(TABLE, warnings=warnings), Options(columns=("city",)))
    message = caught.value.problem.message
    assert "normalized. Column 'city' is read as text: it has a comma. The numeric" in message


def test_a_column_cannot_both_be_normalized_and_group():
    assert problem_of(columns=("tip",), group_by="tip").code == "invalid_option"


@pytest.mark.parametrize(
    "type_name",
    [
        "list<element: int64>",
        "struct",
        "binary",
        "time64[us]",
        "duration[s]",
        "decimal256(60, 2)",
        "halffloat",
        "null",
    ],
)
def test_a_column_of_a_type_that_spark_cannot_group_by_is_refused(type_name):
    table = Table((Column("fare", "double"), Column("odd", type_name)))
    with pytest.raises(InputRejected) as caught:
        select(table, Options(group_by="odd"))
    problem = caught.value.problem
    assert (problem.code, problem.where) == ("invalid_option", "metadata group-by")
    assert problem.message.startswith(f"Column 'odd' is '{type_name}' and cannot group the rows.")


@pytest.mark.parametrize("name", ["Vendor", "fare", "tip", "paid", "day"])
def test_any_plain_column_groups_on_request(name):
    assert chosen(group_by=name).group_by == name


def test_whole_numbers_of_any_size_group_since_they_become_text():
    table = Table((Column("fare", "double"), Column("id", "integer")))
    assert select(table, Options(group_by="id")).group_by == "id"


def test_a_category_of_a_type_that_cannot_group_is_passed_over():
    columns = (
        *TABLE.columns,
        Column("code", "dictionary<values=binary, indices=int32, ordered=0>"),
    )
    assert select(Table(columns, ("code", "city")), Options()).group_by == "city"
    assert select(Table(columns, ("code",)), Options()).group_by is None


@pytest.mark.parametrize("options", [{"columns": ("x",)}, {"group_by": "x"}])
def test_a_nested_type_is_told_no_further_than_a_person_reads(options):
    table = Table((Column("x", "list<" + "field: int64, " * 40_000 + ">"), Column("y", "double")))
    with pytest.raises(InputRejected) as caught:
        select(table, Options(**options))
    assert len(caught.value.problem.message) < 500


def test_without_any_number_left_there_is_nothing_to_do():
    problem = problem_of(exclude=("fare", "tip"))
    assert problem.code == "no_numeric_column"
    assert "'paid bool'" in problem.message


def test_a_message_lists_no_more_names_than_a_person_reads():
    table = Table(tuple(Column(f"c{i}" + "x" * 1000, "double") for i in range(2000)))
    with pytest.raises(InputRejected) as caught:
        select(table, Options(columns=("y",)))
    assert "and 1,980 more" in caught.value.problem.message
    assert len(caught.value.problem.message) < 3000
