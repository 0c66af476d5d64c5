"""A seed flows in, the call events of a made-up centre flow out, in order of occurrence.

Its numbers are believable, so that a demo looks like a day and a test meets what a real centre
sends; `generated_calls` says how calls go.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from pipeline.sources.generated_calls import SOURCE, WEEKDAYS, CallFloor


class GeneratedCentre:
    """A small centre over some days; a `Source`. The same arguments give the same bytes.

    Args:
        seed: of everything.
        site: stands in every event.
        zone: the centre's clocks.
        start: its first day.
        days: how many.
        calls_per_day: on an average weekday, about.
    """

    name = SOURCE
    allowed_lateness_ms = 0

    def __init__(
        self,
        seed: int,
        site: str,
        zone: ZoneInfo,
        start: date,
        *,
        days: int,
        calls_per_day: int,
    ) -> None:
        self.repairs: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()
        self.position = 0
        """Calls that have begun: there is no file whose bytes could be counted."""
        self._seed = seed
        self._site = site
        self._zone = zone
        self._days = [start + timedelta(days=n) for n in range(days)]
        self._per_day = calls_per_day
        rng = random.Random(f"{seed}:counts")
        self._counts = [
            max(1, round(calls_per_day * WEEKDAYS[day.weekday()] * rng.gauss(1, 0.08)))
            for day in self._days
        ]
        self.size = sum(self._counts)
        """All calls."""

    def events(self) -> Iterator[bytes]:
        """Yield every event as JSON, in order of occurrence."""
        self.position = 0
        floor = CallFloor(self._seed, self._site, callers=60 * self._per_day)
        for day, count in zip(self._days, self._counts, strict=True):
            midnight = datetime(day.year, day.month, day.day, tzinfo=self._zone)
            begin = round(midnight.timestamp() * 1000)
            expected = self._per_day * WEEKDAYS[day.weekday()]
            for event in floor.day(day.isoformat(), begin, count, expected):
                self.position += event["event_type"] == "ivr.started" or (
                    event.get("direction") == "outbound"
                )
                yield msgspec.json.encode(event)
        for event in floor.rest():
            yield msgspec.json.encode(event)
