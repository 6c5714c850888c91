"""Sentences for people that stay readable, whatever somebody's data puts into them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

QUOTED_CHARACTERS = 80
MAX_CHARACTERS = 2_000
MAX_NAMES = 20
MAX_WARNINGS = 20
"""Of one stage, so that one which warns of every file leaves room for what the others say."""


def cut(text: str, characters: int) -> str:
    """`text`, or as much of its beginning as fits with the mark that something is left out."""
    return text if len(text) <= characters else text[: characters - 1] + "…"


def quoted(text: str) -> str:
    """Somebody's text in a sentence: quoted, escaped, and cut to what a person would read."""
    return repr(cut(text, QUOTED_CHARACTERS))


def listing(names: Iterable[str]) -> str:
    """Names in a sentence, not more than a person would read."""
    all_quoted = [quoted(name) for name in names]
    more = len(all_quoted) - MAX_NAMES
    return ", ".join(all_quoted[:MAX_NAMES]) + (f" and {more:,} more" if more > 0 else "")


def named(columns: Sequence[str]) -> str:
    """One column or several, in a sentence."""
    return f"column{'s' if len(columns) > 1 else ''} {listing(columns)}"


def shortened(message: str) -> str:
    """The message in at most MAX_CHARACTERS.

    Its middle goes: how it begins says what is wrong, and how it ends what to do.
    """
    if len(message) <= MAX_CHARACTERS:
        return message
    half = MAX_CHARACTERS // 2
    return f"{message[: half - 1]}…{message[-half:]}"


def capped(warnings: Sequence[str]) -> tuple[str, ...]:
    """At most MAX_WARNINGS, each shortened; of more, the last says how many are left out."""
    if len(warnings) <= MAX_WARNINGS:
        return tuple(map(shortened, warnings))
    kept = warnings[: MAX_WARNINGS - 1]
    return (*map(shortened, kept), f"And {len(warnings) - len(kept):,} more warnings.")
