"""Times as this project writes them: ISO 8601, UTC, milliseconds, `Z`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


def now() -> str:
    """The present."""
    return iso(datetime.now(UTC))


def iso(moment: datetime) -> str:
    """An aware datetime as text, such as 2026-11-23T22:41:07.123Z."""
    utc = moment.astimezone(UTC)
    return utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_epoch_ms(milliseconds: int) -> str:
    """Milliseconds since 1970, as Batch counts them."""
    return iso(datetime.fromtimestamp(milliseconds / 1000, UTC))


def later(time: str, seconds: float) -> str:
    """The time `seconds` after `time`."""
    return iso(datetime.fromisoformat(time) + timedelta(seconds=seconds))
