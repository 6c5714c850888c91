"""The HTTP API: jobs to read, and records to submit without an upload.

GET  /jobs/<job_id>             the job document
GET  /jobs/<job_id>/history     what happened to the job, and when
GET  /jobs/<job_id>/quarantine  rows that were kept aside: limit, next
POST /jobs/<job_id>/cancel      end the job: 202, and CANCELLED once its work has stopped
POST /jobs/<job_id>/rerun       do it again as a new job: 202 and where to look
GET  /jobs                      jobs, newest first: status, source (a key), limit, next
POST /jobs, /process            inline records: 202 and where to look
GET  /dead-letters              messages that were given up: job_id, kind
POST /dead-letters/redrive      send them on their way again: job_id, kind, dry_run
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError

from contracts.codec import to_plain
from handlers.inline_records import parse_submission, submit
from handlers.job_controls import parse_reason, parse_whole, start_rerun
from handlers.problem_details import HttpProblem, bad_request
from handlers.quarantine import QuarantinePage, read_quarantine
from handlers.redrive import Choice, note_redrive, parse_redrive
from handlers.request_body import refuse_unknown
from handlers.spent import spent_usd
from handlers.stored_report import read_report
from pipeline.attempt_files import AttemptFiles
from pipeline.bootstrap import client, dead_letters, job_store, work_queue
from pipeline.clock import now
from pipeline.compute_names import AttemptName
from pipeline.dataset.identity import JOB_ID
from pipeline.dead_letters import DeadLetters
from pipeline.document import job_document
from pipeline.job_events import CancelRequested, DatasetValidated
from pipeline.model import Job, Stage, Status
from pipeline.objects import Objects
from pipeline.settings import ApiSettings, from_environment
from pipeline.store import InvalidPageToken

DEFAULT_LIMIT = 20
MAX_LIMIT = 100

METHODS = {
    re.compile(r"/jobs"): "GET, HEAD, OPTIONS, POST",
    re.compile(r"/process"): "OPTIONS, POST",
    re.compile(r"/jobs/[^/]+"): "GET, HEAD, OPTIONS",
    re.compile(r"/jobs/[^/]+/(history|quarantine)"): "GET, HEAD, OPTIONS",
    re.compile(r"/jobs/[^/]+/(cancel|rerun)"): "OPTIONS, POST",
    re.compile(r"/dead-letters"): "GET, HEAD, OPTIONS",
    re.compile(r"/dead-letters/redrive"): "OPTIONS, POST",
}

app = APIGatewayHttpResolver()
logger = Logger(service="api")


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer a request; whatever goes wrong inside is logged and leaves as a bare 500."""
    try:
        answer = app.resolve(event, context)
    except Exception:
        logger.exception("unexpected error")
        answer = _internal_error(event)
    if event["requestContext"]["http"]["method"] == "HEAD":
        answer["body"] = ""
    return answer


@app.route("/jobs/<job_id>", method=["GET", "HEAD"])
def get_job(job_id: str) -> Response[str]:
    """The document of one job, with the metrics and the cost of its report."""
    logger.append_keys(job_id=job_id)
    settings = from_environment(ApiSettings)
    job = _job(job_id, settings)
    report = None
    if job.status is Status.COMPLETED:
        report, warnings = read_report(
            client("s3"), settings.results_bucket, job.reused_from or job_id
        )
        job = replace(job, warnings=(*job.warnings, *warnings))
    return _json(HTTPStatus.OK, _document(job, settings, report))


@app.route("/jobs/<job_id>/history", method=["GET", "HEAD"])
def get_history(job_id: str) -> Response[str]:
    """The lines of a job's history, oldest first."""
    job = _job(job_id, from_environment(ApiSettings))
    lines = [to_plain(line) for line in job.history]
    return _json(HTTPStatus.OK, {"job_id": job.job_id, "history": lines})


