"""The local compute endpoint: one loopback HTTP server in front of Batch and EMR Serverless.

Point AWS_ENDPOINT_URL_BATCH and AWS_ENDPOINT_URL_EMR_SERVERLESS at `ComputeServer.url`.
"""

from __future__ import annotations

import json
import re
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from local.compute.arns import Arns
from local.compute.batch_runner import BatchRunner
from local.compute.batch_service import BatchService
from local.compute.class_archive import ClassArchive
from local.compute.config import ComputeConfig
from local.compute.emr_runner import EmrRunner
from local.compute.emr_service import EmrService
from local.compute.events import EventAnnouncer
from local.compute.processes import Processes
from local.compute.protocol import Request, Response, RestJsonService
from local.compute.replay import Replays
from local.compute.staging import Staging
from local.compute.store import Store

# The service's name is the fourth part of the scope that a signed request names.
_SCOPE = re.compile(r"AWS4-HMAC-SHA256 Credential=[^/,]+/\d{8}/[^/,]+/([\w-]+)/aws4_request\b")
_LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]")


class ComputeServer:
    """Serves from threads of this process, between `start` and `stop`, once.

    Start it when the emulator answers, since jobs of an earlier server run on at once.
    """

    def __init__(self, config: ComputeConfig) -> None:
        self._config = config
        arns = Arns(config.region, config.account_id)
        self._store = Store(config.folder.database)
        self._announcer = EventAnnouncer(
            self._store, _client("events", config), _client("sqs", config)
        )
        self._processes = Processes(config.folder.scratch_root, config.kill_grace_s)
        self._class_archive = ClassArchive(config, self._processes)
        self._archiver = threading.Thread(target=self._class_archive.make, name="class-archive")
        s3 = _client("s3", config)

        def staging(folder: Path) -> Staging:
            return Staging(s3, folder, config.folder.archives)

        self._replays = Replays(s3, config.folder.recording)
        common = (config, self._store, self._announcer, self._processes, self._replays)
        self._batch = BatchRunner(*common)
        self._emr = EmrRunner(*common, staging, self._class_archive)
        services = {
            "batch": RestJsonService(
                "batch",
                BatchService(self._store, self._batch, arns).handlers(),
                validation_error="ClientException",
                internal_error="ServerException",
            ),
            "emr-serverless": RestJsonService(
                "emr-serverless",
                EmrService(self._store, self._emr, arns).handlers(),
                validation_error="ValidationException",
                internal_error="InternalServerException",
            ),
        }
        self._http = _HttpServer((config.host, config.port), services)
        self._http_thread = threading.Thread(
            target=self._http.serve_forever, args=[0.1], name="http"
        )

    @property
    def url(self) -> str:
        """The endpoint's URL; its port is known as soon as the server is made."""
        return f"http://{self._config.host}:{self._http.server_port}"

    def start(self) -> None:
        """Take up what an earlier server left, and serve. Returns when requests are answered."""
        self._processes.kill_leftovers()
        shutil.rmtree(self._config.folder.scratch_root, ignore_errors=True)
        self._announcer.start()
        self._batch.recover()
        self._emr.recover()
        self._archiver.start()
        self._http_thread.start()

    def stop(self) -> None:
        """Refuse further requests, kill what runs with all its children, and wait for it."""
        self._http.shutdown()
        self._http.server_close()
        self._processes.stop()
        self._batch.stop()
        self._emr.stop()
        self._replays.stop()
        self._archiver.join()
        self._announcer.stop()
        self._store.close()


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], services: dict[str, RestJsonService]) -> None:
        super().__init__(address, _HttpHandler)
        self.services = services


class _HttpHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Buffered, so that head and body leave together: else each call waits 40 ms for an ACK.
    wbufsize = -1
    server: _HttpServer

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        response = self._response(body)
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        self.wfile.write(response.body)
        self.wfile.flush()

    do_GET = do_POST = do_DELETE = do_PATCH = do_PUT = _answer

    def _response(self, body: bytes) -> Response:
        # A web page must not be able to start jobs: it can neither name a loopback host, when its
        # own name was made to resolve to us, nor send this header without asking first.
        host = self.headers.get("Host", "").rpartition(":")[0]
        scope = _SCOPE.match(self.headers.get("Authorization", ""))
        service = self.server.services.get(scope[1]) if scope else None
        if service is None or host not in _LOOPBACK_HOSTS:
            return _refusal("MissingAuthenticationTokenException", "the request is not signed")
        return service.answer(Request(self.command, self.path, body))

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Requests are not logged: the jobs' logs are what people read."""


def _refusal(code: str, message: str) -> Response:
    return Response(403, json.dumps({"message": message}).encode(), {"x-amzn-errortype": code})


def _client(service: str, config: ComputeConfig) -> Any:
    return boto3.client(
        service,
        endpoint_url=config.emulator_endpoint_url,
        region_name=config.region,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(
            connect_timeout=5,
            read_timeout=30,
            retries={"mode": "standard", "total_max_attempts": 2},
            s3={"addressing_style": "path"},
        ),
    )
