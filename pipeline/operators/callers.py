"""Changes of contacts flow in, distinct callers a day flow out: each counts once, when first seen.

The state is cold: one row per site, day and caller, looked up when a contact of his changes. It
keeps the moments of all his contacts of the day, so that a correction which moves or removes the
first one lets the second take its place.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from pipeline.contribution import Add, CallerKey, Cell, change, place
from pipeline.timeline import minute_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SETS = ("site",)
_NO_DIMS = ("",) * 9


class CallerChange(NamedTuple):
    """A contact of this caller began at `now` (epoch ms), or no longer `was` then."""

    revision: int
    key: CallerKey
    contact_id: str
    starts_at: int | None


class Caller:
    """The contacts of one caller on one day, by id, with the moment each began."""

    __slots__ = ("guard", "key", "revision", "shard", "starts")

    def __init__(self, key: CallerKey, shard: int, *, revision: int = 0, state: str = "{}") -> None:
        self.key = key
        self.shard = shard
        self.revision = revision
        self.guard = revision
        self.starts: dict[str, int] = json.loads(state)

    @property
    def first_at(self) -> int | None:
        """When the caller first made contact that day, epoch ms."""
        return min(self.starts.values(), default=None)

    def apply(self, change_: CallerChange) -> list[Add]:
        """Take a contact's change in; what was read back with it already is left alone."""
        if change_.revision <= self.guard:
            return []
        before = self._cells()
        if change_.starts_at is None:
            self.starts.pop(change_.contact_id, None)
        else:
            self.starts[change_.contact_id] = change_.starts_at
        self.revision = change_.revision
        return change(before, self._cells(), change_.revision)

    def snapshot(self) -> str:
        """The state as JSON."""
        return json.dumps(self.starts, separators=(",", ":"))

    def _cells(self) -> list[Cell]:
        first = self.first_at
        if first is None:
            return []
        dims = place("calls", self.key.site, _SETS, _NO_DIMS)
        return [Cell(0, minute_of(first), dims, (("callers", 1),))]


def local_day(at_ms: int, zone: ZoneInfo) -> str:
    """The site's calendar day at that moment.

    >>> local_day(915_141_600_000, ZoneInfo("Asia/Shanghai"))  # 1998-12-31 22:00 UTC
    '1999-01-01'
    """
    return _day_of_quarter(at_ms // 900_000, zone)


@lru_cache(maxsize=4096)
def _day_of_quarter(quarter: int, zone: ZoneInfo) -> str:
    """Days begin on a quarter of an hour in every zone since 1972, so a quarter has one day."""
    moment = EPOCH + timedelta(minutes=15 * quarter)
    return moment.astimezone(zone).date().isoformat()


def day_of(key: CallerKey) -> date:
    """The key's day as a date."""
    return date.fromisoformat(key.day)
