"""CSV datasets, in blocks of a few bytes where the block size matters."""

from __future__ import annotations

import io
import json
import math

import pytest

pyarrow = pytest.importorskip("pyarrow")

from contracts.manifest import Column, Compression, Format, Manifest, SourceObject  # noqa: E402
from gpu_jobs.errors import MisfitError, RejectedError  # noqa: E402
from gpu_jobs.quarantine import Quarantine  # noqa: E402
from gpu_jobs.readers.csv_reader import CsvReader  # noqa: E402
from gpu_jobs.readers.text_stream import TextStream  # noqa: E402


@pytest.fixture
def reader(tmp_path):
    """`reader(types, *files, normalize=…, delimiter=…)`: a CsvReader of files a.csv, b.csv, …"""

    def make(types, *files, normalize=None, delimiter=","):
        contents = {f"{chr(97 + i)}.csv": data for i, data in enumerate(files)}
        manifest = Manifest(
            job_id="job",
            bucket="ingest",
            files=tuple(SourceObject(key, "v1", len(data)) for key, data in contents.items()),
            format=Format.CSV,
            columns=tuple(Column(name, type_) for name, type_ in types.items()),
            normalize=tuple(n for n, t in types.items() if t in ("int64", "double"))
            if normalize is None
            else normalize,
            delimiter=delimiter,
        )

        def open_text(source, ending=b""):
            raw = io.BytesIO(contents[source.key])
            return TextStream(raw, Compression.NONE, source.key, ending)

        return CsvReader(manifest, open_text, Quarantine(tmp_path / "rows.jsonl"))

    return make


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr("gpu_jobs.readers.csv_parser.BLOCK_BYTES", 64)
    monkeypatch.setattr("gpu_jobs.readers.csv_records.PIECE_BYTES", 64)
    monkeypatch.setattr("gpu_jobs.readers.csv_records.PIECE_BYTES_PER_COLUMN", 0)


def rows_of(reader):
    return [tuple(row.values()) for batch in reader.batches() for row in batch.to_pylist()]


def bad_rows(tmp_path):
    return [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]


TEXT = {"a": "string", "b": "string"}


@pytest.mark.parametrize(
    "data",
    [
        b"a,b\n1,x\n2,y\n",
        b"a,b\n1,x\n2,y",
        b"\xef\xbb\xbfa,b\n1,x\n2,y\n",
        b"a,b\r\n1,x\r\n2,y\r\n",
        b"a,b\r1,x\r2,y\r",
        b"\n\na,b\n\n1,x\n\n\n2,y\n\n",
    ],
    ids=["plain", "no last line end", "byte order mark", "CRLF", "bare CR", "blank lines"],
)
def test_line_ends_marks_and_blank_lines_make_no_difference(reader, data):
    assert rows_of(reader({"a": "int64", "b": "string"}, data)) == [(1.0, "x"), (2.0, "y")]


@pytest.mark.parametrize("lines", [10, 64, 1000])
def test_any_number_of_blank_lines_may_come_first(reader, small_blocks, lines):
    data = b"\xef\xbb\xbf" + b"\r\n" * lines + b"a,b\r\n1,x\r\n"
    assert rows_of(reader({"a": "int64", "b": "string"}, data)) == [(1.0, "x")]


@pytest.mark.parametrize("quote", [b"", b'x "odd" one'], ids=["in pieces", "as a stream"])
@pytest.mark.parametrize("padding", range(8))
def test_a_mark_within_the_text_belongs_to_its_row(reader, small_blocks, quote, padding):
    filler = (b"z" * padding + b"," + quote + b"\n") * 4
    data = b"a,b\n" + filler + b"\xef\xbb\xbfp,q\n" * 30
    rows = rows_of(reader(TEXT, data))
    assert rows[4:] == [("\ufeffp", "q")] * 30


