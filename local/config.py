"""Where one laptop's cloud lives: its folder, what lies in it, and its two ports."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
# What the clouds of a checkout share and can make or fetch again.
CACHE = REPOSITORY / "build" / "cache"
HOST = "127.0.0.1"
REGION = "us-east-1"

HOME_VARIABLE = "BIGDATA_HOME"
PORT_VARIABLE = "BIGDATA_PORT"
COMPUTE_PORT_VARIABLE = "BIGDATA_COMPUTE_PORT"


@dataclass(frozen=True)
class Home:
    """The folder of one cloud, which writes nowhere else. `path` is absolute."""

    path: Path

    @property
    def record(self) -> Path:
        """What `up` left for other commands: ports, outputs, context."""
        return self.path / "cloud.json"

    @property
    def context(self) -> Path:
        """The CDK context with which the app is deployed to this cloud."""
        return self.path / "context.json"

    @property
    def aws_config(self) -> Path:
        """The configuration file of AWS clients that talk to this cloud."""
        return self.path / "aws.config"

    @property
    def assembly(self) -> Path:
        return self.path / "cdk.out"

    @property
    def unsaved(self) -> Path:
        """There while a server runs, and after one that had no time to save its state."""
        return self.path / "unsaved"

    @property
    def state(self) -> Path:
        return self.path / "state"

    @property
    def objects(self) -> Path:
        return self.path / "objects"

    @property
    def compute(self) -> Path:
        return self.path / "compute"

    @property
    def scratch(self) -> Path:
        return self.path / "tmp"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def server_log(self) -> Path:
        return self.logs / "server.log"

    @property
    def deploy_log(self) -> Path:
        return self.logs / "deploy.log"

    @property
    def lock(self) -> Path:
        """Held by the one `up` that is under way."""
        return self.path / "lock"


@dataclass(frozen=True)
class CloudConfig:
    """One cloud: its folder, the port of the emulated AWS and that of Batch and EMR Serverless."""

    home: Home
    port: int
    compute_port: int

    @property
    def endpoint(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def compute_endpoint(self) -> str:
        return f"http://{HOST}:{self.compute_port}"


def home_from_environment(environment: Mapping[str, str] = os.environ) -> Home:
    """The folder that BIGDATA_HOME names, else `.local` in the checkout."""
    return Home(Path(environment.get(HOME_VARIABLE) or REPOSITORY / ".local").resolve())


def config_from_environment(environment: Mapping[str, str] = os.environ) -> CloudConfig:
    """Raises ValueError when a port variable holds no port number, or both hold the same."""
    port = _port(environment, PORT_VARIABLE, 4566)
    compute_port = _port(environment, COMPUTE_PORT_VARIABLE, 4567)
    if port == compute_port:
        raise ValueError(
            f"{PORT_VARIABLE} and {COMPUTE_PORT_VARIABLE} must differ, and both are {port}"
        )
    return CloudConfig(home_from_environment(environment), port, compute_port)


def _port(environment: Mapping[str, str], variable: str, default: int) -> int:
    text = environment.get(variable) or str(default)
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise ValueError(f"{variable} must be a port number, not {text!r}")
    return int(text)
