from contextlib import closing

import pytest

pyarrow = pytest.importorskip("pyarrow")

from gpu_jobs.chunks import InMemory, ScratchFile  # noqa: E402

ROWS = pyarrow.record_batch(
    {"a": range(1000), "b": [str(n) if n % 3 else None for n in range(1000)]}
)


@pytest.fixture(params=["in memory", "in a scratch file"])
def chunk(request, tmp_path):
    if request.param == "in memory":
        return InMemory(ROWS)
    with closing(ScratchFile(tmp_path / "rows.arrow", ROWS.schema)) as scratch:
        scratch.keep(ROWS.slice(0, 10))
        return scratch.keep(ROWS)


def test_a_chunk_is_read_as_it_was_kept(chunk):
    assert (chunk.rows, chunk.nbytes) == (1000, ROWS.nbytes)
    assert list(chunk.batches()) == [ROWS]


def test_a_slice_has_its_rows_alone(chunk):
    slice_ = chunk.slice(100, 500).slice(50, 20)
    assert slice_.rows == 20
    assert list(slice_.batches()) == [ROWS.slice(150, 20)]
    assert slice_.nbytes == pytest.approx(ROWS.nbytes / 50, rel=0.1)
