import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import server
from local.config import CloudConfig, Home
from local.errors import PortTaken


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_taken_port_is_named_with_its_variable(tmp_path: Path, taken_port: int) -> None:
    config = CloudConfig(Home(tmp_path), taken_port, free_port())
    with pytest.raises(PortTaken, match=f"{taken_port} .* set BIGDATA_PORT to a free port"):
        server.start(config, lambda step: None)


def test_a_taken_second_port_stops_the_start_of_the_first(tmp_path: Path, taken_port: int) -> None:
    steps: list[str] = []
    config = CloudConfig(Home(tmp_path), free_port(), taken_port)
    with pytest.raises(PortTaken, match="set BIGDATA_COMPUTE_PORT to a free port"):
        server.start(config, steps.append)
    assert steps == []
    assert list(tmp_path.iterdir()) == []


def test_a_cloud_without_a_server_is_not_healthy(tmp_path: Path, taken_port: int) -> None:
    assert not server.is_healthy(CloudConfig(Home(tmp_path), free_port(), taken_port))


def test_ending_what_never_started_does_nothing(tmp_path: Path) -> None:
    assert not server.end(Home(tmp_path))


def test_of_a_cloud_that_has_ended_no_scratch_is_left(tmp_path: Path) -> None:
    home = Home(tmp_path)
    (home.scratch / "worker").mkdir(parents=True)
    server.end(home)
    assert not home.scratch.exists()
