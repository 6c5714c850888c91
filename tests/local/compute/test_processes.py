import os
import sys
import threading
import time
from pathlib import Path

import pytest

from local.compute.processes import Command, Ending, Processes
from tests.local.compute.laptop import is_alive

GRANDCHILD = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]{options})
print(child.pid, flush=True)
child.wait()
"""


@pytest.fixture
def processes(tmp_path: Path) -> Processes:
    return Processes(tmp_path / "scratch", grace_s=0.3)


def python(tmp_path: Path, script: str) -> Command:
    out, err = tmp_path / "out", tmp_path / "err"
    return Command((sys.executable, "-c", script), {"PATH": os.environ["PATH"]}, tmp_path, out, err)


def printed_pid(tmp_path: Path) -> int:
    deadline = time.monotonic() + 10
    while not (text := (tmp_path / "out").read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return int(text)


def test_output_and_exit_code_are_kept(processes: Processes, tmp_path: Path) -> None:
    with processes.open("a") as run:
        assert run.start(python(tmp_path, "import sys; print('out'); sys.exit('err')"))
        outcome = run.wait()
    assert (outcome.exit_code, outcome.ending) == (1, None)
    assert (tmp_path / "out").read_text() == "out\n"
    assert (tmp_path / "err").read_text() == "err\n"


def test_a_signal_is_reported_as_a_container_would(processes: Processes, tmp_path: Path) -> None:
    with processes.open("a") as run:
        run.start(python(tmp_path, "import os; os.kill(os.getpid(), 9)"))
        assert run.wait().exit_code == 137


def test_a_timeout_kills_the_child_of_a_child(processes: Processes, tmp_path: Path) -> None:
    with processes.open("a") as run:
        run.start(python(tmp_path, GRANDCHILD.format(options="")))
        outcome = run.wait(timeout_s=1)
    assert outcome.ending is Ending.TIMED_OUT
    assert not is_alive(printed_pid(tmp_path))


def test_termination_finds_a_child_that_left_for_its_own_session(
    processes: Processes, tmp_path: Path
) -> None:
    with processes.open("a") as run:
        run.start(python(tmp_path, GRANDCHILD.format(options=", start_new_session=True")))
        child = printed_pid(tmp_path)
        processes.terminate("a")
        assert run.wait().ending is Ending.TERMINATED
    assert not is_alive(child)


def test_a_process_that_ignores_sigterm_is_killed_after_the_grace_period(
    processes: Processes, tmp_path: Path
) -> None:
    script = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1); time.sleep(60)"
    with processes.open("a") as run:
        run.start(python(tmp_path, script.replace("print(1)", "print(1, flush=True)")))
        printed_pid(tmp_path)
        began = time.monotonic()
        processes.terminate("a")
        outcome = run.wait()
    assert outcome.exit_code == 137
    assert 0.3 <= time.monotonic() - began < 5


def test_what_a_finished_process_left_running_ends_with_it(
    processes: Processes, tmp_path: Path
) -> None:
    script = GRANDCHILD.format(options="").replace("child.wait()", "")
    with processes.open("a") as run:
        run.start(python(tmp_path, script))
        assert run.wait().exit_code == 0
    assert not is_alive(printed_pid(tmp_path))


def test_a_run_that_was_terminated_before_its_start_never_starts(
    processes: Processes, tmp_path: Path
) -> None:
    with processes.open("a") as run:
        run.end(Ending.TERMINATED)
        assert not run.start(python(tmp_path, "print('never')"))
    assert not (tmp_path / "out").exists()


def test_stopping_ends_every_run_and_those_opened_later(
    processes: Processes, tmp_path: Path
) -> None:
    outcomes = []

    def work() -> None:
        with processes.open("a") as run:
            run.start(python(tmp_path, GRANDCHILD.format(options="")))
            outcomes.append(run.wait())

    worker = threading.Thread(target=work)
    worker.start()
    while not (tmp_path / "out").exists():
        time.sleep(0.02)
    child = printed_pid(tmp_path)
    processes.stop()
    worker.join(5)
    assert outcomes[0].ending is Ending.ABANDONED
    assert not is_alive(child)
    with processes.open("b") as late:
        assert not late.start(python(tmp_path, ""))


def test_leftovers_of_a_dead_server_are_killed_and_those_of_another_are_not(
    tmp_path: Path,
) -> None:
    mine, other = Processes(tmp_path / "mine", 0.1), Processes(tmp_path / "mine2", 0.1)
    with mine.open("a") as run, other.open("b") as other_run:
        run.start(python(tmp_path, "import time; time.sleep(60)"))
        other_run.start(python(tmp_path, "import time; time.sleep(60)"))
        Processes(tmp_path / "mine", 0.1).kill_leftovers()
        assert run.wait().exit_code == 137
        assert run.ending is None
        other.terminate("b")
        assert other_run.wait().ending is Ending.TERMINATED


def test_a_run_that_nobody_waited_for_ends_with_its_context(
    processes: Processes, tmp_path: Path
) -> None:
    def fail() -> None:
        with processes.open("a") as run:
            run.start(python(tmp_path, GRANDCHILD.format(options="")))
            printed_pid(tmp_path)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert not is_alive(printed_pid(tmp_path))
    processes.stop()
