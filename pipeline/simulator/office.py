"""Office hours: an instant and a stretch of working time flow in, when it is over flows out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
_EPOCH_WEEKDAY: Final = 3  # 1970-01-01 was a Thursday


def offset_ms(at: int, zone: ZoneInfo) -> int:
    """Return how far the zone's clocks are ahead of UTC at an instant in epoch ms."""
    ahead = datetime.fromtimestamp(at // 1000, zone).utcoffset()
    return 0 if ahead is None else round(ahead.total_seconds() * 1000)


@dataclass(frozen=True)
class Hours:
    """When somebody works: from hour to hour, Monday to `last` (Sunday is 6)."""

    opens: int
    closes: int
    last: int

    def after(self, at: int, length: int, zone: ZoneInfo) -> int:
        """Return when a length of working time that begins at `at` is over; all in ms.

        >>> zone = ZoneInfo("UTC")
        >>> friday = round(datetime(2026, 3, 6, 17, tzinfo=zone).timestamp() * 1000)
        >>> monday = Hours(9, 18, 4).after(friday, 2 * HOUR_MS, zone)
        >>> datetime.fromtimestamp(monday / 1000, zone).isoformat()
        '2026-03-09T10:00:00+00:00'
        """
        ahead = offset_ms(at, zone)
        day, moment = divmod(at + ahead, DAY_MS)
        while True:
            if (day + _EPOCH_WEEKDAY) % 7 <= self.last:
                moment = max(moment, self.opens * HOUR_MS)
                left = max(0, self.closes * HOUR_MS - moment)
                if length <= left:
                    return day * DAY_MS + moment + length - ahead
                length -= left
            day, moment = day + 1, 0


OFFICE: Final = Hours(9, 18, 4)
AWAKE: Final = Hours(8, 21, 6)
"""When people call, and may be called."""
ALWAYS: Final = Hours(0, 24, 6)
