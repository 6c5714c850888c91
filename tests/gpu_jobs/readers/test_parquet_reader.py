from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import numpy
import pytest

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

from contracts.manifest import Column, Format, Manifest, SourceObject  # noqa: E402
from gpu_jobs.errors import RejectedError  # noqa: E402
from gpu_jobs.readers.parquet_reader import BATCH_BYTES, MOST_BATCH_BYTES, ParquetReader  # noqa: E402


def parquet_bytes(table, **options):
    sink = io.BytesIO()
    parquet.write_table(table, sink, **options)
    return sink.getvalue()


@pytest.fixture
def reader(tmp_path):
    """`reader(normalize, *files)`: a reader of files whose columns are those of the first."""

    def make(normalize, *files, schema=None):
        schema = schema or parquet.read_schema(io.BytesIO(files[0]))
        contents = {f"part-{i}": data for i, data in enumerate(files)}
        manifest = Manifest(
            job_id="job",
            bucket="ingest",
            files=tuple(SourceObject(key, "v1", len(data)) for key, data in contents.items()),
            format=Format.PARQUET,
            columns=tuple(Column(field.name, str(field.type)) for field in schema),
            normalize=normalize,
        )
        return ParquetReader(
            manifest, lambda s, path: path.write_bytes(contents.pop(s.key)), tmp_path
        )

    return make


def batches_of(reader):
    return [batch for group in reader.row_groups() for batch in group.batches()]


def rows_of(reader):
    return pyarrow.Table.from_batches(batches_of(reader))


def test_every_object_is_fetched_once_and_read_as_often_as_asked(reader):
    tables = [pyarrow.table({"a": [1, 2]}), pyarrow.table({"a": [3]})]
    both = reader(("a",), *map(parquet_bytes, tables))
    assert rows_of(both)["a"].to_pylist() == [1.0, 2.0, 3.0]
    assert rows_of(both)["a"].to_pylist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    "values",
    [
        pyarrow.array([1, None, 3], pyarrow.int8()),
        pyarrow.array([1, None, 3], pyarrow.uint64()),
        pyarrow.array(numpy.array([1, 3], "float16")),
        pyarrow.array([1.5, None], pyarrow.float32()),
        pyarrow.array([Decimal("1.25"), None, Decimal("-3.50")], pyarrow.decimal128(38, 2)),
        pyarrow.array([Decimal("1.25"), None], pyarrow.decimal256(60, 2)),
    ],
    ids=lambda values: str(values.type),
)
def test_every_numeric_type_is_normalized_as_double(reader, values):
    table = rows_of(reader(("a",), parquet_bytes(pyarrow.table({"a": values}))))
    assert table["a"].type == pyarrow.float64()
    assert table["a"].to_pylist() == [None if v is None else float(v) for v in values.to_pylist()]


@pytest.mark.parametrize(
    "type_",
    [
        pyarrow.decimal32(9, 4),
        pyarrow.decimal64(15, 4),
        pyarrow.decimal128(15, 4),
        pyarrow.decimal256(15, 4),
    ],
    ids=str,
)
def test_decimals_of_few_digits_become_the_nearest_double(reader, type_):
    decimals = [Decimal("99972.6166"), None, Decimal("-46957.5874")]
    table = pyarrow.table({"a": pyarrow.array(decimals, type_)})
    found = rows_of(reader(("a",), parquet_bytes(table)))["a"].to_pylist()
    assert found == [99972.6166, None, -46957.5874]


def test_a_column_name_that_is_no_text_is_damage(reader, monkeypatch):
    (group,) = reader(("a",), parquet_bytes(pyarrow.table({"a": [1.0]}))).row_groups()

    def dictionaries(*_):
        b"\xff".decode()

    monkeypatch.setattr("gpu_jobs.readers.parquet_reader.dictionaries", dictionaries)
    with pytest.raises(RejectedError, match="damaged") as caught:
        list(group.batches())
    assert caught.value.problem.code == "corrupt_parquet"


def test_integers_beyond_2_to_53_are_rounded_when_normalized(reader):
    table = pyarrow.table({"a": pyarrow.array([2**64 - 1, 2**53 + 1], pyarrow.uint64())})
    assert rows_of(reader(("a",), parquet_bytes(table)))["a"].to_pylist() == [2.0**64, 2.0**53]