@pytest.mark.parametrize("quote", [b"y", b'y "odd" one'], ids=["in pieces", "as a stream"])
def test_a_line_end_within_a_cell_stays_whole_wherever_a_block_ends(reader, small_blocks, quote):
    row = b'"one\r\ntwo\r\n\r\nthree",' + quote + b"\r\n"
    for padding in range(70):
        rows = rows_of(reader(TEXT, b"a,b\r\n" + b"z" * padding + b",\r\n" + row * 20))
        assert {a for a, _ in rows[1:]} == {"one\r\ntwo\r\n\r\nthree"}


def test_a_reading_that_is_given_up_leaves_no_bad_rows(reader, tmp_path):
    some = reader({"a": "int64", "b": "string"}, b"a,b\n1,x\n2,y,z\n" + b"word,x\n")
    with pytest.raises(MisfitError):
        list(some.batches())
    some.widen()
    assert not (tmp_path / "rows.jsonl").exists() or not bad_rows(tmp_path)


def test_null_spellings_are_null_in_number_and_bool_columns_quoted_or_not(reader):
    data = b'a,b\n,\nNA,NA\n"",""\n"null","NULL"\nnan,None\n1,true\n'
    rows = rows_of(reader({"a": "double", "b": "bool"}, data))
    assert rows == [(None, None)] * 5 + [(1.0, True)]


def test_text_is_never_null(reader):
    data = b'a,b\n,""\nNA,"NA"\nnull,nan\n'
    assert rows_of(reader(TEXT, data)) == [("", ""), ("NA", "NA"), ("null", "nan")]


def test_infinities_in_any_spelling_are_read(reader):
    data = b"a\ninf\n-Infinity\n+INF\n1e400\n-1e400\n"
    infinity = float("inf")
    assert [a for (a,) in rows_of(reader({"a": "double"}, data))] == [
        infinity,
        -infinity,
        infinity,
        infinity,
        -infinity,
    ]


def test_quoted_line_breaks_survive_wherever_a_block_ends(reader, small_blocks):
    rows = [(f"line {i}\nand, {'more' * (i % 7)}", f'say "{i}"') for i in range(60)]
    quoted = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows]
    assert rows_of(reader(TEXT, "\n".join(["a,b", *quoted]).encode())) == rows


def test_whole_numbers_to_normalize_may_turn_into_fractions(reader):
    csv = reader({"a": "int64"}, b"a\n1\n2.5\n9223372036854775808\n")
    assert rows_of(csv) == [(1.0,), (2.5,), (9223372036854775808.0,)]


def test_whole_numbers_that_pass_through_stay_exact(reader):
    csv = reader({"a": "int64"}, b"a\n9007199254740993\n\n-9223372036854775808\n", normalize=())
    assert rows_of(csv) == [(9007199254740993,), (-9223372036854775808,)]


def test_whole_numbers_may_be_null_or_zero_or_have_blanks_around_them(reader):
    csv = reader({"a": "int64"}, b'a\n0\n-0\nNA\n""\n 5\t\n"6"\n', normalize=())
    assert rows_of(csv) == [(0,), (0,), (None,), (None,), (5,), (6,)]


def test_ragged_rows_are_kept_aside_with_their_lines(reader, tmp_path):
    data = b'a,b\n1,2\n\n3\n"x\ny",4\n5,6,7\n8,9\n'
    assert rows_of(reader(TEXT, data)) == [("1", "2"), ("x\ny", "4"), ("8", "9")]
    assert bad_rows(tmp_path) == [
        {"file": "a.csv", "line": 4, "reason": "expected 2 fields, found 1", "text": "3"},
        {"file": "a.csv", "line": 7, "reason": "expected 2 fields, found 3", "text": "5,6,7"},
    ]


def test_lines_are_right_beyond_the_first_block_and_in_every_file(reader, tmp_path, small_blocks):
    good = b"1,2\n" * 100
    csv = reader(TEXT, b"a,b\n" + good + b"3\n" + good, b"a,b\n" + good + b"4\n")
    assert len(rows_of(csv)) == 300
    assert [(row["file"], row["line"]) for row in bad_rows(tmp_path)] == [
        ("a.csv", 102),
        ("b.csv", 102),
    ]


