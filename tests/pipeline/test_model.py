"""What a job takes in: never more than its DynamoDB item can hold."""

from dataclasses import replace

from contracts.codec import to_json
from contracts.problem import Problem
from contracts.wording import MAX_WARNINGS, capped
from pipeline.model import (
    MAX_ATTEMPT_PROBLEM_CHARACTERS,
    MAX_HISTORY,
    MAX_PROBLEM_CHARACTERS,
    MAX_WARNING_CHARACTERS,
    MAX_WARNINGS_OF_JOB,
    MORE_WARNINGS,
    Attempt,
    AttemptState,
    Cancellation,
    Job,
    Source,
    Stage,
    Status,
)
from pipeline.plan import ATTEMPTS

TIME = "2026-11-23T10:00:00.000Z"
ITEM_BYTES = 400 * 1024
JOB = Job("job", Status.VALIDATING, Source("ingest", "input/a.csv", "v1", TIME), TIME, TIME)
MANY = tuple(f"warning {number}" for number in range(MAX_WARNINGS + 5))


def test_a_job_keeps_so_many_warnings_and_says_that_there_are_more() -> None:
    assert JOB.with_warnings(MANY[:MAX_WARNINGS]).warnings == MANY[:MAX_WARNINGS]
    assert JOB.with_warnings(MANY).warnings == (*MANY[:MAX_WARNINGS], MORE_WARNINGS)
    assert JOB.with_warnings(capped(MANY)).warnings == capped(MANY)


def test_a_stage_that_warns_of_everything_leaves_room_for_the_next() -> None:
    job = JOB.with_warnings(MANY).with_warnings(("bad rows are kept aside",))
    assert job.warnings[-1] == "bad rows are kept aside"


def test_warnings_that_come_again_change_nothing() -> None:
    full = JOB.with_warnings(MANY)
    assert full.with_warnings(()) == full
    assert full.with_warnings(MANY) == full


def test_one_by_one_they_come_to_an_end_too() -> None:
    job = JOB
    for number in range(2 * MAX_WARNINGS_OF_JOB):
        job = job.with_warnings((f"warning {number}",))
    assert len(job.warnings) == MAX_WARNINGS_OF_JOB + 1
    assert job.warnings[-1] == MORE_WARNINGS


def test_a_long_warning_is_cut_and_still_known_when_it_comes_again() -> None:
    warned = JOB.with_warnings(("x" * 500_000,))
    assert warned.warnings == ("x" * (MAX_WARNING_CHARACTERS - 1) + "…",)
    assert warned.with_warnings(("x" * 500_000,)) == warned


def test_a_problem_is_cut_where_it_enters_a_job_or_an_attempt() -> None:
    attempt = Attempt(Stage.NORMALIZE, 1, AttemptState.FAILED, TIME, error=long_problem())
    job = JOB.with_attempt(attempt, TIME).advance(Status.REJECTED, TIME, long_problem())
    for error, characters in (
        (job.error, MAX_PROBLEM_CHARACTERS),
        (job.attempts[0].error, MAX_ATTEMPT_PROBLEM_CHARACTERS),
    ):
        assert error is not None and error.where is not None
        assert error.code == "schema_mismatch"
        assert len(error.message) == len(error.where) == characters


def test_the_fullest_job_fits_into_an_item() -> None:
    job = JOB
    for number in range(100):
        job = job.with_warnings((f"{number}" + "\0" * 5000,))
    # One more for the CPU in place of the GPU.
    for stage in Stage:
        for number in range(sum(ATTEMPTS.values()) + 1):
            for state in AttemptState:
                failed = Attempt(stage, number, state, TIME, "x" * 100, error=long_problem())
                job = job.with_attempt(failed, TIME)
    job = job.with_cancellation(Cancellation(TIME, "\0" * 5000), TIME)
    job = job.advance(Status.FAILED, TIME, long_problem())
    assert len(to_json(job).encode()) < ITEM_BYTES


def test_a_folder_that_is_waited_for_has_a_line_in_the_history_for_each_reason() -> None:
    job = replace(JOB, status=Status.VALIDATING).entered()
    for awaited in ("for a file", "for a file", "for an upload", "for an upload"):
        job = job.seen_arriving(awaited, TIME)
    assert [line.detail for line in job.history[1:]] == ["for a file", "for an upload"]


def test_the_history_forgets_its_oldest_lines() -> None:
    job = JOB
    for number in range(MAX_HISTORY + 5):
        job = job.with_attempt(Attempt(Stage.SPARK, number, AttemptState.FAILED, TIME), TIME)
    assert [line.subject for line in job.history[:1]] == ["spark-5"]
    assert len(job.history) == MAX_HISTORY


def test_a_short_problem_stays_as_it_is() -> None:
    for problem in (Problem("code", "message"), Problem("code", "message", "line 7")):
        assert JOB.advance(Status.REJECTED, TIME, problem).error == problem
        failed = Attempt(Stage.VALIDATE, 1, AttemptState.FAILED, TIME, error=problem)
        assert JOB.with_attempt(failed, TIME).attempts == (failed,)
        assert JOB.with_attempt(replace(failed, error=None), TIME).attempts[0].error is None


def long_problem() -> Problem:
    """As long as a message about a nested type, in the characters that JSON makes longest."""
    return Problem("schema_mismatch", "\0" * 360_000, "\0" * 360_000)
