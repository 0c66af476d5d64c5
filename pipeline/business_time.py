"""A calendar and two instants flow in, the time that was open between them flows out, and back.

`CalendarTime` and `BusinessTime` answer the same two questions, so whoever runs a clock need not
know which it is. Instants are epoch ms, durations whole ms. A local time is the first instant at
which the site's clock shows it or a later one: where the clock is put back its first coming counts,
where it is put forward the jump. So a day that is open from 00:00 to 24:00 has 23, 24 or 25 hours,
and a calendar that is always open is calendar time.

Years are laid out when they are first asked about; after that a question costs two searches in a
year's openings.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from schemas.calendars import Calendar

FIRST_YEAR, LAST_YEAR = 1970, 2199
"""Nothing is open outside; deadlines that would lie beyond fall on the end of the last year."""

_DAY_MS = 86_400_000
_YEAR_MS = 31_556_952_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE, _MS = timedelta(minutes=1), timedelta(milliseconds=1)


class Clock(Protocol):
    """How time passes for whoever waits."""

    def elapsed(self, start_ms: int, end_ms: int) -> int:
        """Return how much of the time between two instants counts; 0 if they are reversed."""

    def after(self, start_ms: int, duration_ms: int) -> int:
        """Return the first instant, from `start_ms` on, by which so much has counted."""


class CalendarTime:
    """All time counts."""

    def elapsed(self, start_ms: int, end_ms: int) -> int:
        """See `Clock.elapsed`."""
        return max(0, end_ms - start_ms)

    def after(self, start_ms: int, duration_ms: int) -> int:
        """See `Clock.after`."""
        return start_ms + max(0, duration_ms)


@dataclass(frozen=True, slots=True)
class _Year:
    """A local year: its openings in order, and how much of it was open before each of them."""

    number: int
    begin: int
    end: int
    starts: array[int]
    ends: array[int]
    before: array[int]
    total: int

    def opened(self, at: int) -> int:
        """How much of the year was open until an instant."""
        i = bisect_right(self.starts, at) - 1
        return self.before[i] + min(at, self.ends[i]) - self.starts[i] if i >= 0 else 0


class BusinessTime:
    """Only time counts in which a calendar is open.

    >>> office = Calendar.model_validate({"hours": {"mon-fri": ["09:00-18:00"]}})
    >>> clock = BusinessTime(office, ZoneInfo("Asia/Shanghai"))
    >>> friday_17 = 1_767_949_200_000  # 9 January 2026 17:00 in Shanghai, 09:00 UTC
    >>> (clock.after(friday_17, 2 * 3_600_000) - friday_17) // 3_600_000  # to Monday 10:00
    65
    >>> clock.elapsed(friday_17, friday_17 + 65 * 3_600_000) // 60_000
    120
    """

    def __init__(self, calendar: Calendar, zone: ZoneInfo) -> None:
        self._calendar = calendar
        self._zone = zone
        self._years: dict[int, _Year] = {}

    def is_open(self, at_ms: int) -> bool:
        """Tell whether the calendar is open at an instant: openings include their first, only."""
        year = self._year_at(at_ms)
        i = bisect_right(year.starts, at_ms) - 1
        return i >= 0 and at_ms < year.ends[i]

    def elapsed(self, start_ms: int, end_ms: int) -> int:
        """See `Clock.elapsed`."""
        if end_ms <= start_ms:
            return 0
        first, last = self._year_at(start_ms), self._year_at(end_ms)
        between = sum(self._year(n).total for n in range(first.number, last.number))
        return between + last.opened(end_ms) - first.opened(start_ms)

    def after(self, start_ms: int, duration_ms: int) -> int:
        """See `Clock.after`."""
        if duration_ms <= 0:
            return start_ms
        year = self._year_at(start_ms)
        wanted = year.opened(start_ms) + duration_ms
        while wanted > year.total:
            if year.number == LAST_YEAR:
                return max(start_ms, year.end)
            wanted -= year.total
            year = self._year(year.number + 1)
        i = bisect_left(year.before, wanted) - 1
        return year.starts[i] + wanted - year.before[i]

    def _year_at(self, at: int) -> _Year:
        """The local year that an instant lies in; the nearest there is."""
        number = FIRST_YEAR + at // _YEAR_MS
        year = self._year(min(max(number, FIRST_YEAR), LAST_YEAR))
        while at < year.begin and year.number > FIRST_YEAR:
            year = self._year(year.number - 1)
        while at >= year.end and year.number < LAST_YEAR:
            year = self._year(year.number + 1)
        return year

    def _year(self, number: int) -> _Year:
        known = self._years.get(number)
        if known is None:
            known = self._years[number] = self._lay_out(number)
        return known

    def _lay_out(self, number: int) -> _Year:
        starts, ends, before = array("q"), array("q"), array("q")
        total = 0
        day = date(number, 1, 1)
        begin = midnight = self._instant(day, 0)
        while day.year == number:
            tomorrow = day + timedelta(days=1)
            next_midnight = self._instant(tomorrow, 0)
            is_usual = next_midnight - midnight == _DAY_MS
            for opening in self._calendar.on(day):
                first, last = (
                    midnight + minutes * 60_000 if is_usual else self._instant(day, minutes)
                    for minutes in opening
                )
                if first < last:  # else the clock was put forward over it
                    starts.append(first)
                    ends.append(last)
                    before.append(total)
                    total += last - first
            day, midnight = tomorrow, next_midnight
        return _Year(number, begin, midnight, starts, ends, before, total)

    def _instant(self, day: date, minutes: int) -> int:
        """When the clock first shows a local time or a later one, epoch ms."""
        local = datetime.combine(day, time()) + minutes * _MINUTE
        while True:
            moment = local.replace(tzinfo=self._zone).astimezone(UTC)
            if moment.astimezone(self._zone).replace(tzinfo=None) == local:
                return (moment - _EPOCH) // _MS
            local += _MINUTE  # the clock never shows it
