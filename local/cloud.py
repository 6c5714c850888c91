"""One laptop's cloud: up, down, and what it takes to talk to it."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass

from local import server
from local.compute.class_archive import is_being_made
from local.compute.config import StateFolder
from local.compute.targets import register_targets
from local.config import CloudConfig, Home
from local.deployment import client, compute_client, deploy, write_context
from local.environment import (
    client_environment,
    command_environment,
    foreign_variables,
    write_aws_config,
)
from local.processes import has_mark
from local.undoing import undone_on_failure
from local.warm_up import warm_up


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
    """The cloud in `home` when it is up, else None; a record that makes no sense is none."""
    with suppress(FileNotFoundError, ValueError, KeyError, TypeError):
        record = json.loads(home.record.read_text())
        if has_mark(record["pid"], home.path):
            config = CloudConfig(home, record["port"], record["compute_port"])
            return Cloud(config, record["pid"], record["outputs"])
    return None


def up(config: CloudConfig, progress: Callable[[str], None] = lambda _: None) -> Cloud:
    """Bring the cloud up with the app of this checkout in it; a healthy one is kept running.

    `progress` is told each step that takes its time. When anything fails, or a signal stops it, a
    server that was started here is ended again. Raises CloudError.
    """
    home = config.home
    home.logs.mkdir(parents=True, exist_ok=True)
    with _alone(home):
        running = current(home)
        if running and running.config == config and server.is_healthy(config):
            return _with_app(config, running.pid, progress)
        _end(home)
        with undone_on_failure(lambda: _end(home)):
            cloud = _with_app(config, server.start(config, progress), progress)
            progress("loading the functions")
            warm_up(client(config, "lambda"), cloud.outputs)
            _wait_for_class_archive(cloud, progress)
            return cloud


def down(home: Home) -> bool:
    """End the cloud in `home`, whatever state it is in; whether anything of it was running.

    What it holds stays for the next `up`.
    An `up` that is under way fails, since its server and its deployment end too.
    Only a server that was killed has not saved it, and the next `up` starts empty. Raises
    CloudError when a process is left.
    """
    return _end(home)


def _with_app(config: CloudConfig, pid: int, progress: Callable[[str], None]) -> Cloud:
    targets = register_targets(
        compute_client(config, "batch"), compute_client(config, "emr-serverless")
    )
    write_context(config.home, asdict(targets))
    write_aws_config(config.home)
    cloud = Cloud(config, pid, deploy(config, progress))
    record = {
        "pid": pid,
        "port": config.port,
        "compute_port": config.compute_port,
        "outputs": cloud.outputs,
    }
    partial = config.home.record.with_suffix(".partial")
    partial.write_text(json.dumps(record, indent=2))
    partial.replace(config.home.record)
    return cloud


def _wait_for_class_archive(cloud: Cloud, progress: Callable[[str], None]) -> None:
    """The first job after an installation would otherwise share the cores with its making."""
    folder = StateFolder(cloud.config.home.compute)
    if is_being_made(folder):
        progress("archiving Spark's classes, this once")
    while is_being_made(folder) and has_mark(cloud.pid, cloud.config.home.path):
        time.sleep(0.1)


def _end(home: Home) -> bool:
    was_running = server.end(home)
    home.record.unlink(missing_ok=True)
    return was_running


@contextmanager
def _alone(home: Home) -> Iterator[None]:
    """Wait until no other `up` is under way for `home`."""
    with home.lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