def test_a_line_is_not_named_when_stray_quotes_hide_it(reader, tmp_path):
    data = b'a,b\n5" pipe,1\n2,3\n3\n4" pipe,5\n'
    assert len(rows_of(reader(TEXT, data))) == 3
    assert [(row["line"], row["text"]) for row in bad_rows(tmp_path)] == [(None, "3")]


def test_endless_ragged_rows_are_given_up(reader, monkeypatch, small_blocks):
    monkeypatch.setattr("gpu_jobs.readers.csv_file.MAX_RAGGED_RUN", 50)
    monkeypatch.setattr("gpu_jobs.readers.csv_parser.MAX_RAGGED_RUN", 50)
    with pytest.raises(RejectedError) as rejected:
        rows_of(reader(TEXT, b"a,b\n" + b"1\n" * 1000))
    assert rejected.value.problem.code == "ragged_rows"
    assert rejected.value.problem.where == "line 2 of a.csv"


@pytest.mark.parametrize(
    "data",
    [b'a,b\n1,2\n3,"4\n5,6\n', b'a,b\n1,2\n"3,4\n5,6\n', b'a,b\n1,2\n3,"4'],
    ids=["in the last field", "in the first field", "in the last line"],
)
def test_a_quote_that_is_never_closed_is_rejected(reader, data):
    with pytest.raises(RejectedError) as rejected:
        rows_of(reader(TEXT, data))
    assert rejected.value.problem.code == "unterminated_quote"
    assert rejected.value.problem.where == "line 3 of a.csv"


def test_a_row_longer_than_a_block_is_rejected_and_not_held(reader, small_blocks):
    with pytest.raises(RejectedError) as rejected:
        rows_of(reader(TEXT, b"a,b\n1,2\n" * 3 + b'3,"4' + b"x,y\n" * 1000))
    assert rejected.value.problem.code == "row_too_large"


# pyarrow decodes a ragged row before it hands it on, and reports that it cannot on stderr.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("data", "offset"),
    [
        (b"a,b\n1,caf\xe9\n", 9),
        (b"a\xe9,b\n1,2\n", 1),
        (b"a,b\n1,2\ncaf\xe9\n", 11),
        (b"a,b\n1,2\n\xff,3\n", 8),
    ],
    ids=["cell", "header", "ragged row", "first cell"],
)
def test_bytes_that_are_not_utf_8_are_rejected_with_their_offset(reader, data, offset):
    with pytest.raises(RejectedError) as rejected:
        rows_of(reader(TEXT, data))
    assert rejected.value.problem.code == "encoding"
    assert rejected.value.problem.where == f"byte {offset} of a.csv"


def test_bytes_that_are_not_utf_8_in_a_number_column_are_found_when_widening(reader):
    csv = reader({"a": "double", "b": "string"}, b"a,b\n1,2\n\xff3,3\n")
    with pytest.raises(MisfitError):
        rows_of(csv)
    with pytest.raises(RejectedError, match="encoding"):
        csv.widen()


@pytest.mark.parametrize(
    ("header", "difference"),
    [
        (b"a,c", "Column 'b' was validated and is missing."),
        (b"a", "Column 'b' was validated and is missing."),
        (b"a,a", "Column 'b' was validated and is missing."),
        (b"b,a,c", "Column 'c' is one more than was validated."),
        (b"a,b,b", "Column 'b' is one more than was validated."),
    ],
)
def test_a_file_with_other_columns_is_rejected(reader, header, difference):
    with pytest.raises(RejectedError) as rejected:
        rows_of(reader(TEXT, b"a,b\n1,2\n", header + b"\n1,2\n"))
    assert (rejected.value.problem.code, rejected.value.problem.where) == (
        "schema_mismatch",
        "b.csv",
    )
    assert rejected.value.problem.message.startswith(difference)


