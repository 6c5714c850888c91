"""One laptop's cloud, up and down.

CloudError
├── PortTaken     another process listens on a port that this cloud wants
└── (others)      the server does not start or does not stop; the message says what to do
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

import psutil

from local.compute.targets import register_targets
from local.config import (
    COMPUTE_PORT_VARIABLE,
    PORT_VARIABLE,
    REPOSITORY,
    CloudConfig,
    Home,
)
from local.deployment import compute_client, deploy, write_context
from local.environment import (
    client_environment,
    command_environment,
    foreign_variables,
    server_environment,
)
from local.ports import answers, why_unusable
from local.processes import has_mark, marked, stop

Progress = Callable[[str], None]

_SERVER_MODULE = "local.serve"
_START_PATIENCE_S = 60.0
# Saving the state takes a while when much was uploaded.
_STOP_PATIENCE_S = 60.0
_KILL_PATIENCE_S = 3.0
# What is being ended may have started something meanwhile.
_STOP_ROUNDS = 2


class CloudError(RuntimeError):
    """The cloud does not start or does not stop."""


class PortTaken(CloudError):
    """Another process listens on a port that this cloud wants."""


@dataclass(frozen=True)
class Cloud:
    """A cloud that is up. `outputs` are those of the deployed stacks, by name."""

    config: CloudConfig
    pid: int
    outputs: dict[str, str]

    @property
    def api_url(self) -> str:
        """Without a slash at its end. The form with the id in the host does not resolve."""
        return f"{self.config.endpoint}/_aws/execute-api/{self.outputs['ApiId']}/$default"

    def environment(self, inherited: Mapping[str, str] = os.environ) -> dict[str, str]:
        """What to export so that plain `aws`, `curl`, `cdk` and boto3 talk to this cloud."""
        return {**client_environment(self.config, inherited), **self._names()}

    def foreign_variables(self, inherited: Mapping[str, str] = os.environ) -> tuple[str, ...]:
        """What to unset beside it: inherited variables that would lead AWS clients elsewhere."""
        return foreign_variables(self.config, inherited)

    def command_environment(self, inherited: Mapping[str, str] = os.environ) -> dict[str, str]:
        """The whole environment for a subprocess that is to talk to this cloud."""
        return {**command_environment(self.config, inherited), **self._names()}

    def _names(self) -> dict[str, str]:
        return {
            "INGEST_BUCKET": self.outputs["IngestBucket"],
            "RESULTS_BUCKET": self.outputs["ResultsBucket"],
            "JOBS_TABLE": self.outputs["JobsTable"],
            "WORK_QUEUE_URL": self.outputs["WorkQueueUrl"],
            "API_URL": self.api_url,
        }


def current(home: Home) -> Cloud | None:
    """The cloud in `home` when it is up, else None."""
    with suppress(FileNotFoundError):
        record = json.loads(home.record.read_text())
        if has_mark(record["pid"], home.path):
            config = CloudConfig(home, record["port"], record["compute_port"])
            return Cloud(config, record["pid"], record["outputs"])
    return None


def up(config: CloudConfig, progress: Progress = lambda _: None) -> Cloud:
    """Bring the cloud up with the app of this checkout in it; a healthy one is kept running.

    `progress` is told each step that takes its time. When anything fails or Ctrl-C is pressed, a
    server that was started here is stopped again. Raises CloudError, DeploymentError,
    ToolchainError.
    """
    home = config.home
    home.logs.mkdir(parents=True, exist_ok=True)
    with _alone(home):
        running = current(home)
        if running and running.config == config and _is_healthy(config):
            return _with_app(config, running.pid, progress)
        _stop_everything(home)
        pid = _start_server(config, progress)
        try:
            return _with_app(config, pid, progress)
        except BaseException:
            _stop_everything(home)
            raise


def down(home: Home) -> None:
    """End the cloud in `home`, whatever state it is in; what it holds stays for the next `up`.

    Raises CloudError when a process or a port is left.
    """
    if home.path.exists():
        with _alone(home):
            _stop_everything(home)


def _with_app(config: CloudConfig, pid: int, progress: Progress) -> Cloud:
    targets = register_targets(
        compute_client(config, "batch"), compute_client(config, "emr-serverless")
    )
    write_context(config.home, asdict(targets))
    cloud = Cloud(config, pid, deploy(config, progress))
    record = {
        "pid": pid,
        "port": config.port,
        "compute_port": config.compute_port,
        "outputs": cloud.outputs,
    }
    config.home.record.write_text(json.dumps(record, indent=2))
    return cloud


def _start_server(config: CloudConfig, progress: Progress) -> int:
    """The process id of the new server, which answers on both ports."""
    _refuse_taken_ports(config)
    progress("starting the local AWS")
    home = config.home
    home.scratch.mkdir(parents=True, exist_ok=True)
    if home.server_log.exists():
        home.server_log.replace(home.server_log.with_suffix(".previous.log"))
    with home.server_log.open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", _SERVER_MODULE],
            cwd=REPOSITORY,
            env=server_environment(config),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_until_healthy(config, process)
    except BaseException:
        _stop_everything(home)
        raise
    return process.pid


def _wait_until_healthy(config: CloudConfig, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_PATIENCE_S
    while not _is_healthy(config):
        if process.poll() is not None or time.monotonic() > deadline:
            log = config.home.server_log
            last_words = "".join(log.read_text(errors="replace").splitlines(True)[-20:])
            raise CloudError(f"the local AWS did not start:\n{last_words}(all of it: {log})")
        time.sleep(0.1)


def _stop_everything(home: Home) -> None:
    processes = list(marked(home.path))
    servers = [process for process in processes if _is_server(process)]
    # The server first: it ends its jobs and workers in order, and saves its state.
    stop(servers, _STOP_PATIENCE_S)
    for _ in range(_STOP_ROUNDS):
        stop(list(marked(home.path)), _KILL_PATIENCE_S)
    left = list(marked(home.path))
    if left:
        raise CloudError(f"these processes cannot be ended: {left}")
    home.record.unlink(missing_ok=True)


def _is_server(process: psutil.Process) -> bool:
    try:
        return _SERVER_MODULE in process.cmdline()
    except psutil.Error:
        return False


def _is_healthy(config: CloudConfig) -> bool:
    """Both ports answer; Batch and EMR Serverless have no address to ask, so they are tapped."""
    try:
        open_url = build_opener(ProxyHandler({})).open
        with open_url(f"{config.endpoint}/_ministack/health", timeout=5) as answer:
            return answer.status == 200 and answers(config.compute_port)
    except (URLError, OSError):
        return False


def _refuse_taken_ports(config: CloudConfig) -> None:
    wanted = ((config.port, PORT_VARIABLE), (config.compute_port, COMPUTE_PORT_VARIABLE))
    for port, variable in wanted:
        reason = why_unusable(port)
        if reason:
            raise PortTaken(f"port {port} cannot be used ({reason}): set {variable} to a free port")


@contextmanager
def _alone(home: Home) -> Iterator[None]:
    """Wait until no other `up` or `down` is under way for `home`."""
    home.path.mkdir(parents=True, exist_ok=True)
    with home.lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
