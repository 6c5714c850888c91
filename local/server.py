"""The server process of a cloud, from outside: started, asked for its health, ended."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from urllib.request import ProxyHandler, build_opener

import psutil

from local.config import (
    COMPUTE_PORT_VARIABLE,
    PORT_VARIABLE,
    REPOSITORY,
    CloudConfig,
    Home,
)
from local.environment import server_environment
from local.errors import CloudError, PortTaken
from local.ports import answers, why_unusable
from local.processes import marked, stop

_MODULE = "local.serve"
_START_PATIENCE_S = 180.0
# It waits for a deployment, ends its jobs, and saves what was uploaded.
_STOP_PATIENCE_S = 60.0
_KILL_PATIENCE_S = 3.0
# What is being ended may have started something meanwhile.
_STOP_ROUNDS = 3


def start(config: CloudConfig, progress: Callable[[str], None]) -> int:
    """Start the server; returns its process id when it answers on both ports.

    Raises CloudError. Whoever is not served by what this started has to end it.
    """
    _refuse_taken_ports(config)
    environment = server_environment(config)
    home = config.home
    if home.unsaved.exists():
        progress("discarding what a killed cloud left half saved, with its data")
        for folder in (home.state, home.objects, home.compute):
            shutil.rmtree(folder, ignore_errors=True)
    progress("starting the local AWS")
    shutil.rmtree(home.scratch, ignore_errors=True)
    home.scratch.mkdir()
    if home.server_log.exists():
        home.server_log.replace(home.server_log.with_suffix(".previous.log"))
    with home.server_log.open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", _MODULE],
            cwd=REPOSITORY,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _wait_until_healthy(config, process)
    return process.pid


def end(home: Home) -> bool:
    """End the server and all that it started, and drop its scratch; whether there was any to end.

    Raises CloudError when a process is left.
    """
    found = list(marked(home.path))
    servers = [process for process in found if _is_server(process)]
    # First and patiently: it ends its jobs and workers in order, and saves its state.
    stop(servers, _STOP_PATIENCE_S)
    for _ in range(_STOP_ROUNDS):
        stop(list(marked(home.path)), _KILL_PATIENCE_S)
    left = list(marked(home.path))
    if left:
        raise CloudError(f"these processes cannot be ended: {left}")
    shutil.rmtree(home.scratch, ignore_errors=True)
    return bool(found)


def is_healthy(config: CloudConfig) -> bool:
    """Both ports answer. Batch and EMR Serverless have no page for it, so a connection must do."""
    open_url = build_opener(ProxyHandler({})).open
    try:
        with open_url(f"{config.endpoint}/_ministack/health", timeout=5) as answer:
            return answer.status == 200 and answers(config.compute_port)
    except OSError:
        return False


def _refuse_taken_ports(config: CloudConfig) -> None:
    wanted = ((config.port, PORT_VARIABLE), (config.compute_port, COMPUTE_PORT_VARIABLE))
    for port, variable in wanted:
        reason = why_unusable(port)
        if reason:
            raise PortTaken(f"port {port} cannot be used ({reason}): set {variable} to a free port")


def _wait_until_healthy(config: CloudConfig, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_PATIENCE_S
    while not is_healthy(config):
        if process.poll() is not None or time.monotonic() > deadline:
            log = config.home.server_log
            last_words = "".join(log.read_text(errors="replace").splitlines(True)[-20:])
            raise CloudError(f"the local AWS did not start:\n{last_words}(all of it: {log})")
        time.sleep(0.1)


def _is_server(process: psutil.Process) -> bool:
    try:
        return _MODULE in process.cmdline()
    except psutil.Error:
        return False