@app.route("/jobs/<job_id>/quarantine", method=["GET", "HEAD"])
def get_quarantine(job_id: str) -> Response[str]:
    """A page of the rows that normalization could not read, with their places and reasons."""
    settings = from_environment(ApiSettings)
    job = _job(job_id, settings)
    query = _query("limit", "next")
    limit, start = _limit(query.get("limit")), query.get("next") or None
    normalize = job.latest(Stage.NORMALIZE)
    page = QuarantinePage((), None)
    if normalize is not None:
        attempt = AttemptFiles(client("s3"), settings.results_bucket).output(
            AttemptName.of(job, normalize)
        )
        page = read_quarantine(client("s3"), attempt, limit, start)
    return _json(HTTPStatus.OK, {"job_id": job_id, "rows": list(page.rows), "next": page.next})


@app.post("/jobs/<job_id>/cancel")
def cancel_job(job_id: str) -> Response[str]:
    """Have a job ended; the body may give a `reason`."""
    logger.append_keys(job_id=job_id)
    settings = from_environment(ApiSettings)
    reason = parse_reason(_body())
    job = _job(job_id, settings)
    if job.status.is_end and job.status is not Status.CANCELLED:
        raise HttpProblem(HTTPStatus.CONFLICT, f"Job {job_id!r} has ended: it is {job.status}.")
    if not job.status.is_end:
        work_queue(settings.work_queue_url).send(CancelRequested(job_id, now(), reason))
    return _json(HTTPStatus.ACCEPTED, _document(job, settings), {"Location": f"../{job_id}"})


@app.post("/jobs/<job_id>/rerun")
def rerun_job(job_id: str) -> Response[str]:
    """Do a job again from the stage that failed, or with `whole` all of its work."""
    logger.append_keys(job_id=job_id)
    settings = from_environment(ApiSettings)
    whole = parse_whole(_body())
    job = _job(job_id, settings)
    store, objects = job_store(settings.jobs_table), Objects(client("s3"))
    rerun = start_rerun(job, whole, store, objects, settings)
    store.change(job, lambda read: read.rerun_as(rerun.job_id, now()))
    try:
        work_queue(settings.work_queue_url).send(DatasetValidated(rerun.job_id))
    except (BotoCoreError, ClientError):
        logger.exception("the reconciler will take the rerun up", rerun=rerun.job_id)
    return _accepted(rerun, f"../{rerun.job_id}")


@app.route("/jobs", method=["GET", "HEAD"])
def list_jobs() -> Response[str]:
    """A page of jobs, without metrics and cost."""
    settings = from_environment(ApiSettings)
    query = _query("status", "source", "limit", "next")
    try:
        page = job_store(settings.jobs_table).list(
            status=_status(query.get("status")),
            source=query.get("source") or None,
            limit=_limit(query.get("limit")),
            start=query.get("next") or None,
        )
    except InvalidPageToken as error:
        raise bad_request(
            "next must be the value that the page before gave, asked for with the same filters."
        ) from error
    jobs = [_document(job, settings) for job in page.jobs]
    return _json(HTTPStatus.OK, {"jobs": jobs, "next": page.next})


@app.post("/jobs")
@app.post("/process")
def post_job() -> Response[str]:
    """Take inline records as the dataset of a new job."""
    settings = from_environment(ApiSettings)
    submission = parse_submission(_body())
    logger.append_keys(job_id=submission.job_id)
    job = submit(submission, job_store(settings.jobs_table), client("s3"), settings.ingest_bucket)
    # Relative to the request, so that it also holds where the API's root is not the host's.
    return _accepted(job, f"jobs/{job.job_id}")


@app.route("/dead-letters", method=["GET", "HEAD"])
def list_dead_letters() -> Response[str]:
    """The messages that nobody could handle, with the reasons."""
    query = _query("job_id", "kind")
    choice = Choice(query.get("job_id") or None, query.get("kind") or None)
    letters = _dead_letters().listed(choice.takes)
    return _json(HTTPStatus.OK, {"dead_letters": [to_plain(letter) for letter in letters]})


@app.post("/dead-letters/redrive")
def redrive_dead_letters() -> Response[str]:
    """Give the chosen messages to the work queue again, or only tell which those are."""
    choice, dry_run = parse_redrive(_body())
    letters = _dead_letters()
    chosen = letters.listed(choice.takes) if dry_run else letters.redrive(choice.takes)
    if not dry_run:
        try:
            note_redrive(chosen, job_store(from_environment(ApiSettings).jobs_table))
        except (BotoCoreError, ClientError):
            logger.exception("the letters are on their way; not every history tells of it")
    body = {"dry_run": dry_run, "dead_letters": [to_plain(letter) for letter in chosen]}
    return _json(HTTPStatus.OK, body)