def test_what_is_not_normalized_passes_through_exactly(reader):
    table = pyarrow.table(
        {
            "x": [1.0, 2.0],
            "int": pyarrow.array([2**53 + 1, None]),
            "decimal": pyarrow.array([Decimal("1.10"), None], pyarrow.decimal128(38, 2)),
            "instant": pyarrow.array([1, None], pyarrow.timestamp("ns", "Europe/Berlin")),
            "time": pyarrow.array([datetime(2024, 2, 29, tzinfo=UTC), None]),
            "dictionary": pyarrow.array(["a", None]).dictionary_encode(),
            "struct": pyarrow.array([{"a": 1, "b": [1, None]}, None]),
            "list": pyarrow.array([["a", None], None]),
            "map": pyarrow.array(
                [[("k", 1)], None], pyarrow.map_(pyarrow.string(), pyarrow.int32())
            ),
            "binary": pyarrow.array([b"\xff\x00", None]),
            "float": pyarrow.array([float("inf"), float("nan")], pyarrow.float32()),
            "large": pyarrow.array(["a", None], pyarrow.large_string()),
            "duration": pyarrow.array([1, None], pyarrow.duration("ns")),
            "nothing": pyarrow.nulls(2),
        }
    )
    found = rows_of(reader(("x",), parquet_bytes(table)))
    assert found.schema.equals(table.schema)
    assert found.drop_columns("float").equals(table.drop_columns("float"))
    assert found["float"].to_numpy().tobytes() == table["float"].to_numpy().tobytes()


def test_files_may_differ_in_nullability_and_metadata(reader):
    strict = pyarrow.schema([pyarrow.field("a", pyarrow.string(), nullable=False)], {"k": "v"})
    tables = pyarrow.table({"a": ["x"]}, schema=strict), pyarrow.table({"a": ["y", None]})
    assert rows_of(reader((), *map(parquet_bytes, tables)))["a"].to_pylist() == ["x", "y", None]


def test_wide_rows_come_in_smaller_batches(reader, monkeypatch):
    monkeypatch.setattr("gpu_jobs.readers.parquet_reader.BATCH_BYTES", 1000)
    table = pyarrow.table({name: range(1000) for name in "abcd"})
    batches = batches_of(reader(("a",), parquet_bytes(table)))
    assert 500 < sum(batch.nbytes for batch in batches) / len(batches) < 1000


def test_long_values_that_a_dictionary_has_once_come_in_smaller_batches(reader):
    table = pyarrow.table({"a": [1] * 30_000, "s": ["long" * 2500, "other" * 2000] * 15_000})
    data = parquet_bytes(table)
    assert len(data) < 1 << 20
    sizes = [batch.nbytes for batch in batches_of(reader(("a",), data))]
    assert sum(sizes) > 300_000_000
    assert max(sizes) < 1.1 * BATCH_BYTES


def test_of_a_large_row_group_no_more_is_in_memory_than_a_batch_is_made_of(
    reader, tmp_path, monkeypatch, resident_bytes
):
    monkeypatch.setattr("gpu_jobs.readers.parquet_reader.BATCH_ROWS", 100_000)
    random = numpy.random.default_rng(1)
    table = pyarrow.table({name: random.normal(size=2_000_000) for name in "abcd"})
    data = parquet_bytes(
        table,
        row_group_size=len(table),
        compression="none",
        use_dictionary=False,
        data_page_size=1 << 16,
    )
    (group,) = reader(("a",), data).row_groups()
    mapped = [resident_bytes(tmp_path / "source-00000.parquet") for _ in group.batches()]
    assert len(mapped) == 20
    assert 0 < max(mapped) < len(data) / 5


@pytest.mark.parametrize(
    "type_", [pyarrow.string(), pyarrow.large_string(), pyarrow.string_view(), pyarrow.binary()]
)
def test_long_values_behind_short_ones_come_in_batches_that_stay_small(reader, type_):
    long = "x" * 20_000
    texts = pyarrow.array(["a"] * 500 + [long] * 20_000).dictionary_encode()
    table = pyarrow.table({"a": range(20_500), "s": texts.cast(pyarrow.string()).cast(type_)})
    batches = batches_of(reader(("a",), parquet_bytes(table)))
    assert sum(batch.num_rows for batch in batches) == 20_500
    assert max(batch.nbytes for batch in batches) <= MOST_BATCH_BYTES


def test_files_may_have_their_columns_in_another_order(reader):
    tables = (
        pyarrow.table({"a": [1], "s": ["x"]}),
        pyarrow.table({"s": ["y"], "a": [2]}),
    )
    assert rows_of(reader(("a",), *map(parquet_bytes, tables))).to_pydict() == {
        "a": [1.0, 2.0],
        "s": ["x", "y"],
    }


