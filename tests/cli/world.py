"""A real HTTP server that answers like the API, and a document as the real code makes it."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from contracts.codec import to_plain
from contracts.problem import Problem
from contracts.report import (
    AgreementReport,
    Basis,
    ColumnReport,
    CostReport,
    EngineReport,
    Metrics,
    NormalizeReport,
    PipelineReport,
    QualityReport,
    Report,
    SparkReport,
    StageCost,
)
from pipeline.document import job_document
from pipeline.model import Attempt, AttemptState, Job, Source, Stage, Status, Totals

Answer = tuple[int, Any]


@dataclass
class FakeApi:
    """`answers` maps a path with its query to what is answered in turn; the last one stays."""

    url: str = ""
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)

    def answer(self, path: str, *answers: Answer) -> None:
        self.answers[path] = list(answers)

    def next_answer(self, path: str) -> Answer:
        queue = self.answers.get(path)
        if not queue:
            return 404, {"status": 404, "detail": f"There is nothing at {path}."}
        return queue.pop(0) if len(queue) > 1 else queue[0]


def serve(api: FakeApi) -> Callable[[], None]:
    """Serve `api` on a free loopback port; returns what stops it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            api.bodies.append(self.rfile.read(length).decode())
            api.requests.append((self.path, dict(self.headers)))
            status, body = api.next_answer(self.path)
            content = (body if isinstance(body, str) else json.dumps(body)).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    api.url = f"http://127.0.0.1:{server.server_port}"

    def stop() -> None:
        server.shutdown()
        thread.join()
        server.server_close()

    return stop


def at(second: float) -> str:
    return f"2026-11-23T10:00:{second:06.3f}Z"


def attempt(stage: Stage, start: float, end: float) -> Attempt:
    return Attempt(
        stage,
        1,
        AttemptState.SUCCEEDED,
        at(start),
        external_id=f"{stage.value}-id",
        started_at=at(start),
        finished_at=at(end),
    )


def completed(job_id: str = "trips") -> dict[str, Any]:
    """The document of a job with all there can be."""
    job = Job(
        job_id,
        Status.COMPLETED,
        Source("ingest", "input/trips.csv", "v1", at(0), 1_234_567, "csv", 1),
        created_at=at(0),
        updated_at=at(20),
        attempts=(
            attempt(Stage.VALIDATE, 0.5, 1),
            attempt(Stage.NORMALIZE, 2, 5),
            attempt(Stage.SPARK, 6, 18),
            attempt(Stage.ANALYZE, 18.5, 19),
        ),
        warnings=("column 'note' [x] is text",),
        totals=Totals(336_776, 5.0, 97.5, 0.0123, 3.7e-8, 1.25, True, "RDD is slower"),
    )
    return to_plain(job_document(job, "results", to_plain(REPORT)))


def ended(status: Status, job_id: str = "trips") -> dict[str, Any]:
    """The document of a job that ended otherwise."""
    source = Source("ingest", "input/trips.csv", "v1", at(0), 10)
    error = Problem("no_rows", "The file has a header and no rows: add some.", "line 1")
    return to_plain(job_document(Job(job_id, status, source, at(0), at(1), error=error), "results"))


def under_way(status: Status, job_id: str = "trips") -> dict[str, Any]:
    """The document of a job before its end."""
    source = Source("ingest", "input/trips.csv", "v1", at(0), 10)
    return to_plain(job_document(Job(job_id, status, source, at(0), at(1)), "results"))


def _pipeline(median: float) -> PipelineReport:
    return PipelineReport((median, median), median, median, median, 336_776 / median, None)


REPORT = Report(
    job_id="trips",
    records_processed=336_776,
    metrics=Metrics(
        NormalizeReport(
            records=336_776,
            seconds=2.5,
            records_per_s=134_710.4,
            device="cpu",
            device_reason="no CUDA device",
            input_bytes=1_234_567,
            output_bytes=1_000_000,
            scratch_bytes=0,
            columns={"fare": ColumnReport(336_000, 776, 0, 10.5, 2.25, 0.0, 99.0)},
        ),
        SparkReport(
            rows=336_776,
            cores=2,
            startup_seconds=3.0,
            warm_up_seconds=2.0,
            rdd=_pipeline(1.25),
            dataframe=_pipeline(1.0),
            speedup=1.25,
            ci95=(1.1, 1.4),
            verdict="the DataFrame pipeline is faster",
            agree=True,
            agreement=AgreementReport(True, 1e-13, "fare", ()),
            engine=EngineReport(True, 1e-12, "fare", ()),
        ),
        QualityReport(97.5, 0.99, 0.0254, 0.0, 3, 0.00001, (), (), {"fare": 0.012}),
    ),
    cost=CostReport(
        total_usd=0.0123,
        per_record_usd=3.652e-8,
        by_stage={"spark": StageCost(0.012, 3.56e-8, Basis.BILLED, "2 vCPU-hours")},
        prices_as_of="2026-11-01",
        region="us-east-1",
        not_included="storage",
    ),
    warnings=(),
)
