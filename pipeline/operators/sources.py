"""Live events flow in, how far each source has told flows out: its newest event, its last sign.

A source that has nothing to tell sends `source.heartbeat`; that is a sign of life and no news, so
an idle source can be told from a broken one. Whatever becomes of an event (a copy, impossible), it
was heard. Newest times only rise, so nothing depends on the order in which events come.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

HEARTBEAT = "source.heartbeat"
KEPT = 1_000
"""Sources that a shard remembers, far more than a site has. One more, and the one that was silent
for longest is forgotten: its row stays as it was."""


class SourceState(NamedTuple):
    """What a shard heard of a source; epoch ms, `newest_event_at` None before its first event."""

    site: str
    source: str
    shard: int
    revision: int
    newest_event_at: int | None
    heard_at: int


class Heard(NamedTuple):
    """The newest event time, and the newest arrival of anything, epoch ms."""

    event_at: int | None
    at: int


class Sources:
    """The live sources of one shard."""

    def __init__(self, shard: int) -> None:
        self._shard = shard
        self._heard: dict[tuple[str, str], Heard] = {}
        self._changed: dict[tuple[str, str], Heard] = {}

    def hear(
        self, site: str, source: str, event_type: str, occurred_ms: int, ingest_ms: int
    ) -> None:
        """Take note of an event, whatever becomes of it."""
        key = site, source
        old = self._heard.get(key)
        event_at = None if event_type == HEARTBEAT else occurred_ms
        new = Heard(event_at, ingest_ms)
        if old is not None:
            known = [at for at in (old.event_at, event_at) if at is not None]
            new = Heard(max(known, default=None), max(old.at, ingest_ms))
        if new == old:
            return
        self._heard[key] = self._changed[key] = new
        if len(self._heard) > KEPT:
            del self._heard[min(self._heard, key=lambda known: (self._heard[known].at, known))]

    def changed(self, revision: int) -> Iterator[SourceState]:
        """The sources that were heard since the last call of `settled`."""
        for key, heard in self._changed.items():
            yield SourceState(*key, self._shard, revision, *heard)

    def settled(self) -> None:
        """What `changed` said is in the store."""
        self._changed.clear()

    def snapshot(self) -> list[tuple[str, str, int | None, int]]:
        """All that is remembered, as plain JSON, in an order that no cut can change."""
        return [(*key, *heard) for key, heard in sorted(self._heard.items())]

    def restore(self, rows: Iterable[tuple[str, str, int | None, int]]) -> None:
        """Take up what `snapshot` gave."""
        self._heard = {(site, source): Heard(event_at, at) for site, source, event_at, at in rows}
