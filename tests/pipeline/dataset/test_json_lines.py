import json

import pytest

from pipeline.dataset.json_lines import describe
from pipeline.dataset.sample import Text
from pipeline.errors import InputRejected


def lines(*rows, complete=True):
    return Text("".join(json.dumps(row) + "\n" for row in rows), complete)


def types(*rows):
    return {column.name: column.type for column in describe(lines(*rows)).columns}


def problem_of(text):
    with pytest.raises(InputRejected) as caught:
        describe(text)
    return caught.value.problem


def test_columns_stand_in_the_order_in_which_their_keys_are_first_seen():
    assert list(types({"b": 1}, {"a": 1, "b": 2}, {"c": 1})) == ["b", "a", "c"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((1, -2), "int64"),
        ((1, 2**63), "integer"),
        ((1, 2.5), "double"),
        ((2**63, 2.5), "double"),
        ((True, False, None), "bool"),
        ((True, 1), "string"),
        (("1", "2"), "string"),
        (([1], []), "list"),
        (({"x": 1}, None), "struct"),
        (({"x": 1}, [1]), "string"),
        ((None, None), "null"),
    ],
)
def test_the_type_holds_all_values(values, expected):
    assert types(*({"a": value} for value in values)) == {"a": expected}


def test_mixed_types_are_text_and_say_so():
    table = describe(lines({"a": 1}, {"a": "x"}, {"a": True}))
    assert table.warnings == ("Column 'a' is read as text: it mixes bool and int64 and string.",)


def test_the_last_line_of_a_cut_text_is_dropped():
    text = lines({"a": 1}).text + '{"a": "x", "b"'
    assert [c.type for c in describe(Text(text, complete=False)).columns] == ["int64"]
    assert problem_of(Text('{"a": 1', complete=False)).code == "row_too_large"


def test_objects_without_members_hold_no_rows_of_data():
    assert problem_of(lines({}, {})).code == "no_rows"


def test_a_key_without_name_is_refused():
    assert problem_of(lines({"": 1})).code == "blank_header"


def test_a_line_that_is_no_object_counts_as_bad():
    assert describe(lines({"a": 1}, {"a": 2}, [1])).columns[0].type == "int64"
    problem = problem_of(lines({"a": 1}, 5, "x"))
    assert (problem.code, problem.where) == ("invalid_json", "line 2")
    assert "an object was expected, not '5'" in problem.message


def test_text_keys_whose_values_repeat_are_categories():
    rows = [{"n": i, "city": f"c{i % 3}", "name": f"n{i}", "mixed": i or "x"} for i in range(99)]
    assert describe(lines(*rows)).categories == ("city",)


def test_a_line_with_half_a_character_is_a_bad_line():
    text = '{"a": 1}\n{"a": 2, "\\ud800": 1}\n{"a": 3, "b": "\\ud83d\\ude00"}\n'
    assert [column.name for column in describe(Text(text, complete=True)).columns] == ["a", "b"]
