"""JSON Lines datasets, in blocks of a few bytes where the block size matters."""

from __future__ import annotations

import io
import json
import math

import pytest

pyarrow = pytest.importorskip("pyarrow")

from contracts.manifest import (  # noqa: E402
    MAX_COLUMNS,
    Column,
    Compression,
    Format,
    Manifest,
    SourceObject,
)
from gpu_jobs.errors import MisfitError, RejectedError  # noqa: E402
from gpu_jobs.quarantine import Quarantine  # noqa: E402
from gpu_jobs.readers.json_reader import JsonReader  # noqa: E402
from gpu_jobs.readers.text_stream import TextStream  # noqa: E402


@pytest.fixture
def reader(tmp_path):
    """`reader(types, *files, normalize=…)`: a JsonReader of files a.jsonl, b.jsonl, …"""

    def make(types, *files, normalize=None):
        contents = {f"{chr(97 + i)}.jsonl": data for i, data in enumerate(files)}
        manifest = Manifest(
            job_id="job",
            bucket="ingest",
            files=tuple(SourceObject(key, "v1", len(data)) for key, data in contents.items()),
            format=Format.JSON_LINES,
            columns=tuple(Column(name, type_) for name, type_ in types.items()),
            normalize=tuple(n for n, t in types.items() if t in ("int64", "double"))
            if normalize is None
            else normalize,
        )

        def open_text(source, ending=b""):
            raw = io.BytesIO(contents[source.key])
            return TextStream(raw, Compression.NONE, source.key, ending)

        return JsonReader(manifest, open_text, Quarantine(tmp_path / "rows.jsonl"))

    return make


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr("gpu_jobs.readers.json_reader.BLOCK_BYTES", 64)


def rows_of(reader):
    return [tuple(row.values()) for batch in reader.batches() for row in batch.to_pylist()]


def bad_rows(tmp_path):
    return [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]


NUMBER = {"a": "double", "s": "string"}


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"s":"x"}\n{"s":"2020-01-01"}\n',
        b'{"a":1,"s":"x"}\n{"s":"2020-01-01","a":null}',
        b'\xef\xbb\xbf{"a":1,"s":"x"}\r\n\r\n  \r\n{"s":"2020-01-01"}\r\n',
    ],
    ids=["plain", "no last line end", "mark, CRLF and blank lines"],
)
def test_missing_keys_are_null_and_strings_stay_strings(reader, data):
    assert rows_of(reader(NUMBER, data)) == [(1.0, "x"), (None, "2020-01-01")]


def test_rows_keep_their_order_over_blocks_and_files(reader, small_blocks):
    lines = [b'{"a": %d, "s": "%s"}\n' % (i, b"x" * (i % 40)) for i in range(200)]
    files = b"".join(lines[:150]), b"".join(lines[150:])
    assert [a for a, _ in rows_of(reader(NUMBER, *files))] == list(range(200))


def test_numbers_beyond_a_double_are_infinite(reader):
    data = b'{"a":1e400}\n{"a":-1e400}\n{"a":NaN}\n{"a":1' + b"0" * 400 + b"}\n"
    values = [a for a, _ in rows_of(reader(NUMBER, data))]
    assert values[:2] == [math.inf, -math.inf]
    assert math.isnan(values[2])
    assert values[3] == math.inf


def test_whole_numbers_that_pass_through_stay_exact(reader):
    data = b'{"a":9007199254740993}\n{}\n{"a":-9223372036854775808}\n'
    rows = rows_of(reader({"a": "int64"}, data, normalize=()))
    assert rows == [(9007199254740993,), (None,), (-9223372036854775808,)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"a":1,', "not JSON"),
        (b"[1]", "not an object"),
        (b'{"a":1,"a":2}', "a name stands twice"),
        (b'{"s":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
        (b'{"s":"\\ud800"}', "surrogate"),
        (b'{"a":01}', "not JSON"),
        (b'{"a":1} trailing', "not JSON"),
    ],
)
def test_a_bad_line_is_kept_aside_with_its_number(reader, tmp_path, line, reason):
    data = b'{"a":1,"s":"x"}\n\n' + line + b'\n{"a":2,"s":"y"}\n'
    assert rows_of(reader(NUMBER, data)) == [(1.0, "x"), (2.0, "y")]
    (bad,) = bad_rows(tmp_path)
    assert (bad["file"], bad["line"]) == ("a.jsonl", 3)
    assert reason in bad["reason"]
    assert bad["text"] == line.decode()[:10_000]


