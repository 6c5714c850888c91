"""Options as S3 object metadata: what is written is read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.manifest import Options
from pipeline.dataset.metadata import MAX_BYTES, to_metadata
from pipeline.dataset.options import parse_options
from pipeline.errors import InputRejected

names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8).filter(
    lambda name: name == name.strip()
)
name_lists = st.lists(names, unique=True, max_size=3).map(tuple)


@given(
    st.builds(
        Options,
        columns=name_lists,
        exclude=name_lists,
        group_by=st.none() | names,
        gpu_enabled=st.booleans(),
        compare_pipelines=st.booleans(),
        dtype=st.sampled_from(["float64", "float32"]),
        store_results=st.booleans(),
    )
)
def test_options_come_back_from_metadata_as_they_went_in(options: Options) -> None:
    metadata = to_metadata(options)

    assert all(value.isascii() and value.isprintable() for value in metadata.values())
    assert parse_options(metadata) == options


def test_default_options_need_no_metadata() -> None:
    assert to_metadata(Options()) == {}


def test_the_job_id_travels_with_the_options() -> None:
    assert to_metadata(Options(gpu_enabled=False), "mine") == {
        "job-id": "mine",
        "gpu-enabled": "false",
    }


def test_more_than_s3_keeps_is_refused() -> None:
    with pytest.raises(InputRejected, match=str(MAX_BYTES)):
        to_metadata(Options(columns=tuple(f"column {n}" for n in range(1000))))
