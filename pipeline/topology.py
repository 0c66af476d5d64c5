"""Log records flow in; base rows, facts, dead letters and stamped partials flow out: stage 1.

The core has no clock, no randomness and does no I/O. Where it must know something that is not in
memory, it *asks*: `process` is a generator that yields a `Lookup` and is sent a `Found`. One batch
goes through in four steps, each with few lookups:

    1 decode     bytes -> events; which ids may be duplicates, which entities are unknown? of whom
                 did lower versions tell, and are those unknown?
    2 apply      records in offset order: watermarks, timers, operators -> what changed
    3 people     changed entities -> distinct callers, histories; which of them are unknown?
    4 fold       what changed, in order -> rows, partials; which rows are unknown?

All steps keep the order of the records, so a batch of one record and a batch of ten thousand give
the same rows.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

from pipeline.decode import DeadLetter, Decoder
from pipeline.dedupe import EventKey
from pipeline.entity import AnyEntity, EntityKey
from pipeline.exchange import (
    BaseRow,
    Checkpoint,
    CheckpointItem,
    Flush,
    Found,
    Lookup,
)
from pipeline.operators.agents import Agent
from pipeline.operators.contacts import Contact
from pipeline.operators.escalations import Escalation
from pipeline.operators.rows import DimensionSets, Partial
from pipeline.operators.tasks import Task
from pipeline.operators.tickets import Ticket
from pipeline.site_rules import SiteRules, read_rules
from pipeline.stage1.apply import Applier, adopt
from pipeline.stage1.fold import (
    People,
    Watermark,
    fold,
    load_rows,
    unknown_rows,
)
from pipeline.stage1.ledger import Ledger
from pipeline.stage1.shard import ShardState
from schemas.events import Event
from schemas.records import LogRecord, RecordKind
from schemas.rows import row_families

FAMILIES: tuple[type[AnyEntity], ...] = (Contact, Agent, Ticket, Escalation, Task)
"""The families of entities that events tell of; see `pipeline.entity`."""
PUBLISHED = frozenset({("calls", "queue")})
"""What stage 2 judges: rules look at queues."""


@dataclass(frozen=True, slots=True)
class TopologySettings:
    """What a deployment decides about time and bounds, in ms.

    `allowed_lateness_ms` is that of the live domain; `max_skew_ms` is how far a source's clock may
    be ahead.
    """

    shards: int = 8
    default_site: str = "default"
    allowed_lateness_ms: int = 2_000
    max_skew_ms: int = 300_000


class Stage1:
    """All shards that this process owns.

    `partials` is what stage 2 is to be given next, in order; `rules` holds every configuration
    ever in force, by content hash.
    """

    def __init__(self, settings: TopologySettings) -> None:
        self.shards: dict[int, ShardState] = {}
        self.partials: list[Partial | Watermark] = []
        self.rules: dict[str, SiteRules] = {}
        self.ledger = Ledger(settings.default_site)
        self._settings = settings
        self._decoder = Decoder(max_skew_ms=settings.max_skew_ms)
        self._applier = Applier(
            FAMILIES, self._decoder, self.ledger, self.rules, settings.allowed_lateness_ms
        )
        self._people = People(self._applier.rules_by)
        self._sets = DimensionSets(
            {
                name: {
                    dims: tuple(family.dimensions.index(column) for column in columns)
                    for dims, columns in family.sets.items()
                }
                for name, family in row_families().items()
            }
        )

    def open(self, shard: int, generation: int, checkpoint: Checkpoint) -> ShardState:
        """Own a shard from its checkpoint on, or from nothing if it has none."""
        state = ShardState(shard, generation, self._sets, PUBLISHED, self._settings.max_skew_ms)
        for version, content in checkpoint.of(shard, "config").items():
            self.rules[version] = read_rules(version, content)
        if checkpoint.of(shard, "meta"):
            state.restore(checkpoint, FAMILIES, self._applier.rules_by)
            for entity in state.entities.values():
                adopt(state, entity)
        self.shards[shard] = state
        return state

    def begin_anew(self, state: ShardState) -> None:
        """The shard's log starts at offset 0 again; its last ticks are kept, as time did pass."""
        self.ledger.keep_ticks(state)
        state.begin_anew()

    def process(self, records: Sequence[LogRecord]) -> Generator[Lookup, Found, None]:
        """Apply records in the order given; of each shard, what is applied already is skipped."""
        fresh = [r for r in records if r.offset > self.shards[r.shard].offset]
        decoded = self._decode(fresh)
        lookup = self._unknown(fresh, decoded)
        found = (yield lookup) if lookup else Found()
        domains = {record.domain for record in fresh} if found.told else ()
        before = [
            key
            for (shard, _), payload in found.told.items()
            for domain in domains
            for _, key in self._applier.told(payload, domain)
            if key not in self.shards[shard].entities and key not in found.entities
        ]
        if before:
            more = yield Lookup(entities=before)
            found = replace(found, entities={**found.entities, **more.entities})
        self._apply(fresh, decoded, found)
        steps = self._applier.steps
        self._applier.steps = []
        people = self._people.unknown(steps)
        steps = self._people.resolve(steps, (yield people) if people else Found())
        rows = unknown_rows(steps)
        if rows:
            load_rows(rows, (yield Lookup(rows=rows)), self.shards)
        self.partials.extend(fold(steps))

    def _decode(self, records: Sequence[LogRecord]) -> list[Event | DeadLetter | None]:
        decode, event = self._decoder.decode, RecordKind.EVENT
        return [decode(r.payload, r.ingest_ms) if r.kind == event else None for r in records]

    def _unknown(
        self, records: Sequence[LogRecord], decoded: Sequence[Event | DeadLetter | None]
    ) -> Lookup:
        ids: dict[int, set[EventKey]] = {}
        told: set[tuple[int, EventKey]] = set()
        entities: dict[EntityKey, None] = {}
        for record, event in zip(records, decoded, strict=True):
            if event is None or isinstance(event, DeadLetter):
                continue
            state = self.shards[record.shard]
            recent = state.recent
            seen = recent.version(event.site, event.event_id)
            is_forgotten = seen is None and recent.must_ask(event.occurred_ms)
            if is_forgotten or (seen is not None and event.version > seen):
                ids.setdefault(record.shard, set()).add((event.site, event.event_id))
                if event.version:
                    told.add((record.shard, (event.site, event.event_id)))
            for _, key in self._applier.keys_of(event, record.domain):
                if key not in state.entities:
                    entities[key] = None
        return Lookup(
            event_ids={shard: sorted(wanted) for shard, wanted in ids.items()},
            told=frozenset(told),
            covered={shard: self.shards[shard].covered for shard in ids},
            entities=list(entities),
        )

    def _apply(
        self,
        records: Sequence[LogRecord],
        decoded: Sequence[Event | DeadLetter | None],
        found: Found,
    ) -> None:
        applier = self._applier
        for record, event in zip(records, decoded, strict=True):
            state = self.shards[record.shard]
            state.offset = record.offset
            if event is None:
                applier.time(state, record)
            elif isinstance(event, DeadLetter):
                applier.letter(state, record, event)
            else:
                applier.event(state, record, event, found)

    @property
    def behind(self) -> bool:
        """Whether the store may be ahead of a shard; see `ShardState.behind`."""
        return any(state.behind for state in self.shards.values())

    @property
    def fullest_history(self) -> int:
        """The entries of the longest history of the last flush, for a metric."""
        return self._people.fullest

    def collect(self) -> Flush:
        """Everything that changed since the last call of `settled`, as it stands now."""
        shards, ledger = self.shards.values(), self.ledger
        configs = [
            CheckpointItem(state.shard, "config", config.hash, config.content)
            for config in {config.hash: config for config in ledger.configs}.values()
            for state in shards
        ]
        return Flush(
            before=[item for state in shards for item in state.snapshot_before()],
            raw=ledger.raw,
            dead_letters=ledger.dead_letters,
            configs=ledger.configs,
            rows=[
                BaseRow(state.shard, row.key, row.revision, row.measures)
                for state in shards
                for row in state.rows.dirty
            ],
            callers=list(self._people.callers.values()),
            histories=list(self._people.histories.values()),
            entities=[state.entities[key] for state in shards for key in state.dirty_entities],
            queues=[
                queue
                for state in shards
                for queue in state.queues.changed(state.revision(state.offset))
            ],
            sources=[
                source
                for state in shards
                for source in state.sources.changed(state.revision(state.offset))
            ],
            checkpoint=[*configs, *(item for state in shards for item in state.snapshot())],
        )

    def settled(self, now_ms: int) -> None:
        """The last `collect` is in the store, checkpoint included."""
        self.ledger.settled()
        self._people.settled()
        for state in self.shards.values():
            state.settled(now_ms)
