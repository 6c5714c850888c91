import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from local.compute.config import ComputeConfig
from tests.local.compute.laptop import Laptop, client, is_alive, wait_until

SERVE = """
import sys, time
from pathlib import Path
from local.compute.config import ComputeConfig
from local.compute.server import ComputeServer
server = ComputeServer(ComputeConfig(Path(sys.argv[1]), "http://127.0.0.1:9", Path("/nowhere")))
server.start()
print(server.url, flush=True)
time.sleep(60)
"""
PID_THEN_SLEEP = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
SECOND_TIME_LUCKY = """
import os, time
print(os.getpid(), flush=True)
time.sleep(60 if os.environ["AWS_BATCH_JOB_ATTEMPT"] == "1" else 0)
"""


def test_jobs_and_definitions_outlast_the_server(start: Callable[..., Laptop]) -> None:
    before = start()
    ended = before.wait(before.submit("print('done')"))
    before.server.stop()
    after = start()
    assert after.job(ended["jobId"]) == ended
    assert after.batch.describe_job_queues(jobQueues=["queue"])["jobQueues"]
    before.server.stop = lambda: None  # type: ignore[method-assign]


def test_stop_kills_what_runs_and_what_waits_is_run_by_the_next_server(
    start: Callable[..., Laptop],
) -> None:
    before = start(batch_concurrency=1)
    running = before.submit(PID_THEN_SLEEP)
    waiting = before.submit("print('at last')")
    wait_until(lambda: before.job(running)["status"] == "RUNNING", timeout_s=10)
    wait_until(lambda: before.log(running) != "", timeout_s=10)
    began = time.monotonic()
    before.server.stop()
    assert time.monotonic() - began < 5
    assert not is_alive(int(before.log(running)))
    before.server.stop = lambda: None  # type: ignore[method-assign]

    after = start(batch_concurrency=1)
    lost = after.wait(running)
    assert (lost["status"], lost["statusReason"]) == (
        "FAILED",
        "Host EC2 (instance local) terminated.",
    )
    assert after.wait(waiting)["status"] == "SUCCEEDED"


def test_after_a_crash_orphans_are_killed_and_lost_jobs_are_retried(
    config: ComputeConfig, start: Callable[..., Laptop]
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(config.state_dir)],
        cwd=Path(__file__).parents[3],
        env={"PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    url = process.stdout.readline().strip()
    crashed = Laptop(config, None, client("batch", url), None)  # type: ignore[arg-type]
    job_id = crashed.submit(
        SECOND_TIME_LUCKY,
        retryStrategy={
            "attempts": 2,
            "evaluateOnExit": [{"onStatusReason": "Host EC2*", "action": "RETRY"}],
        },
    )
    crashed.wait(job_id, "RUNNING")
    wait_until(lambda: crashed.log(job_id) != "", timeout_s=10)
    orphan = int(crashed.log(job_id))
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert is_alive(orphan)

    after = start()
    assert not is_alive(orphan)
    job = after.wait(job_id)
    assert job["status"] == "SUCCEEDED"
    assert [attempt["statusReason"] for attempt in job["attempts"]] == [
        "Host EC2 (instance local) terminated.",
        "Essential container in task exited",
    ]
