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

from collections.abc import Iterable

WINDOW_MS = 15 * 60_000
MAX_IDS = 50_000
"""Ids one shard remembers, some 160 bytes each; beyond it the floor rises and the store is asked
more often."""

EventKey = tuple[str, str]
"""Site and event id."""

_INGEST_BITS = 48
"""Of a packed number: the version stands above the epoch ms of ingest, good until the year 10889.
"""


class RecentIds:
    """The event ids of one shard that were ingested since `floor`, with their versions."""

    def __init__(self, max_skew_ms: int) -> None:
        self._max_skew_ms = max_skew_ms
        self.floor = 0
        """Epoch ms of ingest since which every id is here; 0 while nothing was ever forgotten."""
        # In the order of ingest. One string and one number for each id: this is the largest part
        # of a shard's memory, and tuples would double it.
        self._known: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._known)

    def must_ask(self, occurred_ms: int) -> bool:
        """Whether a first copy of such an event may have been forgotten."""
        return occurred_ms - self._max_skew_ms < self.floor

    def version(self, site: str, event_id: str) -> int | None:
        """The highest version seen of this id, or None."""
        known = self._known.get(_packed_key(site, event_id))
        return None if known is None else known >> _INGEST_BITS

    def add(self, key: EventKey, version: int, ingest_ms: int) -> None:
        """Remember an id; a higher version takes the place of a lower one, and not its age."""
        packed_key = _packed_key(*key)
        known = self._known.get(packed_key)
        if known is None:
            self._known[packed_key] = version << _INGEST_BITS | ingest_ms
        elif version > known >> _INGEST_BITS:
            self._known[packed_key] = version << _INGEST_BITS | _ingest_ms(known)

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
        excess, since = len(self._known) - MAX_IDS, now_ms - WINDOW_MS
        gone: list[str] = []
        for packed_key, known in self._known.items():
            ingest_ms = _ingest_ms(known)
            if len(gone) >= excess and ingest_ms >= since:
                break
            gone.append(packed_key)
            self.floor = max(self.floor, ingest_ms + 1)
        for packed_key in gone:
            del self._known[packed_key]


def _packed_key(site: str, event_id: str) -> str:
    """One string of both; the length says where the site ends, whatever is in it."""
    return f"{len(site)} {site}{event_id}"


def _ingest_ms(known: int) -> int:
    return known & (1 << _INGEST_BITS) - 1