@app.exception_handler(HttpProblem)  # type: ignore[untyped-decorator]
def _problem(problem: HttpProblem) -> Response[str]:
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.error("not answered", exc_info=problem)
    return problem.response(app.current_event.path)


@app.exception_handler(NotFoundError)  # type: ignore[untyped-decorator]
def _no_route(_: NotFoundError) -> Response[str]:
    path, method = app.current_event.path, app.current_event.http_method
    allow = next((allow for known, allow in METHODS.items() if known.fullmatch(path)), None)
    if allow and method == "OPTIONS":
        return Response(HTTPStatus.NO_CONTENT.value, headers={"Allow": allow})
    # An allowed method comes here when the id has characters that no route takes, and no job has.
    if allow is None or method in allow.split(", "):
        detail = "There is nothing at this path; try GET /jobs."
        return HttpProblem(HTTPStatus.NOT_FOUND, detail).response(path)
    detail = f"{method} is not possible here; {allow} are."
    return HttpProblem(HTTPStatus.METHOD_NOT_ALLOWED, detail, {"Allow": allow}).response(path)


def _job(job_id: str, settings: ApiSettings) -> Job:
    is_id = JOB_ID.fullmatch(job_id) is not None
    job = job_store(settings.jobs_table).find(job_id) if is_id else None
    if job is None:
        raise HttpProblem(
            HTTPStatus.NOT_FOUND,
            f"No job has the id {job_id!r}. GET /jobs lists the jobs there are.",
        )
    return job


def _document(
    job: Job, settings: ApiSettings, report: dict[str, Any] | None = None
) -> dict[str, Any]:
    spent = spent_usd(job, settings.aws_region)
    document: dict[str, Any] = to_plain(job_document(job, settings.results_bucket, report, spent))
    return document


def _dead_letters() -> DeadLetters:
    settings = from_environment(ApiSettings)
    return dead_letters(settings.dead_letter_queue_url, settings.work_queue_url)


def _accepted(job: Job, location: str) -> Response[str]:
    body = {
        "job_id": job.job_id,
        "status": job.status.value,
        "status_url": f"/jobs/{job.job_id}",
    }
    return _json(HTTPStatus.ACCEPTED, body, {"Location": location})


def _query(*known: str) -> dict[str, str]:
    """The query's parameters. Raises HttpProblem for one that is not `known`."""
    query = dict(app.current_event.query_string_parameters)
    refuse_unknown(query, known, "the query")
    return query


def _body() -> str:
    try:
        return app.current_event.decoded_body or ""
    except ValueError as error:
        raise bad_request("The body is not text in UTF-8.") from error


def _internal_error(event: dict[str, Any]) -> dict[str, Any]:
    problem = HttpProblem(
        HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong on our side; please try again."
    )
    response = problem.response(event.get("rawPath", ""))
    return {
        "statusCode": response.status_code,
        "body": response.body,
        "isBase64Encoded": False,
        "headers": response.headers,
    }


def _json(
    status: HTTPStatus, body: dict[str, Any], headers: dict[str, str | list[str]] | None = None
) -> Response[str]:
    text = json.dumps(body, ensure_ascii=False, allow_nan=False)
    return Response(
        status.value,
        "application/json",
        text,
        {"Cache-Control": "no-store", **(headers or {})},
    )


def _status(text: str | None) -> Status | None:
    if not text:
        return None
    try:
        return Status(text)
    except ValueError as error:
        raise bad_request(f"status must be one of {', '.join(Status)}, not {text!r}.") from error


def _limit(text: str | None) -> int:
    if not text:
        return DEFAULT_LIMIT
    if not text.isdecimal() or len(text) > 9 or not 1 <= int(text) <= MAX_LIMIT:
        raise bad_request(f"limit must be a whole number from 1 to {MAX_LIMIT}, not {text!r}.")
    return int(text)
