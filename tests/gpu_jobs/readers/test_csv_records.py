"""Where the pieces of a CSV text are cut: never within a record, whatever the text."""

from __future__ import annotations

import io

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

pyarrow = pytest.importorskip("pyarrow")

from contracts.manifest import Compression, SourceObject  # noqa: E402
from gpu_jobs.errors import RejectedError  # noqa: E402
from gpu_jobs.readers.csv_file import CsvFile  # noqa: E402
from gpu_jobs.readers.csv_records import pieces, records_end  # noqa: E402
from gpu_jobs.readers.text_stream import TextStream  # noqa: E402


@pytest.mark.parametrize(
    ("text", "records"),
    [
        (b"a,b\nc,d", b"a,b\n"),
        (b"a,b\nc,d\n", b"a,b\nc,d\n"),
        (b"a", b""),
        (b'a,"b\nc"\nd,"e\nf', b'a,"b\nc"\n'),
        (b'"a\n""b""\n"\nc', b'"a\n""b""\n"\n'),
        (b'a\n"b"\r\n"c\n', b'a\n"b"\r\n'),
        (b'a\n5" pipe\nb\n', b"a\n"),
        (b'a\n"b" c\nd\n', b"a\n"),
        (b'"a\n', b""),
        (b'""\n', b'""\n'),
        (b'a\n"', b"a\n"),
    ],
)
def test_records_end_at_line_feeds_outside_of_regular_quotes(text, records):
    assert text[: records_end(text, ",")] == records


def test_the_pieces_and_what_is_left_are_the_text(monkeypatch):
    monkeypatch.setattr("gpu_jobs.readers.csv_records.PIECE_BYTES", 12)
    text = b'\xef\xbb\xbfa,b\n"c\nd",e\nf,g\n5" h,i\n\nj,"k'
    stream = TextStream(io.BytesIO(text), Compression.NONE, "a.csv")
    cut = [(bytes(piece.text), piece.quoted) for piece in pieces(stream, ",", 0)]
    assert cut == [(b"a,b\n", True), (b'"c\nd",e\nf,g\n', True)]
    assert stream.read() == b'5" h,i\n\nj,"k'


def test_pieces_without_quotation_marks_are_told(monkeypatch):
    monkeypatch.setattr("gpu_jobs.readers.csv_records.PIECE_BYTES", 8)
    stream = TextStream(io.BytesIO(b'a,b\n1,2\n3,"4"\n5,6\n'), Compression.NONE, "a.csv")
    cut = [(bytes(piece.text), piece.quoted) for piece in pieces(stream, ",", 0)]
    assert cut == [(b"a,b\n1,2\n", False), (b'3,"4"\n', True), (b"5,6\n", False)]


TEXTS = st.lists(
    st.sampled_from(['"', '""', ",", "\n", "\r\n", "\r", "a", "b c", '"x\ny"', "é"]), max_size=40
).map("".join)


@settings(max_examples=400, deadline=None)
@given(TEXTS, st.integers(1, 30))
@example('"a\n', 1)
@example('a,b\n5" c,d\n"e\nf",g\n', 4)
def test_pieces_parse_to_what_the_text_in_one_go_does(rows, block_bytes):
    def parse(in_one_go):
        data = f"h,i\n{rows}".encode()
        file = CsvFile(
            SourceObject("a.csv", None, len(data)),
            lambda source, ending=b"": TextStream(
                io.BytesIO(data), Compression.NONE, source.key, ending
            ),
            ",",
        )
        types = {"h": pyarrow.string(), "i": pyarrow.string()}
        found = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("gpu_jobs.readers.csv_records.PIECE_BYTES", block_bytes)
            patch.setattr("gpu_jobs.readers.csv_records.PIECE_BYTES_PER_COLUMN", 0)
            if in_one_go:
                patch.setattr("gpu_jobs.readers.csv_file.pieces", lambda *_: iter(()))
            try:
                for batch in file.batches(types):
                    found += batch.to_pylist()
            except RejectedError as error:
                found.append(error.problem)
        return found, file.take_ragged()

    assert parse(in_one_go=False) == parse(in_one_go=True)
