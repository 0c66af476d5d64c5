"""One shard's state: what its operators remember between records, and how a checkpoint holds it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from pipeline.contribution import Measure, revision_of
from pipeline.dedupe import RecentIds
from pipeline.entity import AnyEntity, EntityKey
from pipeline.exchange import Checkpoint, CheckpointItem, RawRow
from pipeline.operators.queues import Queues
from pipeline.operators.rows import DimensionSets, RowBook, RowKey
from pipeline.operators.sources import Sources
from pipeline.site_rules import SiteRules
from pipeline.timeline import Timeline
from schemas.records import RecordKind

STATE_VERSION = 1
"""Raised with every change of a state's form; a checkpoint of another version is not read."""
CLOSED_KEPT = 500
"""Closed entities that a shard keeps in memory for late events, some 6,000 bytes each; older ones
are read back."""


class ShardState:
    """Everything that shard `shard` remembers. `offset` is that of the last record applied."""

    def __init__(
        self,
        shard: int,
        generation: int,
        sets: DimensionSets,
        published: frozenset[tuple[str, str]],
        max_skew_ms: int,
    ) -> None:
        self.shard = shard
        self.generation = generation
        self.offset = -1
        self.covered = self.revision(-1)
        """The revision up to which the checkpoint holds everything."""
        self.reach = 0
        """The revision up to which an interrupted flush may have got: the store may be so far."""
        self.before: list[CheckpointItem] = []
        """Closed entities that changed, as of the checkpoint."""
        self.timeline = Timeline()
        self.recent = RecentIds(max_skew_ms)
        self.entities: dict[EntityKey, AnyEntity] = {}
        self.closed: dict[EntityKey, None] = {}
        self.dirty_entities: dict[EntityKey, None] = {}
        self.rows = RowBook(shard, sets, published)
        self.queues = Queues(shard)
        self.sources = Sources(shard)
        self.held_ticks: dict[str, RawRow] = {}
        """Each domain's last tick, written to the raw events only if an event follows it."""
        self.configs: dict[str, str] = {}
        """The configuration in force, by site: its content hash."""

    def revision(self, offset: int) -> int:
        """The place of a record of this log in the shard's whole history."""
        return revision_of(self.generation, offset)

    @property
    def behind(self) -> bool:
        """Whether the store may be ahead: until that is over, nothing can be written.

        A checkpoint in between would let go of states that the store has only as they became later.
        """
        return self.revision(self.offset) < self.reach

    def touch(self, entity: AnyEntity) -> None:
        """Note that an entity changes, before it does.

        The store has a closed one as of the checkpoint; the next flush overwrites it there.
        """
        if entity.key not in self.dirty_entities:
            self.dirty_entities[entity.key] = None
            if entity.revision and not entity.persisted:
                entity.persisted = True
                self.before.append(self._entity_item(entity))

    # -- the checkpoint ---------------------------------------------------------------------

    def snapshot_before(self) -> Iterator[CheckpointItem]:
        """How far the next flush reaches, and as of the last checkpoint what it overwrites."""
        reach = str(self.revision(self.offset))
        yield CheckpointItem(self.shard, "reach", "", reach)
        yield from self.before
        for key, revision, measures in self.rows.before:
            state = _dumps([revision, _pairs(measures)])
            yield CheckpointItem(self.shard, "row", _dumps(key), state)

    def snapshot(self) -> Iterator[CheckpointItem]:
        """What changed since the last checkpoint; to be called once per flush."""
        shard = self.shard
        yield from self._row_items()
        meta = {
            "state_version": STATE_VERSION,
            "generation": self.generation,
            "offset": self.offset,
            "watermarks": self.timeline.watermarks,
            "pending": [
                [domain, stamp, list(key)]
                for domain, stamps in sorted(self.rows.pending.items())
                for key, stamp in stamps.items()
            ],
            "hot": [
                [domain, [list(key) for key in sorted(keys)]]
                for domain, keys in sorted(self.rows.hot.items())
            ],
            "held_ticks": [[*row[:-1], row.payload.decode()] for row in self.held_ticks.values()],
            "configs": self.configs,
            "sources": self.sources.snapshot(),
        }
        yield CheckpointItem(shard, "meta", "", _dumps(meta))
        for key in self.dirty_entities:
            entity = self.entities[key]
            if entity.open:
                entity.persisted = True
                yield self._entity_item(entity)
            elif entity.persisted:
                entity.persisted = False
                yield CheckpointItem(shard, key.family, _dumps(key[1:]), None)

    def _entity_item(self, entity: AnyEntity) -> CheckpointItem:
        family, *key = entity.key
        state = _dumps([entity.revision, entity.snapshot()])
        return CheckpointItem(self.shard, family, _dumps(key), state)

    def _row_items(self) -> Iterator[CheckpointItem]:
        book = self.rows
        hot = book.cool(self.timeline.watermarks)
        changed = {row.key for row in book.dirty}
        for key in sorted(hot & changed | hot - book.kept):
            row = book.rows[key]
            state = _dumps([row.revision, _pairs(row.measures)])
            yield CheckpointItem(self.shard, "row", _dumps(key), state)
        for key in sorted(book.kept - hot):
            book.rows[key].exposed = True
            yield CheckpointItem(self.shard, "row", _dumps(key), None)
        book.kept = hot

    def restore(
        self,
        checkpoint: Checkpoint,
        families: Iterable[type[AnyEntity]],
        rules: Callable[[str], SiteRules],
    ) -> None:
        """Take up the states that `snapshot` gave, timers included."""
        meta: dict[str, Any] = msgspec.json.decode(checkpoint.of(self.shard, "meta")[""])
        self.offset = meta["offset"]
        self.covered = revision_of(meta["generation"], self.offset)
        self.reach = int(checkpoint.of(self.shard, "reach").get("", 0))
        self.timeline.watermarks = dict(meta["watermarks"])
        self.configs = meta["configs"]
        # A checkpoint from before sources were kept has none: they are heard again.
        self.sources.restore(meta.get("sources", ()))
        for *fields, payload in meta["held_ticks"]:
            row = RawRow._make([*fields, payload.encode()])._replace(kind=RecordKind.TICK)
            self.held_ticks[row.domain] = row
        for text, state in checkpoint.of(self.shard, "row").items():
            revision, pairs = msgspec.json.decode(state)
            self.rows.restore(_row_key(msgspec.json.decode(text)), _measures(pairs), revision)
        for domain, stamp, key in meta["pending"]:
            self.rows.pending.setdefault(domain, {})[_row_key(key)] = stamp
        for domain, keys in meta["hot"]:
            self.rows.hot[domain] = {_row_key(key) for key in keys}
        for family in families:
            for text, state in checkpoint.of(self.shard, family.family).items():
                key = EntityKey(family.family, *msgspec.json.decode(text))
                revision, inner = msgspec.json.decode(state)
                entity = family.restore(key, self.shard, inner, rules, revision=revision)
                entity.persisted = True
                self.entities[key] = entity

    def begin_anew(self) -> None:
        """The log starts at offset 0 again; what came before keeps counting as seen."""
        self.offset = -1
        self.covered = self.revision(-1)
        self.reach = 0

    def settled(self, now_ms: int) -> None:
        """All that changed is in the store: nothing is dirty any more, and memory may shrink."""
        for key in self.dirty_entities:
            if self.entities[key].open:
                self.closed.pop(key, None)
            else:
                self.closed[key] = None
        self.dirty_entities.clear()
        self.before.clear()
        self.covered = self.revision(self.offset)
        while len(self.closed) > CLOSED_KEPT:
            key = next(iter(self.closed))
            del self.closed[key]
            del self.entities[key]
        self.rows.settled()
        self.queues.settled()
        self.sources.settled()
        self.recent.forget(now_ms)


def _dumps(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _row_key(parts: list[Any]) -> RowKey:
    family, site, dims, minute, values = parts
    return RowKey(family, site, dims, minute, tuple(values))


def _pairs(measures: Mapping[Measure, int]) -> list[list[Any]]:
    """Measures as JSON: [name, value] for a sum, [name, bin, value] for a histogram's bin."""
    return [
        [measure, value] if isinstance(measure, str) else [*measure, value]
        for measure, value in measures.items()
    ]


def _measures(pairs: list[list[Any]]) -> dict[Measure, int]:
    measures: dict[Measure, int] = {}
    for name, *rest in pairs:
        measures[(name, rest[0]) if len(rest) > 1 else name] = rest[-1]
    return measures
