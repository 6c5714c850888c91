"""The environment of the jobs: what a container would have, not what the user's shell holds."""

from __future__ import annotations

import os
from pathlib import Path

from local.compute.config import ComputeConfig
from local.processes import MARK as CLOUD_MARK

# What programs and the GPU's libraries need in order to be found; nothing that steers AWS clients,
# Python or Spark may leak in from the shell that started the server.
_INHERITED = ("PATH", "HOME", "USER", "LANG", "TZ", "LD_LIBRARY_PATH", CLOUD_MARK)
_INHERITED_PREFIXES = ("LC_", "CUDA_", "NVIDIA_")


def job_environment(config: ComputeConfig, scratch: Path) -> dict[str, str]:
    """What every job sees: the local cloud's endpoint, test credentials, temporary `scratch`."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name in _INHERITED or name.startswith(_INHERITED_PREFIXES)
    }
    return {
        **inherited,
        "AWS_ENDPOINT_URL": config.emulator_endpoint_url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": config.region,
        "AWS_DEFAULT_REGION": config.region,
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": str(scratch),
    }
