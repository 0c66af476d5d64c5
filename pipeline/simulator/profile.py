"""A moment flows in, how busy it is flows out: one profile of the week, for all topics.

The hours follow what hotlines of large enterprises show: a morning peak, a dip at noon, a second
peak in the afternoon, a little in the evening, hardly anything at night.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

HOURS: Final = (
    *(7, 5, 4, 3, 3, 5, 11, 26, 56, 84, 95, 86),
    *(62, 64, 80, 84, 78, 64, 46, 40, 36, 28, 17, 11),
)
"""Calls of a day by hour, of any unit."""
WEEKDAYS: Final = (1.16, 1.06, 1.02, 1.00, 1.02, 0.90, 0.84)
"""How busy each day of the week is, Monday first; the mean is 1."""
SLOT_MS: Final = 15 * 60_000
_TOTAL: Final = sum(HOURS)


def share_of_hour(weekday: int, hour: float) -> float:
    """Return the calls per hour as a share of an average day's, at a moment of the week.

    Between the middles of two hours it is interpolated.

    >>> round(share_of_hour(3, 10.5), 4) == round(95 / sum(HOURS), 4)
    True
    """
    whole, part = divmod(hour - 0.5, 1)
    this, following = HOURS[int(whole) % 24], HOURS[int(whole + 1) % 24]
    return WEEKDAYS[weekday] * (this + (following - this) * part) / _TOTAL


def share_at(at: int, zone: ZoneInfo) -> float:
    """Return the calls per hour as a share of an average day's, at an instant in epoch ms."""
    moment = datetime.fromtimestamp(at // 1000, zone)
    return share_of_hour(moment.weekday(), moment.hour + moment.minute / 60)
