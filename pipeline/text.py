"""Other people's text, which may be of any length."""

from __future__ import annotations


def cut(text: str, characters: int) -> str:
    """`text`, or as much of its beginning as fits with the mark that something is left out."""
    return text if len(text) <= characters else text[: characters - 1] + "…"
