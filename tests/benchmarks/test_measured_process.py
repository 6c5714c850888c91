from __future__ import annotations

import os
import sys

import pytest

from benchmarks.normalize.measured_process import FailedRun, Limits, Usage, run

GENEROUS = Limits(memory_bytes=10**12, seconds=60)


def run_python(code: str, folder, limits: Limits = GENEROUS) -> Usage:
    return run([sys.executable, "-c", code], folder, os.environ, limits)


def test_time_and_memory_are_those_of_the_process(tmp_path):
    usage = run_python(
        "import time; block = bytearray(b'1') * 300_000_000; time.sleep(0.3)\n"
        "end = time.process_time() + 0.3\n"
        "while time.process_time() < end: pass",
        tmp_path,
    )
    assert usage.wall_s > 0.6
    assert usage.cpu_s > 0.3
    assert usage.peak_mb > 300


def test_waiting_takes_no_cpu_time(tmp_path):
    assert run_python("import time; time.sleep(1)", tmp_path).cpu_s < 0.9


def test_it_runs_in_the_folder(tmp_path):
    run_python("open('here', 'w')", tmp_path)
    assert (tmp_path / "here").exists()


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (Limits(memory_bytes=100_000_000, seconds=60), "took more than 0.1 GB of memory"),
        (Limits(memory_bytes=10**12, seconds=0.5), "took longer than 0.5 s"),
    ],
)
def test_what_goes_beyond_a_limit_is_ended(limits, message, tmp_path):
    code = (
        "import os, time; open('pid', 'w').write(str(os.getpid()))\n"
        "block = bytearray(b'1') * 300_000_000; time.sleep(60)"
    )
    with pytest.raises(FailedRun, match=message):
        run_python(code, tmp_path, limits)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("raise ValueError('no such column')", "exit code 1: ValueError: no such column"),
        ("import sys; sys.exit(3)", "exit code 3"),
        ("import os; os.kill(os.getpid(), 9)", "ended by SIGKILL"),
    ],
)
def test_what_fails_says_how(code, message, tmp_path):
    with pytest.raises(FailedRun) as raised:
        run_python(code, tmp_path)
    assert str(raised.value) == message
