from dataclasses import replace

import pytest

from contracts.manifest import Column, Format, Manifest, Options, SourceObject
from pipeline.dataset.content_id import content_id

FILES = (
    SourceObject("input/a.csv", "v1", 10, etag='"one"'),
    SourceObject("input/b.csv", "v2", 20, etag='"two"'),
)
MANIFEST = Manifest("a", "ingest", FILES, Format.CSV, (Column("x", "int64"),), ("x",))
CONTENT = content_id(MANIFEST, "engines")


@pytest.mark.parametrize(
    "same",
    [
        replace(MANIFEST, job_id="b"),
        replace(MANIFEST, bucket="other"),
        replace(MANIFEST, files=(replace(FILES[0], key="c", version_id="v3"), FILES[1])),
        replace(MANIFEST, options=Options(force=True)),
    ],
)
def test_names_and_force_do_not_count(same: Manifest) -> None:
    assert content_id(same, "engines") == CONTENT


@pytest.mark.parametrize(
    "other",
    [
        replace(MANIFEST, files=FILES[::-1]),
        replace(MANIFEST, files=(replace(FILES[0], etag='"three"'), FILES[1])),
        replace(MANIFEST, normalize=()),
        replace(MANIFEST, options=Options(dtype="float32")),
    ],
)
def test_content_order_and_options_count(other: Manifest) -> None:
    assert content_id(other, "engines") != CONTENT


def test_results_of_other_code_are_other_results() -> None:
    assert content_id(MANIFEST, "other engines") != CONTENT
