"""The AWS command line itself, with an endpoint that stands in for the local cloud."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from local.config import REPOSITORY, CloudConfig, Home
from local.environment import command_environment, write_aws_config


class Refusal(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.send_error(400, "this is the local cloud")

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusal)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("command", ["sqs list-queues", "rds describe-db-instances"])
def test_services_with_an_old_name_in_some_region_are_asked_in_the_local_cloud(
    tmp_path: Path, port: int, command: str
) -> None:
    config = CloudConfig(Home(tmp_path), port, 1)
    write_aws_config(config.home)

    done = subprocess.run(
        [sys.executable, "-m", "awscli", "--debug", *command.split()],
        cwd=REPOSITORY,
        env=command_environment(config, os.environ),
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert "this is the local cloud" in done.stderr
    assert "amazonaws.com:443" not in done.stderr
