"""What EMR Serverless says that it bills for a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class BilledResources:
    """GetJobRun's `billedResourceUtilization`."""

    vcpu_hours: float
    memory_gb_hours: float
    storage_gb_hours: float

    @classmethod
    def of(cls, run: Mapping[str, Any]) -> BilledResources | None:
        """Those of a job run as boto3 answers it; None while AWS does not say."""
        billed = run.get("billedResourceUtilization")
        if billed is None:
            return None
        return cls(billed["vCPUHour"], billed["memoryGBHour"], billed.get("storageGBHour", 0.0))
