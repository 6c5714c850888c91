import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.dataset.limits import READ_LIMIT
from pipeline.dataset.parquet import describe
from pipeline.errors import InputRejected


def look(table, **options):
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return describe(file, file.tell())


def problem_of(*arguments, **options):
    with pytest.raises(InputRejected) as caught:
        look(*arguments, **options)
    return caught.value.problem


def test_the_types_are_those_of_the_arrow_schema():
    table = pa.table({"a": pa.array([1], pa.int8()), "b": ["x"], "c": pa.array([1], pa.uint64())})
    assert [(c.name, c.type) for c in look(table).columns] == [
        ("a", "int8"),
        ("b", "string"),
        ("c", "uint64"),
    ]


def test_a_file_without_rows_is_refused():
    assert problem_of(pa.table({"a": pa.array([], pa.int64())})).code == "no_rows"


def test_names_are_held_to_the_same_rules_as_headers():
    column = pa.array([1])
    assert problem_of(pa.table([column, column], names=["a", "a"])).code == "duplicate_header"
    assert problem_of(pa.table([column], names=[""])).code == "blank_header"
    many = pa.table([column] * 2001, names=[str(i) for i in range(2001)])
    assert problem_of(many).code == "too_many_columns"


def test_a_footer_that_is_too_long_is_not_read():
    schema = pa.schema([("a", pa.int64())], metadata={"note": "x" * READ_LIMIT})
    assert problem_of(pa.table({"a": [1]}, schema=schema)).code == "read_limit"


def test_text_columns_with_a_small_dictionary_are_categories():
    rows = range(1000)
    table = pa.table(
        {
            "number": [i % 3 for i in rows],
            "name": [f"n{i}" for i in rows],
            "constant": ["same" for i in rows],
            "city": [f"c{i % 3}" for i in rows],
            "kind": pa.array([f"k{i % 20}" for i in rows]).dictionary_encode(),
            "nested": [{"city": f"c{i % 3}"} for i in rows],
        }
    )
    assert look(table).categories == ("city", "kind")
    assert look(table, row_group_size=300).categories == ("city", "kind")


def test_without_a_dictionary_nothing_is_known_of_the_values():
    table = pa.table({"city": [f"c{i % 3}" for i in range(1000)]})
    assert look(table, use_dictionary=False).categories == ()


def test_a_few_different_values_are_no_categories():
    assert look(pa.table({"city": ["Bonn", "Ulm", "Rom"]})).categories == ()


def test_an_error_of_the_file_itself_is_not_taken_for_a_damaged_footer():
    file = io.BytesIO()
    pq.write_table(pa.table({"a": [1]}), file)

    class Failing(io.BytesIO):
        def read(self, size=-1):
            if size > 8:
                raise ConnectionError("the line is down")
            return super().read(size)

    with pytest.raises(ConnectionError):
        describe(Failing(file.getvalue()), file.tell())
