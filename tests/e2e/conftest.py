import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.world import Shell

REPOSITORY = Path(__file__).resolve().parents[2]
BIGDATA = str(Path(sys.executable).parent / "bigdata")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/e2e/" in str(item.path):
            item.add_marker(pytest.mark.e2e)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def shell() -> Iterator[Shell]:
    """The shell of a newcomer who has typed `bigdata up` and `eval "$(bigdata env)"`."""
    homes = REPOSITORY / "build" / "e2e"
    homes.mkdir(parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(dir=homes))
    own = {
        "BIGDATA_HOME": str(home),
        "BIGDATA_PORT": str(free_port()),
        "BIGDATA_COMPUTE_PORT": str(free_port()),
    }
    environment = {**os.environ, **own}
    folder = home / "work"
    folder.mkdir()
    try:
        subprocess.run([BIGDATA, "up"], env=environment, check=True, timeout=300)
        yield Shell(_evaluated(environment), folder)
    finally:
        subprocess.run([BIGDATA, "down"], env=environment, check=True, timeout=120)
        shutil.rmtree(home)


def _evaluated(environment: dict[str, str]) -> dict[str, str]:
    script = f'eval "$({BIGDATA} env)" && env -0'
    said = subprocess.run(
        ["sh", "-c", script], env=environment, capture_output=True, check=True, timeout=60
    )
    pairs = said.stdout.decode().rstrip("\0").split("\0")
    return dict(pair.split("=", 1) for pair in pairs)
