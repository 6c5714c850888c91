"""Numbers as people read them. What is not known is a dash."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from contracts.wording import cut

DASH = "–"

ENDLESS = 10_000
"""Characters that no message or key of ours exceeds, escaped and all."""


def count(number: int | None, thing: str = "") -> str:
    """336776 as 336,776, or as 336,776 records."""
    if number is None:
        return DASH
    return f"{number:,} {thing}{'' if number == 1 else 's'}" if thing else f"{number:,}"


def seconds(value: float | None) -> str:
    """From milliseconds to minutes."""
    if value is None:
        return DASH
    if value < 0.9995:
        return f"{value * 1000:.0f} ms"
    if value < 59.95:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s"


def size(number: int | None) -> str:
    """Bytes in the decimal units of S3's bills."""
    if number is None:
        return DASH
    value = float(number)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def money(usd: float | None) -> str:
    """US dollars, with as many places as it takes to see something."""
    if usd is None:
        return DASH
    return f"${usd:,.2f}" if usd >= 1 or not usd else f"${Decimal(f'{usd:.3g}'):f}"


def percent(share: float | None) -> str:
    """0.0254 as 2.54 %."""
    return DASH if share is None else f"{share * 100:.3g} %"


def rate(per_second: float | None) -> str:
    """Records in a second."""
    return DASH if per_second is None else f"{per_second:,.0f} records/s"


def since(time: str | None) -> float | None:
    """The seconds since an ISO 8601 time; a clock ahead of ours counts as now."""
    if time is None:
        return None
    return max(0.0, (datetime.now(UTC) - datetime.fromisoformat(time)).total_seconds())


def printable(text: str, characters: int = 200) -> str:
    """Somebody's text on one line, without what a terminal would obey, and not endless."""
    escaped = "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
    return cut(escaped, characters)
