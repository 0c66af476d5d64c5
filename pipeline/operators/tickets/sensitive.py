"""A moment flows in; the sensitive date around it, and its like a year later, flow out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from schemas.sensitive_dates import SensitiveDate


class Sensitive(NamedTuple):
    """Which date a moment lies around, and when next year is as many days from it, epoch ms."""

    date: str
    again_at: int


def around(dates: Mapping[str, SensitiveDate], at_ms: int, zone: ZoneInfo) -> Sensitive | None:
    """Return the nearest sensitive date in whose window a moment lies; None if in no window.

    The year after, the same local time of the day that lies as many days from the date: windows are
    laid over each other by days from the date, not by weekdays.
    """
    local = datetime.fromtimestamp(at_ms // 1000, UTC).astimezone(zone)
    today = local.date()
    offsets = ((known.offset(today), name) for name, known in dates.items())
    near = [(abs(days), days, name) for days, name in offsets if days is not None]
    if not near:
        return None
    _, days, name = min(near)
    distance = timedelta(days=days)
    next_year = dates[name].on((today - distance).year + 1) + distance
    again = datetime.combine(next_year, local.time(), zone)
    return Sensitive(name, round(again.timestamp()) * 1000 + at_ms % 1000)
