from __future__ import annotations

import io
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
from gpu_jobs.readers.text_types import first_misfit, text_types  # noqa: E402

CELLS = st.text("0123456789+-.eEx _\tinfNAatruelsTR", max_size=8) | st.sampled_from(
    [*NULL_SPELLINGS, *TRUE_SPELLINGS, *FALSE_SPELLINGS, "Infinity", " 1 ", "9" * 19, "1e999"]
)


def csv_takes(cell, type_):
    """What pyarrow's CSV conversion itself says, with the reader's settings.

    Whole numbers that begin with 0 lose that to it.
    """
    if type_ == pyarrow.int64() and re.match("-?0.", cell.strip(" \t")):
        return False
    options = csv.ConvertOptions(
        column_types={"a": type_, "b": pyarrow.string()},
        null_values=NULL_SPELLINGS,
        true_values=TRUE_SPELLINGS,
        false_values=FALSE_SPELLINGS,
        strings_can_be_null=False,
        quoted_strings_can_be_null=True,
    )
    try:
        csv.read_csv(io.BytesIO(f'a,b\n"{cell}",x\n'.encode()), convert_options=options)
    except pyarrow.ArrowInvalid:
        return False
    return True


@pytest.mark.parametrize("type_", [pyarrow.int64(), pyarrow.float64(), pyarrow.bool_()], ids=str)
@settings(max_examples=100, deadline=None)
@given(cell=CELLS)
@example("0x1F")
@example("007")
@example(" -07")
@example("-0")
@example(" NA")
@example("\t5")
@example("")
def test_a_cell_fits_exactly_when_the_parser_takes_it(type_, cell):
    assert (first_misfit(pyarrow.array([cell]), type_) is None) == csv_takes(cell, type_)


@given(position=st.integers(0, 99), later=st.sets(st.integers(0, 99)))
def test_the_first_misfit_is_found_wherever_it_stands(position, later):
    cells = ["x" if i == position or (i in later and i > position) else str(i) for i in range(100)]
    assert first_misfit(pyarrow.array(cells), pyarrow.int64()) == position


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