def test_line_numbers_are_right_beyond_the_first_block(reader, tmp_path, small_blocks):
    good = b'{"a":1}\n' * 100
    rows_of(reader(NUMBER, good + b"oops\n" + good, good + b"oops\n"))
    assert [(row["file"], row["line"]) for row in bad_rows(tmp_path)] == [
        ("a.jsonl", 101),
        ("b.jsonl", 101),
    ]


def test_other_values_in_a_text_column_become_their_json(reader):
    data = b'{"s":"x"}\n{"s":1}\n{"s":true}\n{"s":{"b":[1,null]}}\n{"s":null}\n'
    assert [s for _, s in rows_of(reader(NUMBER, data))] == [
        "x",
        "1",
        "true",
        '{"b":[1,null]}',
        None,
    ]


def test_nested_columns_are_kept_as_json_text(reader):
    data = '{"a":1,"n":{"b":["é"]},"l":[1,2]}\n{"a":2,"n":{},"l":null}\n'.encode()
    rows = rows_of(reader({"a": "int64", "n": "struct", "l": "list"}, data))
    assert rows == [(1.0, '{"b":["é"]}', "[1,2]"), (2.0, "{}", None)]


def test_widening_finds_every_misfit_and_every_late_column(reader, small_blocks):
    good = b'{"a":1,"b":1,"c":true}\n' * 20
    late = b'{"a":2,"b":"two","c":0,"z":7}\n{"a":"three","z":8}\nbad\n'
    json_reader = reader(
        {"a": "double", "b": "int64", "c": "bool"}, good, late, normalize=("a", "b")
    )
    with pytest.raises(MisfitError):
        rows_of(json_reader)
    json_reader.widen()
    string = pyarrow.string()
    assert json_reader.types == {"a": string, "b": string, "c": string, "z": pyarrow.int64()}
    assert json_reader.warnings == [
        "Column 'b' is read as text, and not normalized: 'two' stands in line 1 of b.jsonl.",
        "Column 'c' is read as text: '0' stands in line 1 of b.jsonl.",
        "Column 'z' first stands in line 1 of b.jsonl, behind the sample that was examined: "
        "kept, and not normalized.",
        "Column 'a' is read as text, and not normalized: 'three' stands in line 2 of b.jsonl.",
    ]
    rows = rows_of(json_reader)
    assert rows[0] == ("1", "1", "true", None)
    assert rows[20:] == [("2", "two", "0", 7), ("three", None, None, 8)]


def widened(json_reader):
    """The rows of a reader whose types do not fit at first."""
    with pytest.raises(MisfitError):
        rows_of(json_reader)
    json_reader.widen()
    return rows_of(json_reader)


@pytest.mark.parametrize(
    ("values", "found", "culprit"),
    [
        (["1", "null", "1.5"], [1.0, None, 1.5], None),
        (["1", "1.0"], [1.0, 1.0], None),
        (["-9007199254740992", "1.5"], [-9007199254740992.0, 1.5], None),
        (["9007199254740993", "1.5"], ["9007199254740993", "1.5"], "up to '1.5' in line 2"),
        (["1.5", "9007199254740993"], ["1.5", "9007199254740993"], "up to '9007199254740993'"),
        (["1", "9223372036854775808"], ["1", "9223372036854775808"], "up to '9223372036854775808'"),
        (["1", "1.5", "true"], ["1", "1.5", "true"], "'true' stands in line 3"),
    ],
)
def test_whole_numbers_that_pass_through_become_fractions_where_none_is_rounded(
    reader, values, found, culprit
):
    lines = "".join(f'{{"a":{value}}}\n' for value in values)
    json_reader = reader({"a": "int64"}, lines.encode(), normalize=())
    assert [a for (a,) in widened(json_reader)] == found
    assert len(json_reader.warnings) == (culprit is not None)
    assert not culprit or culprit in json_reader.warnings[0]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (["null", "9007199254740993"], [None, 9007199254740993]),
        (["1.5", "9007199254740993"], ["1.5", "9007199254740993"]),
        (["1.5", "9223372036854775808"], ["1.5", "9223372036854775808"]),
    ],
)
def test_doubles_that_pass_through_round_no_whole_number(reader, values, found):
    lines = "".join(f'{{"a":{value}}}\n' for value in values)
    assert [a for (a,) in widened(reader({"a": "double"}, lines.encode(), normalize=()))] == found


