"""bigdata-serverless: the engine of the normalization job, on the CPU.

The one file of the benchmark that knows `gpu_jobs`. The manifest, which validation gives to the
job, is made here and within the time that is measured.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pyarrow.csv
import pyarrow.parquet

from contracts.manifest import Column, Format, Manifest, SourceObject
from gpu_jobs.dataset import open_dataset
from gpu_jobs.device import choose_device
from gpu_jobs.engine import measure, standardize
from gpu_jobs.parts import PartWriter
from gpu_jobs.quarantine import Quarantine


class LocalFiles:
    """A stand-in for the S3 client: local files, whose paths are the keys."""

    def get_object(self, **request: str) -> dict[str, Any]:
        path = Path(request["Key"])
        return {"Body": path.open("rb"), "ContentLength": path.stat().st_size}


def normalize(source: Path, columns: list[str], output: Path) -> None:
    with tempfile.TemporaryDirectory(dir=output.parent) as scratch:
        folder = Path(scratch)
        quarantine = Quarantine(folder / "quarantine.jsonl")
        dataset = open_dataset(_manifest(source, columns), LocalFiles(), folder, quarantine)
        measured = measure(dataset, choose_device(use_gpu=False), None)
        # Publishing is an upload in the job, and here a second name for the same file.
        writer = PartWriter(folder, lambda path, rows: (output / path.name).hardlink_to(path))
        standardize(dataset, measured, choose_device(use_gpu=False), "float64", writer.write)
        writer.close()


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