def test_only_the_first_of_many_different_names_is_told_and_cut(reader):
    header = ",".join(f"{'long' * 1000}{i}" for i in range(20)).encode()
    with pytest.raises(RejectedError) as rejected:
        rows_of(reader({f"c{i}": "string" for i in range(20)}, header + b"\n"))
    assert rejected.value.problem.message == (
        "Column 'c0' was validated and is missing. All files of a folder need the same columns."
    )


def test_files_may_have_their_columns_in_another_order(reader, tmp_path, small_blocks):
    types = {"n": "double", "s": "string", "b": "bool"}
    good = b"x,true,1.5\n" * 40
    csv = reader(types, b"n,s,b\n1,x,true\n2,3\n", b"s,b,n\n" + good + b"4\n" + good + b"y,,")
    first, *others, last = rows_of(csv)
    assert (first, last) == ((1.0, "x", True), (None, "y", None))
    assert set(others) == {(1.5, "x", True)}
    assert [(row["file"], row["line"], row["text"]) for row in bad_rows(tmp_path)] == [
        ("a.csv", 3, "2,3"),
        ("b.csv", 42, "4"),
    ]


def test_a_quote_that_is_never_closed_is_found_in_whatever_order_the_columns_are(reader):
    with pytest.raises(RejectedError, match="unterminated_quote"):
        rows_of(reader(TEXT, b"a,b\n1,2\n", b'b,a\n1,"2\n'))


def test_widening_finds_misfits_in_whatever_order_the_columns_are(reader):
    csv = reader({"a": "double", "b": "string"}, b"a,b\n1,x\n", b"b,a\nx,1\ny,two\n")
    with pytest.raises(MisfitError):
        rows_of(csv)
    csv.widen()
    assert rows_of(csv) == [("1", "x"), ("1", "x"), ("two", "y")]
    assert csv.warnings == [
        "Column 'a' is read as text, and not normalized: 'two' stands in line 3 of b.csv."
    ]


def test_a_file_of_a_header_alone_adds_no_rows(reader):
    assert rows_of(reader(TEXT, b"a,b\n1,2\n", b"a,b", b"a,b\n\n")) == [("1", "2")]


def test_widening_finds_every_misfit_in_one_reading_and_says_where(reader, small_blocks):
    good = b"1,2,3,true\n" * 50
    csv = reader(
        {"a": "double", "b": "int64", "c": "int64", "d": "bool"},
        b"a,b,c,d\n" + good + b"4\n" + good + b"1,two,3,true\n" + good,
        b"a,b,c,d\n" + b"1,2,3.5,maybe\n" + good,
        normalize=("a", "b"),
    )
    with pytest.raises(MisfitError):
        rows_of(csv)
    csv.widen()
    string = pyarrow.string()
    double = pyarrow.float64()
    assert csv.types == {"a": double, "b": string, "c": double, "d": string}
    assert csv.warnings == [
        "Column 'b' is read as text, and not normalized: 'two' stands in line 103 of a.csv.",
        "Column 'd' is read as text: 'maybe' stands in line 2 of b.csv.",
    ]
    rows = rows_of(csv)
    assert len(rows) == 202
    assert (rows[100], rows[151]) == ((1.0, "two", 3.0, "true"), (1.0, "2", 3.5, "maybe"))