PASSING = [
    pyarrow.array([5]),
    pyarrow.array(["x"]),
    pyarrow.array([Decimal("1.10")], pyarrow.decimal128(38, 2)),
    pyarrow.array([1], pyarrow.timestamp("ns", "Europe/Berlin")),
    pyarrow.array(["a"]).dictionary_encode(),
    pyarrow.array([{"a": 1, "b": [1, None]}]),
    pyarrow.array([[("k", 1)]], pyarrow.map_(pyarrow.string(), pyarrow.int32())),
]


@pytest.mark.parametrize("empty", [0, 1], ids=["the first file", "the second file"])
@pytest.mark.parametrize("values", PASSING, ids=lambda values: str(values.type))
def test_a_column_that_is_all_null_in_one_file_has_the_type_of_the_others(reader, values, empty):
    tables = [pyarrow.table({"x": [1], "a": values})]
    tables.insert(empty, pyarrow.table({"x": pyarrow.nulls(2), "a": pyarrow.nulls(2)}))
    files = [parquet_bytes(table) for table in tables]
    both = reader(("x",), *files, schema=parquet.read_schema(io.BytesIO(files[1 - empty])))
    for _ in range(2):
        found = rows_of(both)
        assert found["x"].to_pylist() == ([None, None, 1.0] if empty == 0 else [1.0, None, None])
        assert found["a"].type.equals(values.type)
        assert found["a"].drop_null().to_pylist() == values.to_pylist()


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        ({"a": ["x"]}, "Column 'a' is of type 'string', and 'int64' was validated."),
        ({"b": [1]}, "Column 'a' was validated and is missing."),
        ({"b": [1], "a": [1]}, "Column 'b' is one more than was validated."),
    ],
)
def test_other_columns_than_the_validated_ones_are_rejected(reader, other, difference):
    files = [parquet_bytes(pyarrow.table(table)) for table in ({"a": [1]}, other)]
    with pytest.raises(RejectedError) as rejected:
        rows_of(reader(("a",), *files))
    problem = rejected.value.problem
    assert (problem.code, problem.where) == ("schema_mismatch", "part-1")
    assert problem.message.startswith(difference)


def test_only_the_first_of_many_different_columns_is_told_and_cut(reader):
    validated, found = (
        pyarrow.table({f"{'long' * 100}{word}{i}": [i] for i in range(50)}) for word in "ab"
    )
    with pytest.raises(RejectedError) as rejected:
        rows_of(reader((), parquet_bytes(found), schema=validated.schema))
    assert len(rejected.value.problem.message) < 200


def test_a_codec_that_the_reader_does_not_know_is_rejected_as_unsupported(reader):
    table = pyarrow.table({"a": [1, 2, 3]})
    data = parquet_bytes(table, compression="gzip", use_dictionary=False)
    # In the footer, behind the column's path, stands the codec: GZIP is 2 and LZO is 3.
    gzip, lzo = (b"\x19\x18\x01a\x15" + bytes([2 * codec]) for codec in (2, 3))
    assert data.count(gzip) == 1
    with pytest.raises(RejectedError) as rejected:
        rows_of(reader(("a",), data.replace(gzip, lzo)))
    problem = rejected.value.problem
    assert (problem.code, problem.where) == ("unsupported_parquet", "row group 0 of part-0")
    assert "LZO" in problem.message


def test_what_pyarrow_does_not_implement_is_rejected_as_unsupported(reader, monkeypatch):
    def not_implemented(*_, **__):
        raise pyarrow.ArrowNotImplementedError("Nested data conversions not implemented")

    monkeypatch.setattr(parquet.ParquetFile, "iter_batches", not_implemented)
    with pytest.raises(RejectedError, match="unsupported_parquet"):
        rows_of(reader(("a",), parquet_bytes(pyarrow.table({"a": [1]}))))


@pytest.mark.parametrize("file", ["part-0", "part-1"])
def test_what_ends_a_copy_is_not_taken_for_damage(reader, file):
    tables = [pyarrow.table({"a": [1], "s": s}) for s in (pyarrow.nulls(1), ["x"])]
    some = reader(("a",), *map(parquet_bytes, tables), schema=tables[1].schema)
    copy = some._fetch

    def fetch(source, path):
        if source.key == file:
            raise OSError(28, "No space left on device")
        copy(source, path)

    some._fetch = fetch
    with pytest.raises(OSError, match="No space"):
        rows_of(some)


BIG = pyarrow.table({"a": numpy.random.default_rng(5).random(30_000)})


