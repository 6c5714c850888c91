"""Both passes over a local file: what comes out does not depend on how the rows lie."""

from __future__ import annotations

import io
import math

import numpy
import pytest

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

from contracts.manifest import Column, Format, Manifest, SourceObject  # noqa: E402
from gpu_jobs.dataset import dataset_of  # noqa: E402
from gpu_jobs.engine import measure, standardize  # noqa: E402
from gpu_jobs.quarantine import Quarantine  # noqa: E402
from gpu_jobs.scaling.device import Device, choose_device  # noqa: E402

DTYPES = ["float64", "float32"]
CPU = choose_device(use_gpu=False)


@pytest.fixture
def normalized(tmp_path):
    """`normalized(table, dtype, ...)`: its rows with z-scores in the place of numbers."""

    def normalize(table, dtype="float64", columns=None, device=CPU, **options):
        source = tmp_path / "source"
        parquet.write_table(table, source, **options)
        folder = tmp_path / f"run-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        manifest = Manifest(
            job_id="job",
            bucket="local",
            files=(SourceObject(str(source), None, source.stat().st_size),),
            format=Format.PARQUET,
            columns=tuple(Column(field.name, str(field.type)) for field in table.schema),
            normalize=tuple(columns or table.column_names),
        )
        dataset = dataset_of(
            manifest,
            lambda file: io.FileIO(file.key),
            lambda file, path: path.symlink_to(file.key),
            folder,
            Quarantine(folder / "quarantine.jsonl"),
        )
        measured = measure(dataset, device, None, dtype)
        parts = [part.path for part in standardize(dataset, measured, folder)]
        tables = [parquet.read_table(path) for path in parts]
        for found in tables:
            found.validate(full=True)
        return pyarrow.concat_tables(tables)

    return normalize


def random_table(rows, seed=3):
    """Columns without nulls, with few, with many, and with nothing else."""
    random = numpy.random.default_rng(seed)
    columns = {}
    for name, share in {"full": 0.0, "few": 0.02, "many": 0.9, "none": 1.0}.items():
        values = random.normal(50.0, 7.0, rows)
        columns[name] = pyarrow.array(values, mask=random.random(rows) < share)
    columns["whole"] = pyarrow.array(random.integers(-9, 9, rows), mask=random.random(rows) < 0.1)
    return pyarrow.table(columns)


def z_scores(column):
    """By definition, in extended precision."""
    values = numpy.array(
        [math.nan if value is None else value for value in column.to_pylist()], numpy.longdouble
    )
    present = values[numpy.isfinite(values)]
    if not len(present):
        return [None] * len(values)
    z = (values - present.mean()) / present.std()
    return [None if numpy.isnan(score) else float(score) for score in z]


def assert_alike(scores, expected, dtype):
    """That nulls stand in the same places, and else what `dtype` can hold of the same numbers."""
    assert [score is None for score in scores] == [score is None for score in expected]
    ours, theirs = (
        [score for score in column if score is not None] for column in (scores, expected)
    )
    digits = 1e-12 if dtype == "float64" else 1e-6
    numpy.testing.assert_allclose(ours, theirs, rtol=digits, atol=digits)


@pytest.fixture(params=["simulated", pytest.param("real", marks=pytest.mark.gpu)])
def card(request):
    """A CUDA device: one that is none, with the kernels on the CPU, and a real one."""
    if request.param == "simulated":
        return Device(request.getfixturevalue("cupy"), "none", "for the test")
    device = choose_device(use_gpu=True)
    if device.xp is numpy:
        pytest.skip(device.reason)
    return device


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_card_gives_what_the_cpu_gives(normalized, card, dtype):
    table = random_table(30_011)
    odd = pyarrow.array([math.nan, -math.inf, *range(30_009)], pyarrow.float64())
    table = table.append_column("odd", odd)
    expected, found = normalized(table, dtype), normalized(table, dtype, device=card)
    assert found.schema.equals(expected.schema)
    for name in table.column_names:
        assert_alike(found[name].to_pylist(), expected[name].to_pylist(), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("row_group_size", [100_000, 5_003, 700])
@pytest.mark.parametrize("stray", [None, math.nan])
def test_z_scores_are_those_of_the_definition_however_the_rows_lie(
    normalized, dtype, row_group_size, stray
):
    table = random_table(30_011)
    if stray is not None:
        table = table.append_column(
            "odd", pyarrow.array([stray, *range(30_010)], pyarrow.float64())
        )
    found = normalized(table, dtype, row_group_size=row_group_size)
    for name in ("full", "few", "many", "none", "whole"):
        assert_alike(found[name].to_pylist(), z_scores(table[name]), dtype)
    if stray is not None:
        assert found["odd"].null_count == 1


@pytest.mark.parametrize("other", [1.0, math.nan])
def test_a_column_with_scores_beyond_float32_keeps_its_values(normalized, other):
    above = math.nextafter(1e150, math.inf)
    table = pyarrow.table({"x": [1e150, above, None, 1e150], "y": [other, 2.0, 3.0, 4.0]})
    narrow, wide = normalized(table, "float32"), normalized(table, "float64")
    assert narrow["x"].equals(table["x"])
    assert narrow["y"].type == pyarrow.float32()
    third = (above - 1e150) / 3
    assert wide["x"].drop_null().to_pylist() == pytest.approx([-third, 2 * third, -third])
    assert wide["x"].null_count == 1