@pytest.mark.parametrize(
    ("cells", "found", "culprit"),
    [
        (["1", "NA", "1.5"], [1.0, None, 1.5], None),
        (["-9007199254740992", "1.5"], [-9007199254740992.0, 1.5], None),
        (["9007199254740993", "1.5"], ["9007199254740993", "1.5"], "1.5"),
        (["1.5", "9007199254740993"], ["1.5", "9007199254740993"], "9007199254740993"),
        (["1.5", "+9007199254740993"], ["1.5", "+9007199254740993"], "+9007199254740993"),
        (["1", "9223372036854775808"], ["1", "9223372036854775808"], "9223372036854775808"),
        (["1.5", "1", "two"], ["1.5", "1", "two"], "two"),
        (["10001", "02134"], ["10001", "02134"], "02134"),
        (["1.5", "02134"], ["1.5", "02134"], "02134"),
        (["NA", "-007"], ["NA", "-007"], "-007"),
        (["31", " 0x1F"], ["31", " 0x1F"], " 0x1F"),
    ],
)
@pytest.mark.parametrize("gap", [0, 50], ids=["in one block", "in several blocks"])
def test_whole_numbers_that_pass_through_become_fractions_or_text_so_that_nothing_is_lost(
    reader, small_blocks, cells, found, culprit, gap
):
    rows = [row for cell in cells for row in (cell, *["1"] * gap)]
    csv = reader({"a": "int64"}, "\n".join(["a", *rows]).encode(), normalize=())
    with pytest.raises(MisfitError):
        rows_of(csv)
    csv.widen()
    assert [a for (a,) in rows_of(csv)][:: gap + 1] == found
    assert len(csv.warnings) == (culprit is not None)
    if culprit:
        assert repr(culprit) in csv.warnings[0]
        assert f" in line {rows.index(culprit) + 2} of a.csv" in csv.warnings[0]


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        (["", "9007199254740993"], [None, 9007199254740993]),
        (["1", "9007199254740992"], [1.0, 9007199254740992.0]),
        (["1.5", "9007199254740993"], ["1.5", "9007199254740993"]),
        (["", "02134"], ["", "02134"]),
        (["1.5", "02134"], ["1.5", "02134"]),
        (["1.5", "0101.21"], ["1.5", "0101.21"]),
        (["+41", "+1.5"], ["+41", "+1.5"]),
        (["1.5", "1234e567"], ["1.5", "1234e567"]),
        (["1.5", "inf", "-0", "+0.5"], [1.5, math.inf, 0.0, 0.5]),
    ],
)
@pytest.mark.parametrize("quote", [b"", b'x"y'], ids=["in pieces", "as a stream"])
def test_a_double_that_passes_through_stays_one_where_nothing_is_lost(reader, cells, found, quote):
    rows = "\n".join(f"{cell}," for cell in cells).encode()
    csv = reader({"a": "double", "b": "string"}, b"a,b\n" + rows + quote, normalize=())
    try:
        rows_of(csv)
    except MisfitError:
        csv.widen()
    assert [a for a, _ in rows_of(csv)] == found


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("02134", "no type of number keeps every value up to '02134' in line 3 of a.csv as it is"),
        ("2024-01-01", "'2024-01-01' stands in line 3 of a.csv."),
        ("5 apples", "'5 apples' stands in line 3 of a.csv."),
    ],
)
def test_a_column_that_becomes_text_says_whether_it_was_by_a_number(reader, cell, reason):
    csv = reader({"a": "int64"}, f"a\n1\n{cell}\n".encode(), normalize=())
    with pytest.raises(MisfitError):
        rows_of(csv)
    csv.widen()
    (warning,) = csv.warnings
    assert warning.startswith(f"Column 'a' is read as text: {reason}")


def test_each_of_many_columns_that_pass_through_has_its_own_cells(reader, small_blocks):
    types = {"a": "int64", "b": "double", "c": "string", "d": "int64", "e": "double"}
    rows = [(n, n / 2, f"t{n}", -n, n / 4) for n in range(100)]
    text = "a,b,c,d,e\n" + "".join(",".join(map(str, row)) + "\n" for row in rows)
    assert rows_of(reader(types, text.encode(), normalize=())) == rows
    assert rows_of(reader(types, text.encode(), normalize=("a", "e"))) == rows


def test_no_row_of_a_dataset_is_taken_for_its_end(reader, tmp_path):
    row = ",".join("\x1c" * 3)
    assert rows_of(reader({"a": "int64", "b": "int64"}, f"a,b\n1,2\n{row}\n3,4\n".encode())) == [
        (1.0, 2.0),
        (3.0, 4.0),
    ]
    assert [bad["text"] for bad in bad_rows(tmp_path)] == [row]
