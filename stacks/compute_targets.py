"""What the pipeline must know about computing, whoever provides it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class ComputeTargets:
    """Batch's queues and job definitions by ARN, and the id of the EMR Serverless application.

    A job definition's ARN carries no revision, so that the newest one runs. The compute stack
    makes this value in the cloud, the context on the laptop.
    """

    gpu_job_queue: str
    gpu_job_definition: str
    cpu_job_queue: str
    cpu_job_definition: str
    spark_application_id: str

    @classmethod
    def from_context(cls, value: str | Mapping[str, str]) -> ComputeTargets:
        """From a JSON object or its text. Raises TypeError for a missing or unknown name."""
        return cls(**(json.loads(value) if isinstance(value, str) else value))