@pytest.mark.parametrize("damage", ["cut off", "no footer", "empty"])
def test_a_file_that_was_cut_off_is_rejected(reader, damage):
    whole = parquet_bytes(BIG)
    data = {"cut off": whole[:-1000], "no footer": whole[:-8], "empty": b""}[damage]
    with pytest.raises(RejectedError) as rejected:
        rows_of(reader(("a",), data, schema=BIG.schema))
    assert (rejected.value.problem.code, rejected.value.problem.where) == (
        "corrupt_parquet",
        "part-0",
    )


def test_a_flipped_byte_is_found_by_the_page_checksum_and_placed(reader):
    data = bytearray(
        parquet_bytes(
            BIG,
            row_group_size=10_000,
            write_page_checksum=True,
            compression="none",
            use_dictionary=False,
        )
    )
    data[len(data) // 2] ^= 1
    with pytest.raises(RejectedError) as rejected:
        rows_of(reader(("a",), bytes(data)))
    assert (rejected.value.problem.code, rejected.value.problem.where) == (
        "corrupt_parquet",
        "row group 1 of part-0",
    )


@pytest.mark.parametrize(
    "values",
    [
        pyarrow.array([b"ok", b"Z\xfcrich"]).view(pyarrow.string()),
        pyarrow.array([[b"Z\xfcrich"], []]).cast(pyarrow.list_(pyarrow.binary())),
    ],
)
def test_text_that_is_not_utf_8_is_rejected(reader, values):
    if pyarrow.types.is_list(values.type):
        inner = values.values.view(pyarrow.string())
        values = pyarrow.ListArray.from_arrays(values.offsets, inner)
    table = pyarrow.table({"a": [1, 2], "s": values})
    with pytest.raises(RejectedError) as caught:
        rows_of(reader(("a",), parquet_bytes(table)))
    assert caught.value.problem.code == "corrupt_parquet"
    assert caught.value.problem.where == "row group 0 of part-0"


def test_fewer_rows_than_are_announced_are_damage(reader):
    (group,) = reader(("a",), parquet_bytes(pyarrow.table({"a": [1, 2]}))).row_groups()
    with pytest.raises(RejectedError, match="3 rows are announced, and 2 are there"):
        list(replace(group, rows=3).batches())


def test_an_encrypted_file_is_unsupported_and_not_damaged(reader, monkeypatch):
    def refuse(*_, **__):
        raise OSError("Cannot decrypt\nColumnMetadata")

    encrypted = reader(("a",), parquet_bytes(pyarrow.table({"a": [1]})))
    monkeypatch.setattr("pyarrow.parquet.ParquetFile", refuse)
    with pytest.raises(RejectedError, match="Cannot decrypt ColumnMetadata") as caught:
        rows_of(encrypted)
    assert caught.value.problem.code == "unsupported_parquet"


@pytest.mark.parametrize("later", ["dictionary", "plain", "delta", "without", "null"])
def test_text_that_repeats_in_the_first_rows_comes_as_indices_in_all(reader, later):
    first = pyarrow.table({"a": range(100), "s": ["x", None] * 50})
    texts = [None] * 100 if later == "null" else [f"{n}" for n in range(100)]
    second = pyarrow.table({"a": range(100), "s": texts})
    options = {
        "plain": {"use_dictionary": ["s"], "dictionary_pagesize_limit": 1, "write_batch_size": 10},
        "delta": {"use_dictionary": False, "column_encoding": {"s": "DELTA_LENGTH_BYTE_ARRAY"}},
        "without": {"use_dictionary": False},
    }.get(later, {})
    batches = batches_of(reader(("a",), parquet_bytes(first), parquet_bytes(second, **options)))
    as_indices = pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
    assert [batch.schema.field("s").type for batch in batches] == [as_indices] * 2
    expected = first["s"].to_pylist() + texts
    assert [text for batch in batches for text in batch["s"].to_pylist()] == expected


def test_text_that_repeats_only_at_first_comes_in_batches_that_stay_small(reader):
    long = [f"{n:05}" * 500 for n in range(30_000)]
    tables = [pyarrow.table({"a": range(30_000), "s": s}) for s in (["x"] * 30_000, long)]
    sizes = [batch.nbytes for batch in batches_of(reader(("a",), *map(parquet_bytes, tables)))]
    assert sum(sizes) < 1.1 * 30_000 * 2500
    assert max(sizes) < 1.1 * BATCH_BYTES


def test_text_that_goes_on_with_shared_beginnings_comes_in_batches_that_stay_small(reader):
    long = ["same" * 750 + str(n) for n in range(20_000)]
    tables = [pyarrow.table({"a": range(20_000), "s": s}) for s in (["x"] * 20_000, long)]
    encodings = ({}, {"use_dictionary": False, "column_encoding": {"s": "DELTA_BYTE_ARRAY"}})
    files = [parquet_bytes(t, **e) for t, e in zip(tables, encodings, strict=True)]
    assert len(files[1]) < 200_000
    assert max(batch.nbytes for batch in batches_of(reader(("a",), *files))) < 1.1 * BATCH_BYTES


def test_of_columns_that_are_not_read_no_dictionary_is_looked_at(reader, monkeypatch):
    table = pyarrow.table({"a": [1, 2], "s": ["x", "y"], "t": ["x", "y"]})
    (group,) = reader(("a",), parquet_bytes(table)).row_groups()
    asked = []

    def values(file, group, columns):
        asked.extend(columns)
        return iter(())

    monkeypatch.setattr("gpu_jobs.readers.parquet_dictionaries._values", values)
    list(group.batches(["a", "t"]))
    assert asked == ["t"]


def test_categories_of_several_files_may_be_more_than_the_indices_of_one_count(reader):
    halves = [[f"{half} {n}" for n in range(100)] for half in ("first", "second")]
    narrow = pyarrow.dictionary(pyarrow.int8(), pyarrow.string())
    wide = pyarrow.dictionary(pyarrow.int16(), pyarrow.string())
    arrays = [
        pyarrow.array(half).dictionary_encode().cast(indices)
        for half, indices in zip(halves, (narrow, wide), strict=True)
    ]
    files = [parquet_bytes(pyarrow.table({"a": range(100), "c": array})) for array in arrays]
    column = rows_of(reader(("a",), *files))["c"].unify_dictionaries()
    assert column.type == pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
    assert column.to_pylist() == [*halves[0], *halves[1]]


@pytest.mark.parametrize("other", [2, "text"])
def test_a_batch_without_columns_is_never_read(reader, monkeypatch, other):
    """Where the announced rows are nonsense, pyarrow ends the process at it."""
    asked = []
    read = parquet.ParquetFile.iter_batches

    def spy(self, *arguments, columns=None, **options):
        asked.append(columns)
        return read(self, *arguments, columns=columns, **options)

    monkeypatch.setattr(parquet.ParquetFile, "iter_batches", spy)
    rows_of(reader(("a",), parquet_bytes(pyarrow.table({"a": [1.5], "b": [other]}))))
    assert asked
    assert [] not in asked


def test_some_columns_can_be_read_alone_whatever_their_names_begin_with(reader):
    table = pyarrow.table({"a.b": [1.5, 2.5], "a": [3.5, 4.5], "s": ["x", "y"], "s.t": [1, 2]})
    (group,) = reader(("a", "a.b"), parquet_bytes(table)).row_groups()
    for columns in (["a.b"], ["a"], ["s", "a"]):
        (batch,) = group.batches(columns)
        assert batch.to_pydict() == table.select(columns).to_pydict()


@pytest.mark.parametrize("length", [1, 37, 100, 333, 1000])
def test_slices_of_a_row_group_are_its_rows(reader, monkeypatch, length):
    monkeypatch.setattr("gpu_jobs.readers.parquet_reader.BATCH_ROWS", 100)
    table = pyarrow.table(
        {
            "x": [None if n % 7 == 0 else float(n) for n in range(1000)],
            "city": ["Bonn" if n % 2 else None for n in range(1000)],
            "note": [f"note {n}" for n in range(1000)],
            "price": [Decimal(n) / 100 for n in range(1000)],
        }
    )
    (whole,) = reader(("x", "price"), parquet_bytes(table)).row_groups()
    slices = [
        whole.slice(start, min(length, 1000 - start)).batches() for start in range(0, 1000, length)
    ]
    assert pyarrow.Table.from_batches(
        [batch for batches in slices for batch in batches]
    ) == pyarrow.Table.from_batches(whole.batches())


def test_damage_behind_a_slice_does_not_concern_it(reader):
    file = parquet_bytes(pyarrow.table({"x": [1.0, 2.0]}))
    (whole,) = reader(("x",), file).row_groups()
    short = replace(whole, rows=5)
    assert [batch.num_rows for batch in short.slice(0, 2).batches()] == [2]
    with pytest.raises(RejectedError, match="5 rows are announced, and 2 are there"):
        list(short.slice(2, 3).batches())


def test_an_empty_row_group_has_no_rows(reader):
    table = pyarrow.table({"a": [1, 2], "s": ["x", "y"]})
    sink = io.BytesIO()
    with parquet.ParquetWriter(sink, table.schema) as writer:
        for part in (table, table.slice(0, 0), table):
            writer.write_table(part)
    assert rows_of(reader(("a",), sink.getvalue()))["s"].to_pylist() == ["x", "y", "x", "y"]
