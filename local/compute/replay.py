"""Recorded results in the place of work, with which `bigdata loadtest` loads the coordination.

A recording is what one job's attempts have left. While it lies in the server's folder, the jobs
whose ids begin with its prefix are not computed: after a random delay they are given the same
files, between the same events, and the marker last as the engines have it. The fence is taken for
Spark too, which has none but EMR's client token: what was started twice shows here.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from contracts.layout import FENCE_NAME, MARKER_NAME, SPEC_NAME, JobLayout, S3Uri
from contracts.marker import Marker
from contracts.storage import create_object, read_document, write_document
from pipeline.compute_names import AttemptName

Replay = Callable[[str, str], None]
"""Given the URI of an attempt's spec and the id of the job that does it; raises what S3 raises."""

AT_ONCE = 16
"""Replays wait rather than work, so they are not bound by the cores."""


@dataclass(frozen=True)
class Recording:
    """Answer for the jobs `prefix…` with what `job_id` has left in `bucket`, not at once."""

    prefix: str
    bucket: str
    job_id: str
    shortest_s: float
    longest_s: float

    def write(self, place: Path) -> None:
        """Have the server that keeps `place` in its folder replay this."""
        partial = place.with_suffix(".partial")
        partial.write_text(json.dumps(asdict(self)))
        partial.replace(place)

    @classmethod
    def read(cls, place: Path) -> Recording | None:
        """The recording at `place`, if there is one."""
        with suppress(FileNotFoundError):
            return cls(**json.loads(place.read_text()))
        return None


class Replays:
    """Replays what the recording at `place` is for. `s3` is a boto3 S3 client."""

    def __init__(self, s3: Any, place: Path) -> None:
        self._s3 = s3
        self._place = place
        self._tapes: dict[tuple[Recording, str], _Tape] = {}
        self.pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="replay")

    def find(self, name: str | None) -> Replay | None:
        """What to do in the place of the job of that name; None when it is to be computed."""
        attempt = AttemptName.parse(name or "")
        recording = Recording.read(self._place)
        if attempt is None or recording is None or not attempt.job_id.startswith(recording.prefix):
            return None
        tape = self._tapes.setdefault(
            (recording, attempt.stage), _Tape(self._s3, recording, attempt.stage)
        )
        return lambda spec, owner: tape.play(attempt, spec, owner)

    def stop(self) -> None:
        """Wait for the replays under way."""
        self.pool.shutdown(cancel_futures=True)


class _Tape:
    """What the recorded job has left of one stage."""

    def __init__(self, s3: Any, recording: Recording, stage: str) -> None:
        self._s3 = s3
        self._recording = recording
        self._source = JobLayout(recording.bucket, recording.job_id).attempt(stage, 1)

    def play(self, attempt: AttemptName, spec: str, owner: str) -> None:
        """Leave it as the result of `attempt`, unless another job than `owner` has the fence."""
        output = S3Uri.parse(spec.removesuffix(SPEC_NAME))
        marker, files = self._recorded
        if not self._take_fence(output, owner):
            return
        time.sleep(random.uniform(self._recording.shortest_s, self._recording.longest_s))
        for name, body in files.items():
            place = output.join(name)
            self._s3.put_object(Bucket=place.bucket, Key=place.key, Body=body)
        own = replace(marker, job_id=attempt.job_id, attempt=attempt.number)
        write_document(own, str(output.join(MARKER_NAME)), self._s3)

    @cached_property
    def _recorded(self) -> tuple[Marker, dict[str, bytes]]:
        marker = read_document(Marker, str(self._source.join(MARKER_NAME)), self._s3)
        return marker, {file.name: self._body(file.name) for file in marker.files}

    def _body(self, name: str) -> bytes:
        place = self._source.join(name)
        body: bytes = self._s3.get_object(Bucket=place.bucket, Key=place.key)["Body"].read()
        return body

    def _take_fence(self, output: S3Uri, owner: str) -> bool:
        place = output.join(FENCE_NAME)
        if create_object(place, owner.encode(), self._s3):
            return True
        body: bytes = self._s3.get_object(Bucket=place.bucket, Key=place.key)["Body"].read()
        return body.decode() == owner
