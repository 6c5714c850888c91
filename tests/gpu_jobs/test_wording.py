from __future__ import annotations

from gpu_jobs.errors import RejectedError
from gpu_jobs.wording import capped, quoted


def test_text_is_quoted_escaped_and_cut():
    assert quoted("a\n'b") == repr("a\n'b")
    assert quoted("x" * 81) == "'" + "x" * 80 + "…'"


def test_an_endless_message_keeps_what_is_wrong_and_what_to_do():
    error = RejectedError("code", f"It is bad: {'x' * 10**6}. Mend it.", "y" * 10**6)
    assert error.problem.message.startswith("It is bad: xxx")
    assert error.problem.message.endswith("xxx. Mend it.")
    assert len(error.problem.message) == 2000
    assert error.problem.where is not None
    assert len(error.problem.where) == 2000
    assert len(str(error)) < 5000


def test_twenty_warnings_are_told_and_how_many_more_there_are():
    warnings = [str(i) for i in range(1025)]
    assert capped(warnings[:20]) == tuple(warnings[:20])
    assert capped(warnings) == (*warnings[:20], "And 1,005 more warnings.")
