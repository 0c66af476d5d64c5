"""Flushes flow in, the same rows as in ClickHouse can be read out: a store in memory.

For tests of the core and for trying rules without a database. It keeps what the tables would hold
after replacing, and answers lookups by the same rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipeline.contribution import GENERATION_BITS, CallerKey, Measure, revision_of
from pipeline.dedupe import EventKey
from pipeline.entity import EntityKey
from pipeline.entries import HistoryKey
from pipeline.exchange import (
    PROCESS,
    Checkpoint,
    CheckpointItem,
    DeadLetterRow,
    Flush,
    Found,
    Lookup,
    RawRow,
    RecentId,
    Stored,
    TransitionRow,
)
from pipeline.operators.queues import QueueState
from pipeline.operators.rows import RowKey
from pipeline.operators.sources import SourceState
from schemas.rows import NOW


class MemoryStore:
    """Tables as dictionaries by identity; the row with the highest revision stands."""

    def __init__(self) -> None:
        self.raw: dict[tuple[int, int], RawRow] = {}
        self.dead_letters: dict[tuple[int, int], DeadLetterRow] = {}
        self.rows: dict[tuple[int, RowKey], tuple[dict[Measure, int], int]] = {}
        self.callers: dict[CallerKey, Stored] = {}
        self.histories: dict[HistoryKey, Stored] = {}
        self.entities: dict[EntityKey, tuple[Stored, tuple[Any, ...]]] = {}
        self.now: dict[EntityKey, tuple[Any, ...] | None] = {}
        self.queues: dict[tuple[str, str, int], QueueState] = {}
        self.sources: dict[tuple[str, str, int], SourceState] = {}
        self.transitions: dict[tuple[str, int], TransitionRow] = {}
        self.checkpoint: dict[tuple[int, str, str], CheckpointItem] = {}

    def load(self, shards: Sequence[int]) -> Checkpoint:
        """See `Store.load`."""
        wanted = {*shards, PROCESS}
        return Checkpoint([i for i in self.checkpoint.values() if i.shard in wanted])

    def highest_generation(self) -> int:
        """See `Store.highest_generation`."""
        revisions = [revision for _, revision in self.rows.values()]
        revisions += [stored.revision for stored in self.callers.values()]
        revisions += [stored.revision for stored in self.histories.values()]
        revisions += [stored.revision for stored, _ in self.entities.values()]
        generations = [row.generation for row in self.raw.values()]
        return max([r >> GENERATION_BITS for r in revisions] + generations, default=0)

    def recent_ids(
        self, shard: int, covered: int, window_ms: int, limit: int
    ) -> tuple[list[RecentId], int]:
        """See `Store.recent_ids`."""
        rows = sorted(
            (at, row) for (which, at), row in self.raw.items() if which == shard and at <= covered
        )
        letters = self.dead_letters
        if not rows:
            return [], 0
        since = max(row.ingest_ms for _, row in rows) - window_ms
        ids = [
            RecentId(row.ingest_ms, row.site, row.event_id, row.version)
            for at, row in rows
            if row.event_id and row.ingest_ms >= since and (shard, at) not in letters
        ]
        if len(ids) > limit:
            ids = ids[-limit:]
            return ids[1:], ids[0].ingest_ms + 1
        return ids, 0 if rows[0][1].ingest_ms >= since else since

    def lookup(self, lookup: Lookup) -> Found:
        """See `Store.lookup`."""
        versions: dict[tuple[int, EventKey], int] = {}
        told: dict[tuple[int, EventKey], bytes] = {}
        wanted = {(shard, key) for shard, keys in lookup.event_ids.items() for key in keys}
        if wanted:
            for (shard, at), row in sorted(self.raw.items()):
                key = (shard, (row.site, row.event_id))
                is_seen = key in wanted and (shard, at) not in self.dead_letters
                if is_seen and at <= lookup.covered[shard] and row.version > versions.get(key, -1):
                    versions[key] = row.version
                    if key in lookup.told:
                        told[key] = row.payload
        return Found(
            versions,
            told,
            {key: self.entities[key][0] for key in lookup.entities if key in self.entities},
            {key: self.callers[key] for key in lookup.callers if key in self.callers},
            {key: self.histories[key] for key in lookup.histories if key in self.histories},
            {
                (shard, key): (dict(self.rows[shard, key][0]), self.rows[shard, key][1])
                for shard, keys in lookup.rows.items()
                for key in keys
                if (shard, key) in self.rows
            },
        )

    def write(self, flush: Flush) -> None:
        """See `Store.write`."""
        self._keep(flush.before)
        for raw in flush.raw:
            self.raw[raw.shard, revision_of(raw.generation, raw.offset)] = raw
        for letter in flush.dead_letters:
            self.dead_letters[letter.shard, revision_of(letter.generation, letter.offset)] = letter
        for base in flush.rows:
            known = self.rows.get((base.shard, base.key))
            if known is None or known[1] <= base.revision:
                self.rows[base.shard, base.key] = (dict(base.measures), base.revision)
        self._keep_people(flush)
        for entity in flush.entities:
            stored = Stored(entity.snapshot(), entity.revision, entity.shard)
            known_entity = self.entities.get(entity.key)
            if known_entity is None or known_entity[0].revision <= stored.revision:
                self.entities[entity.key] = (stored, entity.row())
                if entity.family in NOW:
                    *row, over = entity.now_row()
                    self.now[entity.key] = None if over else tuple(row)
        for queue in flush.queues:
            self.queues[queue[:3]] = queue
        for source in flush.sources:
            self.sources[source[:3]] = source
        for transition in flush.transitions:
            self.transitions[transition.alert_id, transition.transition] = transition
        self._keep(flush.checkpoint)

    def _keep_people(self, flush: Flush) -> None:
        for caller in flush.callers:
            stored = Stored(caller.snapshot(), caller.revision, caller.shard)
            if self.callers.get(caller.key, stored).revision <= stored.revision:
                self.callers[caller.key] = stored
        for history in flush.histories:
            stored = Stored(history.snapshot(), history.revision, history.shard)
            if self.histories.get(history.key, stored).revision <= stored.revision:
                self.histories[history.key] = stored

    def _keep(self, items: Sequence[CheckpointItem]) -> None:
        for item in items:
            place = (item.shard, item.family, item.key)
            if item.state is None:
                self.checkpoint.pop(place, None)
            else:
                self.checkpoint[place] = item
