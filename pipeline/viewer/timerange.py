"""Grafana's words for time ("now-30m", "now/d") in, instants and steps of time out."""

from __future__ import annotations

import re
from bisect import bisect_right
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from pipeline.viewer.macros import TimeRange

_RELATIVE = re.compile(r"now(?:-(\d{1,4})([smhdw]))?(?:/([dwM]))?")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

# grafana-data's roundInterval: below each bound stands the step that is taken.
_BOUNDS = (
    *(10, 15, 35, 75, 150, 350, 750, 1_500, 3_500, 7_500, 12_500, 17_500, 25_000, 45_000),
    *(90_000, 210_000, 450_000, 750_000, 1_050_000, 1_500_000, 2_700_000, 5_400_000),
    *(9_000_000, 16_200_000, 32_400_000, 86_400_000, 604_800_000, 1_814_400_000),
    3_628_800_000,
)
_STEPS = (
    *(1, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 20_000, 30_000),
    *(60_000, 120_000, 300_000, 600_000, 900_000, 1_200_000, 1_800_000, 3_600_000),
    *(7_200_000, 10_800_000, 21_600_000, 43_200_000, 86_400_000, 604_800_000),
    *(2_592_000_000, 31_536_000_000),
)


def is_relative(text: str) -> bool:
    """Tell whether a text is a time that `moment` understands."""
    return _RELATIVE.fullmatch(text) is not None


def moment(text: str, now: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant of "now", "now-30m" or "now-7d/d", rounded down in the zone.

    Raises:
        ValueError: it is none of these.
    """
    found = _RELATIVE.fullmatch(text)
    if found is None:
        msg = f"{text!r} is no time; write now, now-30m, now/d or now-7d/d"
        raise ValueError(msg)
    at = now.astimezone(zone)
    if found[1]:
        # Days and weeks by the calendar, as the clocks of the zone show them.
        step = timedelta(**{_UNITS[found[2]]: int(found[1])})
        at = at - step if found[2] in "dw" else (now - step).astimezone(zone)
    if found[3]:
        at = at.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        if found[3] == "w":
            at -= timedelta(days=at.weekday())
        elif found[3] == "M":
            at = at.replace(day=1)
    return at


def duration_ms(text: str) -> int:
    """Return the milliseconds of "2s" or "1m".

    >>> duration_ms("90s")
    90000
    """
    found = re.fullmatch(r"(\d+)(ms|s|m|h|d)", text)
    if found is None:
        msg = f"{text!r} is no duration; write it as 2s or 1m"
        raise ValueError(msg)
    return int(found[1]) * _MS[found[2]]


def time_range(
    beginning: datetime, end: datetime, least: str | None, points: int | None
) -> TimeRange:
    """Return the range with the step that a panel leaves.

    Args:
        beginning: of the range.
        end: of the range.
        least: the panel's least step, such as "1m".
        points: the panel's most points.
    """
    from_ms, to_ms = (round(at.timestamp() * 1000) for at in (beginning, end))
    step = _STEPS[bisect_right(_BOUNDS, (to_ms - from_ms) / (points or 1_000))]
    return TimeRange(from_ms, to_ms, max(step, duration_ms(least) if least else 1))
