"""bigdata-serverless: the engine of the normalization job, on the CPU.

The one file of the benchmark that knows `gpu_jobs`. The manifest, which validation gives to the
job, is made here and within the time that is measured.
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import pyarrow.csv
import pyarrow.parquet

from contracts.manifest import Column, Format, Manifest, SourceObject
from gpu_jobs.dataset import dataset_of
from gpu_jobs.engine import measure, standardize
from gpu_jobs.memory import use_small_pages
from gpu_jobs.quarantine import Quarantine
from gpu_jobs.scaling.device import choose_device


def normalize(source: Path, columns: list[str], output: Path) -> None:
    use_small_pages()
    with tempfile.TemporaryDirectory(dir=output.parent) as scratch:
        folder = Path(scratch)
        dataset = dataset_of(
            _manifest(source, columns),
            lambda file: io.FileIO(file.key),
            lambda file, path: path.symlink_to(file.key),
            folder,
            Quarantine(folder / "quarantine.jsonl"),
        )
        measured = measure(dataset, choose_device(use_gpu=False), None, "float64")
        for part in standardize(dataset, measured, folder):
            # What the job does with a part is to upload it.
            part.path.rename(output / part.path.name)


def _manifest(source: Path, columns: list[str]) -> Manifest:
    """What validation would write of the file; dates in CSV are text to the pipeline."""
    csv = source.suffix == ".csv"
    schema = pyarrow.csv.open_csv(source).schema if csv else pyarrow.parquet.read_schema(source)
    types = {field.name: str(field.type) for field in schema}
    if csv:
        types = {n: t if t in ("int64", "double") else "string" for n, t in types.items()}
    return Manifest(
        job_id="benchmark",
        bucket="local",
        files=(SourceObject(str(source), None, source.stat().st_size),),
        format=Format.CSV if csv else Format.PARQUET,
        columns=tuple(Column(name, type_) for name, type_ in types.items()),
        normalize=tuple(columns),
        delimiter="," if csv else None,
    )
