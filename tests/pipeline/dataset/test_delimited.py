import pytest

from pipeline.dataset.delimited import describe, read_rows, sniff_delimiter
from pipeline.dataset.limits import MAX_CATEGORIES, MAX_FIELD, SAMPLE_ROWS
from pipeline.dataset.sample import Text
from pipeline.errors import InputRejected


def whole(text):
    return Text(text, complete=True)


def cut(text):
    return Text(text, complete=False)


def cells(text, delimiter=","):
    return [row.cells for row in read_rows(text, delimiter)]


def problem_of(text):
    with pytest.raises(InputRejected) as caught:
        describe(text)
    return caught.value.problem


def test_rows_know_the_line_they_begin_on():
    rows = list(read_rows(whole('a,b\n\n"x\ny",1\r\nz,2\rw,3'), ","))
    assert [(row.line, row.cells[0]) for row in rows] == [(1, "a"), (3, "x\ny"), (5, "z"), (6, "w")]


def test_the_last_row_of_a_cut_text_is_dropped():
    assert cells(cut("a,b\n1,2\n3,4")) == [["a", "b"], ["1", "2"]]
    assert cells(cut('a,b\n1,2\n3,"4\n5,6\n')) == [["a", "b"], ["1", "2"]]
    assert cells(whole("a,b\n1,2\n3,4")) == [["a", "b"], ["1", "2"], ["3", "4"]]


def test_the_rows_before_an_open_quote_still_come():
    rows = read_rows(whole('a,b\n1,2\n3,"4'), ",")
    assert next(rows).cells == ["a", "b"]
    with pytest.raises(InputRejected):
        list(rows)


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("a;b\n1,5;2,5\n", ";"),
        ('a,b\n"x;y;z",1\n"x;y;z",2\n', ","),
        ("when|what\n10:00, then|a\n11:00|b\n", "|"),
        ("a\tb\n1,2\t3\n", "\t"),
        ("only\n1\n2\n", ","),
        ('a;b;c\n1;2;"3\n', ";"),
        ("a,b,c\n1,2\n3,4\n", ","),
    ],
)
def test_the_delimiter_is_the_one_that_makes_a_table(text, delimiter):
    assert sniff_delimiter(whole(text)) == delimiter


@pytest.mark.parametrize("first", ["1,2.5,3", "-4", "3,1,2", "0", "9" * 5000 + ",1"])
def test_a_first_row_of_numbers_is_no_header(first):
    assert problem_of(whole(f"{first}\n{first}\n")).code == "no_header"


@pytest.mark.parametrize("first", ["0,1,2", "1,2,3", "2019,2020,2021", "id,2020", "a,1.5"])
def test_numbers_that_count_up_or_stand_beside_words_are_a_header(first):
    _, table = describe(whole(f"{first}\n" + ",".join("9" for _ in first.split(",")) + "\n"))
    assert ",".join(column.name for column in table.columns) == first


def test_ragged_rows_are_left_out_of_the_types():
    _, table = describe(whole("a,b\n1,2\n3,4\nx\n"))
    assert [column.type for column in table.columns] == ["int64", "int64"]


def test_a_row_that_does_not_fit_into_the_sample_is_too_large():
    assert problem_of(cut("a,b\n1,2")).code == "row_too_large"
    assert problem_of(cut("a,b")).code == "row_too_large"


def test_a_field_may_have_as_many_characters_as_the_limit():
    _, table = describe(whole("a,b\n" + "x" * MAX_FIELD + ",1\n"))
    assert [column.type for column in table.columns] == ["string", "int64"]
    assert problem_of(whole("a,b\n" + "x" * (MAX_FIELD + 1) + ",1\n")).code == "field_too_large"


def test_types_come_from_a_limited_number_of_rows():
    text = "a\n" + "1\n" * SAMPLE_ROWS
    assert describe(whole(text + "x\n"))[1].columns[0].type == "int64"


def test_text_columns_whose_values_repeat_are_categories():
    rows = [f"{i % 3},c{i % 3},n{i},same,{'yes' if i % 2 else ''}" for i in range(100)]
    _, table = describe(whole("number,city,name,constant,flag\n" + "\n".join(rows)))
    assert table.categories == ("city", "flag")


def test_too_many_categories_are_none():
    def categories(distinct):
        rows = "\n".join(f"c{i % distinct}" for i in range(1000))
        return describe(whole("city\n" + rows))[1].categories

    assert categories(MAX_CATEGORIES) == ("city",)
    assert categories(MAX_CATEGORIES + 1) == ()


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("1,2", "'1', '2'"),
        ("5.1,setosa", "'5.1'"),
        ("a,b", None),
        ("a,2019,2020", None),
    ],
)
def test_a_first_row_that_looks_like_data_is_told_of(header, told):
    row = ",".join(["3", "4", "5"][: header.count(",") + 1])
    _, table = describe(whole(f"{header}\n{row}\n{row}\n"))
    assert [told in warning for warning in table.warnings] == ([True] if told else [])


@pytest.mark.parametrize(
    ("text", "blank"),
    [
        ("x\n1\n\n2\n\n\n3\n", 3),
        ('x\n1\n"a\r\nb"\n\n2\n', 1),
        ("x\r\n1\r\n\r\n2\r\n", 1),
        ('x\n1\n""\nNA\n2\n\n\n', 0),
        ("x,y\n1,2\n\n3,4\n", 0),
    ],
)
def test_blank_lines_in_one_column_may_have_been_meant_as_missing_values(text, blank):
    _, table = describe(whole(text))
    told = [warning for warning in table.warnings if "Blank lines" in warning]
    assert [f": {blank} between the first" in warning for warning in told] == [True] * bool(blank)
