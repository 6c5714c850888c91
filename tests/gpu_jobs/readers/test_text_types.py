from __future__ import annotations

import io
import math
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

pyarrow = pytest.importorskip("pyarrow")
csv = pytest.importorskip("pyarrow.csv")

from contracts.manifest import (  # noqa: E402
    FALSE_SPELLINGS,
    NULL_SPELLINGS,
    TRUE_SPELLINGS,
    Column,
    Format,
    Manifest,
)
from gpu_jobs.readers.text_types import (  # noqa: E402
    Candidate,
    first_misfit,
    kept_numbers,
    text_types,
)

CELLS = st.text("0123456789+-.eEx _\tinfNAatruelsTR", max_size=8) | st.sampled_from(
    [*NULL_SPELLINGS, *TRUE_SPELLINGS, *FALSE_SPELLINGS, "Infinity", " 1 ", "9" * 19, "1e999"]
)


def csv_takes(cell, type_):
    """What pyarrow's CSV conversion itself says, with the reader's settings."""
    options = csv.ConvertOptions(
        column_types={"a": type_, "b": pyarrow.string()},
        null_values=NULL_SPELLINGS,
        true_values=TRUE_SPELLINGS,
        false_values=FALSE_SPELLINGS,
        strings_can_be_null=False,
        quoted_strings_can_be_null=True,
    )
    try:
        found = csv.read_csv(io.BytesIO(f'a,b\n"{cell}",x\n'.encode()), convert_options=options)
    except pyarrow.ArrowInvalid:
        return None
    return found["a"].to_pylist()


def stays_what_it_is(cell, value):
    """Whether a code in digits, or a large number, can be told from the number it became."""
    cell = cell.strip(" \t")
    if value is None or not any(character.isdigit() for character in cell):
        return True
    if re.match(r"[+-]?0[0-9xX]|\+\d+$", cell) or math.isinf(value):
        return False
    is_whole = re.fullmatch(r"-?\d+", cell) is not None
    return not is_whole or isinstance(value, int) or abs(int(cell)) <= 2**53


@pytest.mark.parametrize("type_", [pyarrow.float64(), pyarrow.bool_()], ids=str)
@settings(max_examples=100, deadline=None)
@given(cell=CELLS)
@example("0x1F")
@example(" NA")
@example("\t5")
@example("")
def test_a_cell_fits_exactly_when_the_parser_takes_it(type_, cell):
    fits = first_misfit(pyarrow.array([cell]), Candidate(type_)) is None
    assert fits == (csv_takes(cell, type_) is not None)


@pytest.mark.parametrize("type_", [pyarrow.int64(), pyarrow.float64()], ids=str)
@settings(max_examples=200, deadline=None)
@given(cell=CELLS)
@example("0x1F")
@example("007")
@example(" -07")
@example("-0")
@example("+5")
@example("+0.5")
@example("00.5")
@example("1e999")
@example("-Infinity")
@example("9007199254740993")
@example("18014398509481984")
@example("9223372036854775808")
@example("-9007199254740992")
@example(" NA")
@example("\t5")
@example("")
def test_a_cell_is_kept_where_the_parser_takes_it_and_it_stays_what_it_is(type_, cell):
    taken = csv_takes(cell, type_)
    keeps = taken is not None and stays_what_it_is(cell, taken[0])
    cells = pyarrow.array([cell])
    assert (first_misfit(cells, Candidate(type_, kept=True)) is None) == keeps
    if keeps:
        assert str(kept_numbers(cells, type_).to_pylist()) == str(taken)


@given(position=st.integers(0, 99), later=st.sets(st.integers(0, 99)))
def test_the_first_misfit_is_found_wherever_it_stands(position, later):
    cells = ["x" if i == position or (i in later and i > position) else str(i) for i in range(100)]
    assert first_misfit(pyarrow.array(cells), Candidate(pyarrow.int64(), kept=True)) == position


def test_whole_numbers_to_normalize_are_read_as_double_and_nested_values_as_text():
    columns = {"a": "int64", "b": "int64", "c": "bool", "d": "struct", "e": "double"}
    manifest = Manifest(
        job_id="job",
        bucket="ingest",
        files=(),
        format=Format.JSON_LINES,
        columns=tuple(Column(*item) for item in columns.items()),
        normalize=("a", "e"),
    )
    assert {name: str(type_) for name, type_ in text_types(manifest).items()} == {
        "a": "double",
        "b": "int64",
        "c": "bool",
        "d": "string",
        "e": "double",
    }
