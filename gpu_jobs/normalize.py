"""Normalize one dataset: `python -m gpu_jobs.normalize s3://bucket/…/spec.json`.

The exit code is 0 when the marker says SUCCEEDED, or when another Batch job owns the attempt and
this one has nothing to do; 65 when the marker says REJECTED. Everything else ends with a
traceback and no marker: code 75 when S3 has failed, else 1.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3

from contracts import outage
from contracts.codec import to_json
from contracts.grouping import MOST_GROUPS
from contracts.layout import METRICS_NAME, NORMALIZED_PREFIX, QUARANTINE_NAME
from contracts.manifest import Manifest
from contracts.marker import Outcome
from contracts.metrics import NormalizeMetrics
from contracts.outage import is_outage
from contracts.problem import Problem
from contracts.spec import NormalizeSpec
from contracts.storage import read_document
from contracts.wording import named, quoted
from gpu_jobs.attempt import STAGE, Attempt
from gpu_jobs.dataset import Dataset
from gpu_jobs.disk import check_disk, full_disk_rejected
from gpu_jobs.engine import Measured, measure, no_numeric_column, standardize
from gpu_jobs.errors import RejectedError
from gpu_jobs.memory import use_small_pages
from gpu_jobs.objects import open_dataset
from gpu_jobs.quarantine import Quarantine
from gpu_jobs.scaling.device import Device, choose_device

log = logging.getLogger(__name__)

REJECTED = 65
"""EX_DATAERR: Batch shows the job as FAILED, and its marker says that the input is at fault."""


def main() -> int:
    """The container's entry point; returns the exit code."""
    parser = argparse.ArgumentParser(description="Normalize one dataset, as its spec says.")
    parser.add_argument("spec", help="the s3:// URI of the spec")
    arguments = parser.parse_args()
    # As a container's first process, Python would ignore the signal that terminates a job.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    use_small_pages()
    try:
        return run(arguments.spec, s3_client(), os.environ["AWS_BATCH_JOB_ID"])
    except Exception as error:
        if not is_outage(error):
            raise
        traceback.print_exc()
        return outage.EXIT


def s3_client() -> Any:
    """The one S3 client; the environment decides the endpoint, the region and the role."""
    return boto3.client("s3")


def run(spec_uri: str, s3: Any, batch_job_id: str) -> int:
    """Carry out the spec as the Batch job `batch_job_id`; returns the exit code."""
    spec = read_document(NormalizeSpec, spec_uri, s3)
    _log_as(spec)
    attempt = Attempt(s3, spec, batch_job_id)
    owner = attempt.take_fence()
    if owner != batch_job_id:
        log.info("nothing to do: %s owns this attempt", owner or "nobody, for it was stopped,")
        return 0
    marker = attempt.marker()
    if marker is not None:
        log.info("nothing to do: this attempt has ended before, %s", marker.outcome.value)
        return REJECTED if marker.outcome is Outcome.REJECTED else 0
    manifest = read_document(Manifest, spec.manifest, s3)
    with tempfile.TemporaryDirectory(prefix="normalize-") as folder:
        return _Normalization(manifest, s3, attempt, Path(folder)).run(spec.use_gpu)