def test_text_and_truth_among_numbers_are_told_as_what_they_are(reader):
    for first, second in (("1", '"5"'), ("true", "5")):
        lines = f'{{"a":{first}}}\n{{"a":{second}}}\n'.encode()
        json_reader = reader({"a": "int64" if first == "1" else "bool"}, lines, normalize=())
        widened(json_reader)
        (warning,) = json_reader.warnings
        assert warning == "Column 'a' is read as text: '5' stands in line 2 of a.jsonl."


def test_doubles_that_pass_through_may_be_large(reader):
    lines = b'{"a":1e300}\n{"a":9007199254740992}\n{"a":-1.5e16}\n'
    rows = rows_of(reader({"a": "double"}, lines, normalize=()))
    assert rows == [(1e300,), (9007199254740992.0,), (-1.5e16,)]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (["null", "1"], [None, 1]),
        (["1", "1.5"], [1.0, 1.5]),
        (["null", '"x"'], [None, "x"]),
        (["null", "true"], [None, True]),
        (["null", "null"], [None, None]),
        (["9223372036854775808", "1"], ["9223372036854775808", "1"]),
    ],
)
def test_a_late_column_has_the_type_of_all_its_values(reader, values, found):
    lines = "".join(f'{{"z":{value}}}\n' for value in values)
    json_reader = reader({"a": "double"}, b'{"a":1}\n', lines.encode())
    assert [z for _, z in widened(json_reader)] == [None, *found]
    assert [warning.split(", ")[0] for warning in json_reader.warnings] == [
        "Column 'z' first stands in line 1 of b.jsonl"
    ]


def test_endless_new_columns_are_rejected_before_they_are_kept(reader):
    lines = "".join(f'{{"k{i}":1}}\n' for i in range(MAX_COLUMNS + 10)).encode()
    json_reader = reader({"a": "double"}, b'{"a":1}\n', lines)
    with pytest.raises(RejectedError) as rejected:
        widened(json_reader)
    assert (rejected.value.problem.code, rejected.value.problem.where) == (
        "too_many_columns",
        f"line {MAX_COLUMNS} of b.jsonl",
    )


def test_warnings_do_not_repeat_endless_names_and_values(reader):
    line = json.dumps({"a": "x" * 100_000, "k" * 100_000: 1}).encode()
    json_reader = reader({"a": "double"}, line)
    widened(json_reader)
    assert len(json_reader.warnings) == 2
    assert max(map(len, json_reader.warnings)) < 300


def test_bytes_that_are_not_utf_8_are_rejected_with_their_offset(reader):
    with pytest.raises(RejectedError) as rejected:
        rows_of(reader(NUMBER, b'{"s":"x"}\n{"s":"caf\xe9"}\n'))
    assert (rejected.value.problem.code, rejected.value.problem.where) == (
        "encoding",
        "byte 19 of a.jsonl",
    )


def test_an_endless_line_is_rejected_and_not_held(reader, small_blocks):
    with pytest.raises(RejectedError) as rejected:
        rows_of(reader(NUMBER, b'{"a":1}\n{"s":"' + b"x" * 1000))
    assert (rejected.value.problem.code, rejected.value.problem.where) == (
        "row_too_large",
        "line 2 of a.jsonl",
    )


@pytest.mark.parametrize("beside", ["", "oops\n"])
@pytest.mark.parametrize("blank", ["", "\n", " \n"])
def test_a_line_is_one_object_whatever_stands_beside_it(reader, beside, blank):
    data = f'{{"a":1}}\n{blank}{{"a":10}}{{"a":20}}\n{beside}{{"a":\n2}}\n'.encode()
    json_reader = reader({"a": "int64"}, data)
    assert rows_of(json_reader) == [(1.0,)]


def test_a_carriage_return_ends_no_line(reader):
    assert rows_of(reader({"a": "int64", "b": "list"}, b'{"a":1,\r"b":[2]}\r\n')) == [(1.0, "[2]")]


@pytest.mark.parametrize("first", [b"null\n", b'null{"b":5}\n', b"[1]\n", b"7\n"])
def test_a_block_may_begin_with_anything(reader, first):
    """At a null that begins a text pyarrow ends the process."""
    assert rows_of(reader({"a": "int64"}, first + b'{"a":1}\n{"a":2}\n')) == [(1.0,), (2.0,)]
