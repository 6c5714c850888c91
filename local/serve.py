"""The server process of one cloud: MiniStack, and beside it Batch and EMR Serverless.

`bigdata up` starts it, as `python -m local.serve` in the environment of `server_environment`.
SIGTERM or SIGINT ends it: first the jobs, while their last events can still be delivered, then
MiniStack, which saves its state, then the Lambda workers. Whoever finds the file `unsaved` later
knows that it did not come to that.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any

from local import lambda_workers
from local.compute.config import ComputeConfig
from local.compute.server import ComputeServer
from local.config import CACHE, HOST, REGION, CloudConfig, config_from_environment
from local.deployment import wait_until_settled
from local.ports import answers
from local.processes import marked, stop
from local.ranged_reads import RangedReads

_DEPLOYMENT_PATIENCE_S = 20.0
_WORKER_PATIENCE_S = 2.0


async def serve(config: CloudConfig, compute: ComputeServer) -> None:
    """Serve until a signal comes, then stop everything. Raises OSError when the port is taken."""
    # MiniStack reads its environment and the kept objects when it is imported.
    from hypercorn.asyncio import serve as serve_http
    from hypercorn.config import Config
    from ministack.app import app

    lambda_workers.install()

    ending = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ending.set)

    async def compute_until_the_end() -> None:
        while not answers(config.port):
            await asyncio.sleep(0.05)
        config.home.unsaved.touch()
        await asyncio.to_thread(compute.start)
        await ending.wait()
        await asyncio.to_thread(wait_until_settled, config, _DEPLOYMENT_PATIENCE_S)
        await asyncio.to_thread(compute.stop)

    guarded: Any = RangedReads(app)
    http = Config()
    http.bind = [f"{HOST}:{config.port}"]
    http.keep_alive_timeout = 75
    try:
        await serve_http(guarded, http, shutdown_trigger=compute_until_the_end)
    finally:
        # Else the loop waits for threads that wait for these.
        await asyncio.to_thread(stop, list(marked(config.home.path)), _WORKER_PATIENCE_S)


def main() -> int:
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s [%(name)s] %(message)s"
    )
    config = config_from_environment()
    compute = ComputeServer(
        ComputeConfig(
            state_dir=config.home.compute,
            emulator_endpoint_url=config.endpoint,
            java_home=Path(os.environ["JAVA_HOME"]),
            host=HOST,
            port=config.compute_port,
            region=REGION,
            class_archives=CACHE / "java-classes",
        )
    )
    asyncio.run(serve(config, compute))
    config.home.unsaved.unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
