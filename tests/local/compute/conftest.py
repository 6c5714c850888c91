"""A real emulator, and servers on free ports beside it, each with a state folder of its own."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local.compute.config import ComputeConfig
from local.compute.server import ComputeServer
from tests.local.compute.laptop import Laptop, client, wait_until


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a MiniStack that runs for the test session."""
    folder = tmp_path_factory.mktemp("emulator")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "STATE_DIR": str(folder / "state"),
        "S3_DATA_DIR": str(folder / "s3"),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "ministack"],
        env=environment,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: _is_listening(port), timeout_s=30)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def config(tmp_path: Path) -> ComputeConfig:
    """For a server whose emulator is out of reach, which only delays its events."""
    java = shutil.which("java")
    return ComputeConfig(
        state_dir=tmp_path / "state",
        emulator_endpoint_url="http://127.0.0.1:9",
        java_home=Path(java).resolve().parents[1] if java else Path("/nowhere"),
        kill_grace_s=0.5,
    )


@pytest.fixture
def start(config: ComputeConfig) -> Iterator[Callable[..., Laptop]]:
    """Starts a server with changes to `config`; each is stopped at the end of the test."""
    servers: list[ComputeServer] = []

    def start_server(**changes: Any) -> Laptop:
        changed = replace(config, **changes)
        server = ComputeServer(changed)
        server.start()
        servers.append(server)
        return Laptop(
            changed, server, client("batch", server.url), client("emr-serverless", server.url)
        )

    yield start_server
    for server in servers:
        server.stop()


@pytest.fixture
def laptop(start: Callable[..., Laptop]) -> Laptop:
    return start()
