"""Event time on one shard: records' times flow in, watermarks and due timers flow out.

A watermark says "nothing earlier than this is expected any more". Each domain (live, or one file)
has its own, so a file of 1999 neither is late in a live store nor makes anything late:

    watermark(domain) = max over its records of min(event time, ingest time) - allowed lateness

It never goes back. Worked example, allowed lateness 2 s:

    record             event time   watermark after
    call.queued        10:00:05     10:00:03
    call.answered      10:00:04     10:00:03     (earlier than the one before: on time, not late)
    tick               10:00:09     10:00:07
    call.abandoned     10:00:06     10:00:07     late: it revises, it never vanishes

All times are integer milliseconds since the epoch, UTC.
"""

from __future__ import annotations

import heapq
from typing import NamedTuple

MINUTE_MS = 60_000
BEGIN_OF_TIME = -(2**62)
END_OF_TIME = 2**62
"""Where an ingest's watermark goes when its `end` record is read: every timer of it is due."""


class Timer(NamedTuple):
    """An entity's wish to be called when the watermark has passed `due`; ties go by its id."""

    due: int
    site: str
    id: str
    family: str


class Timeline:
    """Watermarks and timers of one shard, by domain.

    Timers are kept in one heap a domain. They are not part of a snapshot: whoever set one knows its
    own due time and sets it again when it is loaded, so the heap can never disagree with the state.
    """

    def __init__(self, watermarks: dict[str, int] | None = None) -> None:
        self.watermarks: dict[str, int] = dict(watermarks or {})
        self._timers: dict[str, list[Timer]] = {}

    def watermark(self, domain: str) -> int:
        """The domain's watermark; the begin of time where nothing has been seen of it."""
        return self.watermarks.get(domain, BEGIN_OF_TIME)

    def advance(self, domain: str, watermark: int) -> bool:
        """Move the domain's watermark up to `watermark`; False if it already stood there."""
        if watermark <= self.watermarks.get(domain, BEGIN_OF_TIME):
            return False
        self.watermarks[domain] = watermark
        return True

    @property
    def waiting(self) -> int:
        """Timers that have not come due, outdated ones included, for a metric."""
        return sum(len(timers) for timers in self._timers.values())

    def set_timer(self, domain: str, timer: Timer) -> None:
        """Ask to be called for `timer` once the domain's watermark has passed its due time."""
        heapq.heappush(self._timers.setdefault(domain, []), timer)

    def next_due(self, domain: str) -> Timer | None:
        """Take the earliest timer that the domain's watermark has passed, or None.

        Strictly passed: what happens exactly at the due time still counts before it, which is how
        a call answered in the threshold's last moment is within the threshold.
        """
        timers = self._timers.get(domain)
        if timers and timers[0].due < self.watermarks.get(domain, BEGIN_OF_TIME):
            return heapq.heappop(timers)
        return None

    def close(self, domain: str) -> None:
        """Forget an ended domain, so that a store fed with files for years stays small."""
        self.watermarks.pop(domain, None)
        self._timers.pop(domain, None)


def minute_of(at_ms: int) -> int:
    """The start of the minute bucket [start, start + 1 min) that holds `at_ms`."""
    return at_ms - at_ms % MINUTE_MS
