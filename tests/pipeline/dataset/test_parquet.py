import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.dataset.limits import READ_LIMIT
from pipeline.dataset.parquet import describe, has_empty_struct
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


def test_a_damaged_byte_of_the_footer_never_ends_the_process():
    file = io.BytesIO()
    pq.write_table(pa.table({"a": [1.0] * 9, "city": ["Bonn"] * 9}), file)
    data = file.getvalue()
    endings = set()
    for position in range(len(data) - 8 - pq.ParquetFile(file).metadata.serialized_size, len(data)):
        damaged = bytearray(data)
        damaged[position] ^= 0x11
        try:
            describe(io.BytesIO(damaged), len(damaged))
        except InputRejected as error:
            endings.add(error.problem.code)
    assert {"corrupt_parquet", "truncated"} <= endings


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


def test_a_struct_without_fields_is_found_wherever_it_is():
    empty, full = pa.struct([]), pa.struct([("a", pa.int64())])
    for type_ in (empty, pa.struct([("a", empty)]), pa.list_(empty), pa.map_(pa.string(), empty)):
        assert has_empty_struct(type_)
    for type_ in (pa.int64(), full, pa.list_(full), pa.map_(pa.string(), full)):
        assert not has_empty_struct(type_)
