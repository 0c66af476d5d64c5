"""Flushes flow in, hours that are over flow out added up: the store of a runtime that goes on.

A command that ends adds up what it has written at its end; one that goes on does it in passing,
once in a while, a bounded number of hours at a time.
"""

from __future__ import annotations

import time

from pipeline.exchange import Flush
from pipeline.sinks.clickhouse import ClickHouseStore
from pipeline.sinks.hours import SETTLED_S, add_up_hours

EVERY_S = 30.0
AT_ONCE = 100
"""Hours of a family; the rest waits for the next time, and is read by the minute until then."""


class HourlyStore(ClickHouseStore):
    """A store that adds up hours behind its flushes."""

    _next_at = 0.0

    def write(self, flush: Flush) -> None:
        """See `Store.write`."""
        super().write(flush)
        now = time.monotonic()
        if now >= self._next_at:
            self._next_at = now + EVERY_S
            self._allowed()
            add_up_hours(self._client, SETTLED_S, AT_ONCE)
