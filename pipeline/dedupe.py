"""Event ids flow in, "seen before" flows out: what memory knows at once, what the store must say.

Sources deliver at least once: a webhook is retried, a file is ingested again a week later. Recent
ids are kept in memory; memory is complete for everything ingested since its `floor`. The first copy
of an event cannot have been ingested more than the allowed clock skew before it happened, so if
`event time - skew` lies after the floor, memory alone decides. Otherwise the raw events are asked,
and only what was there up to the checkpoint counts, for what came after is about to be read again.

An id is its site's: two sites may give the same ids. A dead letter is not seen: whoever mends it
may send it again under its id.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

WINDOW_MS = 15 * 60_000
MAX_IDS = 75_000
"""Ids one shard remembers; beyond it the floor rises and the store is asked more often."""

EventKey = tuple[str, str]
"""Site and event id."""


class RecentIds:
    """The event ids of one shard that were ingested since `floor`, with their versions."""

    def __init__(self, max_skew_ms: int) -> None:
        self._max_skew_ms = max_skew_ms
        self.floor = 0
        """Epoch ms of ingest since which every id is here; 0 while nothing was ever forgotten."""
        self._versions: dict[str, dict[str, int]] = {}
        """By site, which costs less memory than keys of two parts."""
        self._order: deque[tuple[int, str, str]] = deque()

    def __len__(self) -> int:
        return len(self._order)

    def must_ask(self, occurred_ms: int) -> bool:
        """Whether a first copy of such an event may have been forgotten."""
        return occurred_ms - self._max_skew_ms < self.floor

    def version(self, site: str, event_id: str) -> int | None:
        """The highest version seen of this id, or None."""
        versions = self._versions.get(site)
        return None if versions is None else versions.get(event_id)

    def add(self, key: EventKey, version: int, ingest_ms: int) -> None:
        """Remember an id; a higher version takes the place of a lower one."""
        site, event_id = key
        versions = self._versions.setdefault(site, {})
        known = versions.get(event_id)
        if known is None:
            self._order.append((ingest_ms, site, event_id))
            versions[event_id] = version
        elif version > known:
            versions[event_id] = version

    def load(self, ids: Iterable[tuple[int, str, str, int]], floor: int) -> None:
        """Take up (ingest ms, site, id, version) in ingest order, complete since `floor`."""
        self.floor = floor
        for ingest_ms, site, event_id, version in ids:
            self.add((site, event_id), version, ingest_ms)

    def forget(self, now_ms: int) -> None:
        """Drop what is older than the window or beyond the bound.

        To be called only when all that was added is in the store up to the checkpoint: what is
        forgotten must be found there.
        """
        order = self._order
        while order and (order[0][0] < now_ms - WINDOW_MS or len(order) > MAX_IDS):
            ingest_ms, site, event_id = order.popleft()
            del self._versions[site][event_id]
            self.floor = max(self.floor, ingest_ms + 1)
