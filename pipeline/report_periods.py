"""Rows by minute flow in, values by period flow out, as SQL: which period, and a level at its end.

A level is kept as its changes (how many more or fewer there are, by minute). At the end of a period
it is the sum of all changes until then, so it also stands in periods in which nothing changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Literal
from zoneinfo import ZoneInfo

from schemas.catalogue import Formula
from schemas.measures import literal
from schemas.selection import TABLE, Selection

By = Literal["minute", "hour", "day", "week", "month", "total"]

INSTANTS: Mapping[str, str] = {
    "minute": "toInt64(toUnixTimestamp(toStartOfMinute({time}, {zone})))",
    "hour": "toInt64(toUnixTimestamp(toStartOfHour({time}, {zone})))",
}
_DATES: Mapping[str, str] = {
    "day": "toString(toDate({time}, {zone}))",
    "week": "toString(toMonday({time}, {zone}))",
    "month": "toString(toStartOfMonth({time}, {zone}))",
    "total": "'total'",
}
PERIODS: Mapping[str, str] = {**INSTANTS, **_DATES}

CLOCK: Mapping[str, str] = {
    "weekday": "toString(toDayOfWeek({time}, 0, {zone}))",
    "hour_of_day": "leftPad(toString(toHour({time}, {zone})), 2, '0')",
}
"""Groups by the site's clock: 1 to 7, Monday first, and 00 to 23. All that has a past has them."""

_EARLIEST, _LATEST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)
"""The years that are looked at where a report has no bounds."""

_STEP_S: Mapping[str, int] = {
    "minute": 60,
    "hour": 900,
    "day": 21_600,
    "week": 86_400,
    "month": 86_400,
    "total": 86_400,
}
"""Steps that leave no period out, whatever the zone's offsets do."""


@dataclass(frozen=True)
class Levels:
    """The periods of a report as a query of levels has them.

    Without `end` they go to the last change that has come about by now: a deadline that is known
    already, but lies ahead, has changed nothing yet.
    """

    by: By
    zone: str
    start: datetime | None
    end: datetime | None

    def sql(
        self,
        selection: Selection,
        asked: Mapping[str, Formula],
        group: Sequence[str],
        site: str,
    ) -> str:
        """Return the query: period, group, and each formula's value at the period's end."""
        where = " AND ".join(selection.where(site))
        measures = sorted(frozenset().union(*(formula.measures for formula in asked.values())))
        sums = [f"sum({TABLE}.{name}) AS {name}" for name in measures]
        groups = [f"{TABLE}.{name} AS {name}" for name in group]
        values = [f"{selection.value(formula)} AS {name}" for name, formula in asked.items()]
        known = f"FROM {selection.source} WHERE {where} AND {TABLE}.minute <= now()"
        low = f"(SELECT toInt64(toUnixTimestamp(min({TABLE}.minute))) {known})"
        high = f"(SELECT toInt64(toUnixTimestamp(max({TABLE}.minute))) {known})"
        if self.start is not None:
            low = str(int(self.start.timestamp()))
        if self.end is not None:
            high = str(int(self.end.timestamp()) - 1)
        since = self._period(f"{TABLE}.minute")
        of_step = self._period("toDateTime(x, 'UTC')")
        step = _STEP_S[self.by]
        return (
            f"WITH {low} AS low, greatest({high}, low) AS high,\n"
            f"arraySort(arrayDistinct(arrayMap(x -> {of_step}, "
            f"arrayPushBack(range(low, high, {step}), high)))) AS periods\n"
            f"SELECT period, {', '.join([*groups, *values])}\n"
            f"FROM (SELECT {', '.join([f'{since} AS since', *groups, *sums])}\n"
            f"FROM {selection.source}\n"
            f"WHERE {where} AND toUnixTimestamp({TABLE}.minute) <= high\n"
            f"GROUP BY {', '.join(['since', *group])}) AS {TABLE}\n"
            f"ARRAY JOIN arrayFilter(p -> p >= {TABLE}.since, periods) AS period\n"
            f"GROUP BY {', '.join(['period', *group])}"
        )

    def _period(self, time: str) -> str:
        return PERIODS[self.by].format(time=time, zone=literal(self.zone))


def whole_hours(by: By, zone: str, start: datetime | None, end: datetime | None) -> bool:
    """Tell whether every period consists of whole hours of UTC, by which rows are added up.

    Where a zone is half an hour apart from it (India), or was, periods are made of minutes.

    >>> [whole_hours("day", zone, None, None) for zone in ("Asia/Shanghai", "Asia/Kolkata")]
    [True, False]
    >>> whole_hours("total", "UTC", datetime(2026, 3, 2, 8, 30, tzinfo=UTC), None)
    False
    """
    bounds = [moment for moment in (start, end) if moment is not None]
    if by == "minute" or any(moment.timestamp() % 3_600 for moment in bounds):
        return False
    if by == "total":
        return True
    first, last = (bounds or [_EARLIEST])[0], (bounds or [_LATEST])[-1]
    return _offsets_are_whole(zone, first.year - 1, last.year + 1)


@cache
def _offsets_are_whole(zone: str, first: int, last: int) -> bool:
    """Tell whether a zone's offset is of whole hours in every month of these years."""
    moments = (
        datetime(year, month, 15, tzinfo=ZoneInfo(zone))
        for year in range(first, last + 1)
        for month in range(1, 13)
    )
    return all(not (m.utcoffset() or timedelta()).total_seconds() % 3_600 for m in moments)


def instant(moment: datetime) -> str:
    """Return SQL for an instant."""
    text = moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    return f"toDateTime64({literal(text)}, 3, 'UTC')"
