"""A cloud of this test run's own, used as a person uses it: `aws`, HTTP, `cdk`, `bigdata`."""

import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import pyarrow as pa
import pyarrow.parquet as pq

ENDS = ("COMPLETED", "REJECTED", "FAILED", "CANCELLED")
PATIENCE_S = 180


@dataclass(frozen=True)
class Shell:
    """Commands in the environment that `eval "$(bigdata env)"` makes, in a folder of their own."""

    environment: dict[str, str]
    folder: Path

    def run(self, *command: str) -> str:
        """The command's standard output. Raises CalledProcessError with all it said."""
        done = self.attempt(*command)
        if done.returncode:
            raise AssertionError(f"{command} failed:\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def attempt(
        self, *command: str, folder: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=folder or self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def upload(self, file: Path, key: str, **metadata: str) -> None:
        told = ",".join(f"{name.replace('_', '-')}={value}" for name, value in metadata.items())
        options = ["--metadata", told] if told else []
        bucket = self.environment["INGEST_BUCKET"]
        self.run("aws", "s3", "cp", "--quiet", str(file), f"s3://{bucket}/{key}", *options)

    def get(self, path: str) -> tuple[int, dict[str, Any]]:
        """The status and the document of an HTTP GET."""
        return self._send(path, None)

    def post(self, path: str, body: Any) -> tuple[int, dict[str, Any]]:
        return self._send(path, json.dumps(body).encode())

    def _send(self, path: str, body: bytes | None) -> tuple[int, dict[str, Any]]:
        url, headers = f"{self.environment['API_URL']}{path}", {"Content-Type": "application/json"}
        opener = build_opener(ProxyHandler({}))
        try:
            with opener.open(Request(url, body, headers), timeout=PATIENCE_S) as answer:
                return answer.status, json.load(answer)
        except HTTPError as error:
            return error.code, json.load(error)

    def wait(self, job_id: str, until: tuple[str, ...] = ENDS) -> dict[str, Any]:
        """The job's document, once its status is one of `until`."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            status, document = self.get(f"/jobs/{job_id}")
            if status == 200 and document["status"] in until:
                return document
            if time.monotonic() > deadline:
                raise AssertionError(f"still not {until}: {document}")
            time.sleep(0.3)

    def normalized(self, document: dict[str, Any]) -> pa.Table:
        """The normalized data, downloaded with `aws s3 cp`."""
        folder = self.folder / f"normalized-{document['job_id']}"
        uri = document["results"]["normalized"]
        self.run("aws", "s3", "cp", "--quiet", "--recursive", uri, str(folder))
        return pa.concat_tables([pq.read_table(part) for part in sorted(folder.iterdir())])
