"""Records flow in, a store in memory flows out: the engine, driven by hand."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from pipeline.exchange import Checkpoint, Flush, Found, Lookup, RecentId, Store
from pipeline.runtimes.engine import Engine, LogIdentity
from pipeline.runtimes.patience import Patience
from pipeline.sinks.memory import MemoryStore
from pipeline.topology import TopologySettings
from schemas.records import LogRecord
from tests.laws.scenario import SITES


class Died(BaseException):
    """The process was killed: not an error that anything may handle."""


class Mortal:
    """A store over another one, whose client dies in the middle of a write when told to.

    `die_in` is the step of a flush in which it dies: the steps before it are written, and of that
    one `random_` decides which rows still arrive, for a partitioned table is seen in pieces.
    """

    STEPS = (
        *("before", "raw", "dead_letters", "configs", "rows", "callers", "histories"),
        *("entities", "queues", "sources", "transitions", "checkpoint"),
    )
    WHOLE = frozenset({"before", "checkpoint"})
    """Written as one block: there or not there."""

    def __init__(self, inner: Store, random_: random.Random) -> None:
        self.inner = inner
        self.random_ = random_
        self.die_in: int | None = None
        self.spare = 0
        """Flushes that are written before the one in which it dies."""

    def load(self, shards: Sequence[int]) -> Checkpoint:
        return self.inner.load(shards)

    def highest_generation(self) -> int:
        return self.inner.highest_generation()

    def recent_ids(
        self, shard: int, covered: int, window_ms: int, limit: int
    ) -> tuple[list[RecentId], int]:
        return self.inner.recent_ids(shard, covered, window_ms, limit)

    def lookup(self, lookup: Lookup) -> Found:
        return self.inner.lookup(lookup)

    def write(self, flush: Flush) -> None:
        step = self.die_in
        if step is None or self.spare:
            self.spare = max(0, self.spare - 1)
            self.inner.write(flush)
            return
        self.die_in = None
        parts = {name: getattr(flush, name) for name in self.STEPS[:step]}
        if step < len(self.STEPS) and (torn := self.STEPS[step]) not in self.WHOLE:
            parts[torn] = [row for row in getattr(flush, torn) if self.random_.random() < 0.5]
        self.inner.write(Flush(number=flush.number, **parts))
        raise Died


def engine_on(
    store: Store,
    records: Sequence[LogRecord],
    shards: int,
    identity: str = "log",
    *,
    patient: bool = True,
) -> Engine:
    """An engine that has loaded the checkpoint of `store`, before the log of `records`.

    One that is not patient raises an outage once it has started.
    """
    settings = TopologySettings(shards=shards, default_site=SITES[0])
    patience = Patience(lambda _: None, first_s=0.0)
    engine = Engine(settings, store, patience)
    ends = [0] * shards
    for record in records:
        ends[record.shard] = record.offset + 1
    engine.start(LogIdentity(identity, tuple(ends)))
    if not patient:
        patience.stop.set()
    return engine


def run(
    records: Sequence[LogRecord],
    shards: int,
    *,
    flush_at: Iterable[int] = (),
    batches: Iterable[int] = (),
    store: MemoryStore | None = None,
    identity: str = "log",
) -> MemoryStore:
    """Apply a log to a store in memory without disturbance."""
    store = MemoryStore() if store is None else store
    run_on(store, records, shards, flush_at=flush_at, batches=batches, identity=identity)
    return store


def run_on(
    store: Store,
    records: Sequence[LogRecord],
    shards: int,
    *,
    flush_at: Iterable[int] = (),
    batches: Iterable[int] = (),
    identity: str = "log",
) -> None:
    """Apply a log without disturbance.

    `flush_at` are the numbers of records after which a flush happens, `batches` those after which a
    new batch begins; one flush is at the end.
    """
    engine = engine_on(store, records, shards, identity)
    flushes = set(flush_at)
    done = engine.position[0] if engine.position else 0
    for end in sorted({*flushes, *batches, len(records)}):
        if end > done:
            engine.process(records[done:end])
            done = end
        if end in flushes and end < len(records):
            engine.flush([done], records[done - 1].ingest_ms if done else 0)
    engine.flush([done], records[-1].ingest_ms if records else 0)
