import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.processes import has_mark, mark, marked, stop

# Ignores SIGTERM and leaves behind a grandchild in a session of its own.
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def stubborn(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-c", STUBBORN],
        env={**os.environ, **mark(tmp_path)},
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout
    process.stdout.readline()
    yield process
    stop(list(marked(tmp_path)), 0)
    process.stdout.close()


def test_a_grandchild_is_found_after_its_parent_was_killed(
    tmp_path: Path, stubborn: subprocess.Popen[bytes]
) -> None:
    assert len(list(marked(tmp_path))) == 2
    stubborn.send_signal(signal.SIGKILL)
    stubborn.wait()
    (grandchild,) = marked(tmp_path)
    assert grandchild.pid != stubborn.pid


def test_stop_ends_those_that_ignore_sigterm(
    tmp_path: Path, stubborn: subprocess.Popen[bytes]
) -> None:
    began = time.monotonic()
    stop(list(marked(tmp_path)), 1.0)
    assert list(marked(tmp_path)) == []
    assert time.monotonic() - began < 5


def test_another_clouds_process_is_not_ours(
    tmp_path: Path, stubborn: subprocess.Popen[bytes]
) -> None:
    assert has_mark(stubborn.pid, tmp_path)
    assert not has_mark(stubborn.pid, tmp_path / "other")
    assert not list(marked(tmp_path / "other"))


def test_a_process_that_has_ended_has_no_mark(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""], env={**os.environ, **mark(tmp_path)})
    process.wait()
    assert not has_mark(process.pid, tmp_path)
