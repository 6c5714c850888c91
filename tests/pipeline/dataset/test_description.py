"""What becomes of files, the bad ones above all. The numbers are those of the list of traps."""

import bz2
import gzip
import io
import json
import time
import tracemalloc
import zipfile
from contextlib import suppress

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from contracts.manifest import Compression, Format
from pipeline.dataset.description import describe
from pipeline.dataset.limits import READ_LIMIT, SAMPLE_BYTES
from pipeline.errors import InputRejected

CSV = b"city,fare\nBonn,1.5\nUlm,2\n"
MiB = 1 << 20


class CountingFile(io.BytesIO):
    """Counts the bytes that are read."""

    bytes_read = 0

    def read(self, size=-1):
        data = super().read(size)
        self.bytes_read += len(data)
        return data


def types(description):
    return {column.name: column.type for column in description.table.columns}


def zstd(data):
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


def parquet(table, **options):
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return file.getvalue()


NUMBERS = pa.table({"a": [1.0, 2.0]})


def test_csv_is_told_by_its_content(look):
    found = look(CSV)
    assert found.content.format is Format.CSV
    assert found.content.delimiter == ","
    assert types(found) == {"city": "string", "fare": "double"}
    assert found.table.warnings == ()


def test_json_lines_are_told_by_their_content(look):
    found = look(b'{"city": "Bonn", "fare": 1}\n\n{"fare": 2.5, "ok": true}\n')
    assert found.content.format is Format.JSON_LINES
    assert types(found) == {"city": "string", "fare": "double", "ok": "bool"}


@pytest.mark.parametrize("first", [b"# made by hand\n", b"{a: 1}\n", b'"cut": 2}\n'])
def test_one_odd_line_at_the_top_makes_no_csv_of_json_lines(look, first):
    found = look(first + b'{"a": 1}\n{"a": 2}\n' * 3)
    assert found.content.format is Format.JSON_LINES
    assert types(found) == {"a": "int64"}


def test_parquet_is_told_by_its_content(look):
    found = look(parquet(NUMBERS))
    assert found.content.format is Format.PARQUET
    assert types(found) == {"a": "double"}


@pytest.mark.parametrize(
    ("pack", "compression"), [(gzip.compress, Compression.GZIP), (zstd, Compression.ZSTD)]
)
def test_text_may_be_compressed(look, pack, compression):
    found = look(pack(CSV))
    assert found.content.compression is compression
    assert types(found) == {"city": "string", "fare": "double"}


@pytest.mark.parametrize(
    "data",
    [b"", gzip.compress(b""), zstd(b""), b"\xef\xbb\xbf"],
    ids=["plain", "gzip", "zstd", "byte order mark"],
)
def test_1_nothing_is_empty(rejection, data):
    assert rejection(data).code == "empty"


def test_2_a_header_alone_has_no_rows(rejection):
    assert rejection(b"a,b\n").code == "no_rows"


def test_3_blank_lines_alone_are_empty(rejection):
    assert rejection(b"\n\r\n  \n").code == "empty"


def test_4_a_byte_order_mark_is_no_part_of_the_first_name(look):
    assert list(types(look(b"\xef\xbb\xbf" + CSV))) == ["city", "fare"]
    assert list(types(look(b'\xef\xbb\xbf{"a": 1}\n'))) == ["a"]


@pytest.mark.parametrize("end", [b"\r\n", b"\r"])
def test_5_line_ends_make_no_difference(look, end):
    assert look(CSV.replace(b"\n", end)) == look(CSV)