class _Normalization:
    """One dataset on its way through `folder`, which holds all that is local."""

    def __init__(self, manifest: Manifest, s3: Any, attempt: Attempt, folder: Path) -> None:
        self._manifest = manifest
        self._attempt = attempt
        self._folder = folder
        self._quarantine = Quarantine(folder / "quarantine.jsonl")
        self._dataset: Dataset = open_dataset(manifest, s3, folder, self._quarantine)
        self._measured: Measured | None = None

    def run(self, use_gpu: bool) -> int:
        started = time.monotonic()
        device = choose_device(use_gpu)
        log.info("device: %s (%s)", device.name, device.reason)
        try:
            with full_disk_rejected(self._manifest, self._folder):
                measured = self._measure(device)
                self._standardize(measured)
        except RejectedError as error:
            log.info("rejected: %s", error)
            self._upload_quarantine()
            self._leave(error.problem)
            return REJECTED
        self._upload_quarantine()
        self._write_metrics(measured, device, time.monotonic() - started)
        self._leave()
        return 0

    def _measure(self, device: Device) -> Measured:
        check_disk(self._manifest, self._folder)
        dtype = self._manifest.options.dtype
        measured = measure(self._dataset, device, self._manifest.group_by, dtype)
        self._measured = measured
        bad = self._quarantine.first
        if bad and self._quarantine.count > measured.rows:
            raise RejectedError(
                "bad_rows",
                f"{self._quarantine.count:,} of {self._quarantine.count + measured.rows:,} rows "
                f"cannot be read; the first: {bad.reason}.",
                bad.where,
            )
        if not measured.rows:
            raise RejectedError("no_rows", "The dataset has no rows. Upload one with data.")
        if not measured.scored:
            raise no_numeric_column()
        if measured.too_many_groups and self._manifest.options.group_by:
            raise _too_many_groups(self._manifest.options.group_by)
        return measured

    def _standardize(self, measured: Measured) -> None:
        for part in standardize(self._dataset, measured, self._folder):
            self._attempt.upload(part.path, NORMALIZED_PREFIX + part.path.name, part.rows)
            part.path.unlink()

    def _leave(self, problem: Problem | None = None) -> None:
        warnings = self._warnings()
        for warning in warnings:
            log.warning("warning: %s", warning)
        self._attempt.leave(warnings, problem)

    def _warnings(self) -> tuple[str, ...]:
        # First what loses rows and z-scores, since the marker does not take endless warnings.
        warnings = []
        if bad := self._quarantine.first:
            warnings.append(
                f"Bad rows are kept aside in {QUARANTINE_NAME}: {self._quarantine.count:,}. "
                f"The first, {bad.where}: {bad.reason}."
            )
        if self._measured:
            warnings += _column_warnings(self._measured)
            by_default = not self._manifest.options.group_by
            if self._measured.too_many_groups and by_default and self._manifest.group_by:
                warnings.append(
                    f"The rows are not grouped: column {quoted(self._manifest.group_by)}, which "
                    f"was chosen by default, has more than {MOST_GROUPS:,} different values. "
                    "Choose another one with group-by."
                )
        return (*warnings, *self._dataset.warnings)

    def _upload_quarantine(self) -> None:
        if self._quarantine.count:
            self._attempt.upload(self._quarantine.path, QUARANTINE_NAME)

    def _write_metrics(self, measured: Measured, device: Device, seconds: float) -> None:
        metrics = NormalizeMetrics(
            records=measured.rows,
            seconds=seconds,
            records_per_s=measured.rows / seconds,
            device=device.name,
            device_reason=device.reason,
            input_bytes=self._manifest.size_bytes,
            output_bytes=sum(file.size_bytes for file in self._attempt.files if file.rows),
            quarantined=self._quarantine.count,
            columns=measured.column_metrics(),
            group_by=None if measured.too_many_groups else self._manifest.group_by,
            scratch_bytes=self._dataset.scratch_bytes,
        )
        path = self._folder / METRICS_NAME
        path.write_text(to_json(metrics), encoding="utf-8")
        self._attempt.upload(path, METRICS_NAME)


def _column_warnings(measured: Measured) -> Iterator[str]:
    if columns := measured.too_large:
        yield (
            f"Not normalized: {named(columns)}. The sum of squares is beyond the range of a "
            "double; divide by a power of ten."
        )
    if columns := measured.beyond_dtype:
        yield (
            f"Not normalized: {named(columns)}. The z-scores are beyond the range of "
            f"{measured.dtype}; ask for float64."
        )
    if columns := measured.without_values:
        yield f"Null throughout: {named(columns)}. There is no finite value to normalize."
    if columns := measured.too_close:
        yield (
            f"Short of digits: {named(columns)}. The values differ by so little that the squares "
            "of the differences are below the range of a double: z-scores may lack digits, or are "
            "only centred. Multiply by a power of ten."
        )
    if columns := measured.centred_only:
        yield (
            f"Centred and not scaled: {named(columns)}. The values differ by so little, for their "
            "size, that it may be rounding."
        )


def _too_many_groups(column: str) -> RejectedError:
    return RejectedError(
        "too_many_groups",
        f"Column {quoted(column)} has more than {MOST_GROUPS:,} different values, which are too "
        "many groups. Choose another column with group-by, or leave the option out.",
        f"column {quoted(column)}",
    )


def _log_as(spec: NormalizeSpec) -> None:
    """Progress on stdout, each line with the job and the attempt."""
    logging.basicConfig(
        stream=sys.stdout,
        level=logging.INFO,
        format=f"%(asctime)s {spec.job_id} {STAGE}-{spec.attempt} %(message)s",
    )


if __name__ == "__main__":
    sys.exit(main())
