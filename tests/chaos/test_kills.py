"""Lambda workers and running jobs that are killed at random."""

import os
import random
import signal
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path

import psutil

from local.processes import marked
from tests.chaos.sabotage import Sabotage

JOBS, COMPUTED = 50, 8
KILLS = {"worker": 60, "job": 20}
PAUSE_S = 1.0


def test_fifty_jobs_end_though_workers_and_jobs_are_killed(sabotage: Sabotage) -> None:
    home = Path(sabotage.shell.environment["BIGDATA_HOME"])
    ids = [f"chaos-kill-{n}" for n in range(JOBS - COMPUTED)]
    ids += [f"kill-computed-{n}" for n in range(COMPUTED)]
    random.shuffle(ids)
    for job_id in ids:
        sabotage.upload(job_id, rows=20_000 if "computed" in job_id else 50)
    killed: Counter[str] = Counter()
    done = threading.Event()
    killer = threading.Thread(target=kill, args=(home, killed, done))
    killer.start()
    try:
        with sabotage.reconciling():
            documents = sabotage.ended(ids)
    finally:
        done.set()
        killer.join()
    ends = Counter(document["status"] for document in documents.values())
    codes = Counter(d["error"]["code"] for d in documents.values() if d["error"])
    print(f"\nkilled: {dict(killed)}; ends: {dict(ends)}; errors: {dict(codes)}")
    assert killed["worker"] > 0
    assert killed["job"] > 0
    assert ends.total() == JOBS
    # A function that is killed is called again; a job's process may be killed in all its attempts.
    assert set(codes) <= {"killed", "spark_failed"}
    assert not [process for process in marked(home) if kind_of(process) == "job"]
    assert sabotage.unfinished_work() == []


def kill(home: Path, killed: Counter[str], done: threading.Event) -> None:
    """Kill a process of a random kind every now and then, until enough of each have died."""
    while not done.wait(PAUSE_S * random.random() * 2):
        wanted = [kind for kind, most in KILLS.items() if killed[kind] < most]
        if not wanted:
            return
        chosen = random.choice(wanted)
        pids = [process.pid for process in marked(home) if kind_of(process) == chosen]
        if pids:
            with suppress(ProcessLookupError):
                os.kill(random.choice(pids), signal.SIGKILL)
                killed[chosen] += 1


def kind_of(process: psutil.Process) -> str:
    """A Lambda worker, the process of a Batch job or of a Spark run, or something else."""
    try:
        command = " ".join(process.cmdline())
    except psutil.Error:
        return "gone"
    if "ministack-lambda-" in command:
        return "worker"
    if "gpu_jobs.normalize" in command or "spark" in command.lower():
        return "job"
    return "other"