@pytest.mark.parametrize("form", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_6_utf_16_is_refused_with_a_way_out(rejection, form):
    problem = rejection(CSV.decode().encode(form))
    assert problem.code == "encoding"
    assert "iconv -f UTF-" in problem.message


def test_7_latin_1_is_refused_at_its_byte(rejection):
    problem = rejection("city,fare\nKöln,1\n".encode("latin-1"))
    assert (problem.code, problem.where) == ("encoding", "line 2, byte 11")
    assert "0xf6" in problem.message


def test_8_a_nul_byte_is_refused_at_its_byte(rejection):
    problem = rejection(b"a,b\n1,\x00\n")
    assert (problem.code, problem.where) == ("nul_byte", "byte 6")


@pytest.mark.parametrize("row", [b"Rom,3,4\n", b"Rom\n"])
def test_9_and_11_one_ragged_row_is_left_to_the_normalization(look, row):
    assert types(look(CSV + row)) == {"city": "string", "fare": "double"}


def test_10_rows_that_are_all_one_field_too_long_are_refused_at_the_first(rejection):
    problem = rejection(b"a,b\n1,2,\n3,4,\n5,6,\n")
    assert (problem.code, problem.where) == ("ragged_rows", "line 2")
    assert "2 fields; the first of them has 3" in problem.message


def test_12_two_columns_of_one_name_are_refused(rejection):
    problem = rejection(b"a,b,a\n1,2,3\n")
    assert problem.code == "duplicate_header"
    assert "'a'" in problem.message


def test_13_a_column_without_name_is_refused(rejection):
    problem = rejection(b",b\n1,2\n")
    assert problem.code == "blank_header"
    assert "Column 1 of 2" in problem.message


def test_14_a_quoted_line_end_belongs_to_its_field(look):
    found = look(b'note,n\n"two\nlines, really",1\n"and ""more""",2\n')
    assert types(found) == {"note": "string", "n": "int64"}


def test_15_a_quote_that_is_never_closed_is_refused(rejection):
    problem = rejection(b'a,b\n1,2\n3,"4\n5,6\n')
    assert problem.code == "unterminated_quote"
    assert problem.where == "the row that begins on line 3"


def test_15_even_when_the_file_goes_on_for_very_long(rejection):
    problem = rejection(b'a,b\n1,2\n3,"4\n' + b"5,6\n" * MiB)
    assert problem.code == "unterminated_quote"
    assert problem.where == "the row that begins on line 3"


def test_16_a_field_of_50_mb_is_refused_without_reading_it(rejection):
    problem = rejection(b"a,b\n1,2\n3," + b"x" * 50 * MiB)
    assert (problem.code, problem.where) == ("field_too_large", "line 3")


def test_17_a_million_columns_are_refused_at_once(rejection):
    data = ",".join(f"c{i}" for i in range(1_000_000)).encode() + b"\n"
    began = time.monotonic()
    assert rejection(data).code == "too_many_columns"
    assert time.monotonic() - began < 1


def test_17_so_are_a_million_keys(rejection):
    rows = [json.dumps({f"k{i}_{j}": i for j in range(100)}) for i in range(100)]
    assert rejection("\n".join(rows).encode()).code == "too_many_columns"


def test_18_mixed_types_stay_text_with_a_warning(look):
    found = look(b"a,b\n1,x\n2,y\nmany,z\n")
    assert types(found) == {"a": "string", "b": "string"}
    assert found.table.warnings == (
        "Column 'a' is read as text: 1 of its 3 different values is no number, as 'many'.",
    )
    assert "it mixes" in look(b'{"a": 1}\n{"a": "x"}\n').table.warnings[0]


def test_19_the_country_code_na_is_no_null(look):
    found = look(b"country,n\nNA,1\nDE,2\nNA,NA\n")
    assert types(found) == {"country": "string", "n": "int64"}


def test_20_a_column_of_nulls_is_a_number_that_counts_0(manifest):
    for data in (b"a,b\n1,\n2,NA\n", b'{"a": 1, "b": null}\n'):
        found = manifest(data).manifest
        assert [(c.name, c.type) for c in found.columns] == [("a", "int64"), ("b", "double")]
        assert found.normalize == ("a", "b")


def test_22_what_is_not_finite_is_a_number(look):
    assert types(look(b"a,b,c\n1,inf,1e400\n2,-Infinity,3\n")) == {
        "a": "int64",
        "b": "double",
        "c": "double",
    }
    assert types(look(b'{"a": NaN}\n{"a": -Infinity}\n{"a": 1e400}\n')) == {"a": "double"}


@pytest.mark.parametrize(
    "data", [b"a,id\n1,9223372036854775808\n", b'{"a": 1, "id": 9223372036854775808}\n']
)
def test_23_integers_beyond_64_bits_are_scaled_as_numbers_or_kept_as_text(manifest, data):
    scaled, kept = manifest(data), manifest(data, exclude=("id",))
    assert scaled.manifest.columns[1].type == "double"
    assert scaled.manifest.normalize == ("a", "id")
    assert kept.manifest.columns[1].type == "string"


def test_24_a_null_beside_it_does_not_turn_an_integer_into_a_float(look):
    assert types(look(b"a,b\n9007199254740993,1\n,2\n"))["a"] == "int64"


def test_25_a_decimal_comma_is_text_with_a_warning(look):
    found = look(b"a;b\n1,5;1\n2,25;2\n")
    assert found.content.delimiter == ";"
    assert types(found) == {"a": "string", "b": "int64"}
    assert "decimal comma" in found.table.warnings[0]


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_27_the_delimiter_is_told_by_the_rows(look, delimiter):
    found = look(CSV.replace(b",", delimiter.encode()))
    assert found.content.delimiter == delimiter


def test_28_cells_that_look_like_formulas_are_text(look):
    assert types(look(b"a,b\n=1+1,1\n@x,2\n-x,3\n"))["a"] == "string"


def test_29_content_counts_more_than_the_name(look):
    found = look(parquet(NUMBERS), "input/table.csv")
    assert found.content.format is Format.PARQUET
    assert found.table.warnings == (
        "The name ends in .csv, but the content is Parquet and is read as that.",
    )
    assert look(CSV, "input/table.parquet").content.format is Format.CSV


@pytest.mark.parametrize("key", ["a.csv", "A.CSV", "a.txt", "a", "a.b.csv"])
def test_29_a_name_that_fits_or_says_nothing_is_not_mentioned(look, key):
    assert look(CSV, key).table.warnings == ()
    assert look(gzip.compress(CSV), key + ".gz").table.warnings == ()


def test_29_a_name_with_the_wrong_compression_or_delimiter_is_mentioned(look):
    assert "compression is gzip, but it is none" in look(CSV, "a.csv.gz").table.warnings[0]
    assert "delimiter is ','" in look(CSV, "a.tsv").table.warnings[0]


@pytest.mark.parametrize("keep", [4, 11, 100, -1, -4])
def test_30_parquet_that_was_cut_off_is_refused(rejection, keep):
    problem = rejection(parquet(NUMBERS)[:keep])
    assert (problem.code, problem.where) == ("truncated", "footer")


def test_31_parquet_with_a_damaged_footer_is_refused(rejection):
    data = bytearray(parquet(NUMBERS))
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    data[footer : footer + 20] = b"\xff" * 20
    assert rejection(bytes(data)).code == "corrupt_parquet"


def test_31_a_footer_that_claims_to_be_longer_than_the_file_is_refused(rejection):
    assert rejection(parquet(NUMBERS)[:-8] + b"\xff\xff\xff\x7fPAR1").code == "truncated"


def test_32_a_parquet_bomb_is_not_unpacked():
    bomb = parquet(
        pa.table({"text": pa.array(["x" * 8 * MiB] * 4), "a": [1, 2, 3, 4]}), compression="zstd"
    )
    tracemalloc.start()
    before = pa.total_allocated_bytes()
    describe(io.BytesIO(bomb), "bomb.parquet", len(bomb))
    assert pa.total_allocated_bytes() - before < MiB
    assert tracemalloc.get_traced_memory()[1] < 8 * MiB
    tracemalloc.stop()


def test_33_nested_columns_are_passed_over(manifest):
    nested = pa.table({"a": [1], "list": [[1]], "struct": [{"x": 1}]})
    assert manifest(parquet(nested)).manifest.normalize == ("a",)
    found = manifest(b'{"a": 1, "list": [1], "struct": {"x": 1}}\n').manifest
    assert found.normalize == ("a",)
    assert [c.type for c in found.columns] == ["int64", "list", "struct"]


def test_34_decimals_are_numbers_and_timestamps_are_not(manifest):
    table = pa.table(
        {
            "decimal": pa.array([1], pa.decimal128(10, 2)),
            "ns": pa.array([1], pa.timestamp("ns")),
            "tz": pa.array([1], pa.timestamp("us", tz="Europe/Berlin")),
        }
    )
    found = manifest(parquet(table)).manifest
    assert found.normalize == ("decimal",)
    assert [c.type for c in found.columns] == [
        "decimal128(10, 2)",
        "timestamp[ns]",
        "timestamp[us, tz=Europe/Berlin]",
    ]


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
def test_35_a_bomb_is_unpacked_no_further_than_the_sample(pack):
    bomb = pack(b"a,b\n" + b"1,2\n" * 24 * MiB)
    tracemalloc.start()
    describe(io.BytesIO(bomb), "bomb.csv.gz", len(bomb))
    assert tracemalloc.get_traced_memory()[1] < 15 * SAMPLE_BYTES
    tracemalloc.stop()


def test_35_compression_within_compression_is_refused(rejection):
    problem = rejection(gzip.compress(gzip.compress(CSV)))
    assert problem.code == "unsupported_format"
    assert "compressed data within compressed data" in problem.message


def test_35_all_members_of_a_gzip_file_are_read(look):
    members = [b"a,b\n", b"", b"1,2\n", b"x,y\n"]
    assert types(look(b"".join(map(gzip.compress, members)))) == {"a": "string", "b": "string"}


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
@pytest.mark.parametrize("damage", ["cut off", "flipped"])
def test_36_a_damaged_stream_is_refused(rejection, pack, damage):
    packed = bytearray(pack(CSV * 100))
    if damage == "cut off":
        del packed[-4:]
    else:
        packed[len(packed) // 2] ^= 0xFF
    assert rejection(bytes(packed)).code in ("corrupt_gzip", "corrupt_zstd")


def test_36_a_sample_of_a_longer_stream_may_end_anywhere():
    rows = b"".join(b"%d,%d\n" % (i, i * i * 7919) for i in range(60_000))
    packed = gzip.compress(b"a,b\n" + rows)
    found = describe(io.BytesIO(packed), "a.csv.gz", len(packed), window=MiB // 8)
    assert types(found) == {"a": "int64", "b": "int64"}


def test_37_a_bad_line_is_left_to_the_normalization(look):
    deep = b"[" * 100_000
    data = b'{"a": 1}\n{"a": \n{"a": 2, "b": "x"}\n{"a": ' + deep + b"\n{}\n"
    assert types(look(data)) == {"a": "int64", "b": "string"}


def test_37_bad_lines_alone_are_refused_at_the_first(rejection):
    problem = rejection(b'{"a": 1,}\n{"b"}\n{"a": 2}\n')
    assert (problem.code, problem.where) == ("invalid_json", "line 1")
    assert "2 of the first 3 lines" in problem.message


def test_json_that_is_one_array_is_refused_with_a_way_out(rejection):
    for data in (b'[{"a": 1}, {"a": 2}]', b'\n[\n  {"a": 1}', b"[1, 2]\n[3, 4]\n"):
        problem = rejection(data)
        assert problem.code == "unsupported_format"
        assert "jq -c '.[]'" in problem.message


def test_json_over_several_lines_is_refused_with_a_way_out(rejection):
    problem = rejection(b'{\n  "a": 1\n}\n')
    assert problem.code == "invalid_json"
    assert "jq -c ." in problem.message


def test_a_header_in_brackets_is_no_json(look):
    assert look(b"[id],[name]\n1,x\n").content.format is Format.CSV


def workbook():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return file.getvalue()


FOREIGN = [
    (workbook(), "an Excel workbook"),
    (b"PK\x03\x04" + b"\0" * 40, "a ZIP archive"),
    (b"%PDF-1.7\n", "a PDF document"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (bz2.compress(CSV), "bzip2-compressed data"),
    (b"ORC\n\x03\x00", "an ORC file"),
    (b"Obj\x01\x04", "an Avro file"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"<!DOCTYPE html><html>", "an HTML or XML page"),
    (b"\x00" * 257 + b"ustar", "a tar archive"),
    (gzip.compress(parquet(NUMBERS)), "a compressed Parquet file"),
]


@pytest.mark.parametrize(("data", "kind"), FOREIGN, ids=[kind for _, kind in FOREIGN])
def test_what_is_not_read_is_called_by_its_name(rejection, data, kind):
    problem = rejection(data)
    assert problem.code == "unsupported_format"
    assert f"looks like {kind}" in problem.message


@pytest.mark.parametrize("header", [b"ORC,Obj", b"BZh,7z", b"PARE,GIF8"])
def test_a_header_may_begin_like_a_magic_number(look, header):
    assert look(header + b"\n1,2\n").content.format is Format.CSV


@given(
    st.binary(), st.sampled_from([CSV, b'{"a": 1}\n', gzip.compress(CSV), b"PAR1"]), st.booleans()
)
def test_whatever_the_bytes_are_the_file_is_described_or_rejected(noise, file, before):
    data = noise + file if before else file + noise
    with suppress(InputRejected):
        describe(io.BytesIO(data), "input/a", len(data))


def test_of_parquet_no_more_than_its_ends_are_read():
    data = parquet(pa.table({"a": range(500_000)}), compression="none", use_dictionary=False)
    file = CountingFile(data)
    describe(file, "a.parquet", len(data))
    assert file.bytes_read < MiB // 4 < len(data)


def test_of_a_long_text_no_more_than_the_sample_is_read():
    data = CSV + b"Rom,3\n" * 4 * MiB
    file = CountingFile(data)
    assert types(describe(file, "a.csv", len(data)))["fare"] == "double"
    assert file.bytes_read == SAMPLE_BYTES < READ_LIMIT < len(data)


def test_a_small_window_is_made_larger_for_long_rows():
    data = b'{"text": "' + b"x" * MiB + b'", "n": 1}\n'
    file = CountingFile(data * 5)
    found = describe(file, "a.jsonl", 5 * len(data), window=MiB // 4)
    assert types(found) == {"text": "string", "n": "int64"}
    assert file.bytes_read == SAMPLE_BYTES
