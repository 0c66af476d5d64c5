"""Records flow in, a store in memory flows out: the engine, driven by hand."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace

from pipeline.exchange import Flush
from pipeline.runtimes.engine import Engine, LogIdentity
from pipeline.runtimes.patience import Patience
from pipeline.sinks.memory import MemoryStore
from pipeline.topology import TopologySettings
from schemas.records import LogRecord
from tests.laws.scenario import SITES


class Died(BaseException):
    """The process was killed: not an error that anything may handle."""


class Mortal(MemoryStore):
    """A store whose client dies in the middle of a write, when told to.

    `die_in` is the number of the step of a flush in which it dies, and what of the rows of that
    step still arrives is decided by `random_`: a partitioned table is seen in pieces.
    """

    def __init__(self) -> None:
        super().__init__()
        self.die_in: int | None = None
        self.random_ = random.Random(0)

    STEPS = (
        *("before", "raw", "dead_letters", "configs", "rows", "callers", "contacts"),
        *("transitions", "checkpoint"),
    )
    WHOLE = frozenset({"before", "checkpoint"})
    """Written as one block: there or not there."""

    def write(self, flush: Flush) -> None:
        if self.die_in is None:
            super().write(flush)
            return
        parts = {}
        for step in self.STEPS[: self.die_in]:
            parts[step] = getattr(flush, step)
        if self.die_in < len(self.STEPS):
            torn = self.STEPS[self.die_in]
            if torn not in self.WHOLE:
                parts[torn] = [row for row in getattr(flush, torn) if self.random_.random() < 0.5]
        self.die_in = None
        super().write(replace(Flush(), **parts))
        raise Died


def engine_on(
    store: MemoryStore, records: Sequence[LogRecord], shards: int, identity: str = "log"
) -> Engine:
    """An engine that has loaded the checkpoint of `store`, before the log of `records`."""
    settings = TopologySettings(shards=shards, default_site=SITES[0])
    engine = Engine(settings, store, Patience(print, first_s=0.0))
    ends = [0] * shards
    for record in records:
        ends[record.shard] = record.offset + 1
    engine.start(LogIdentity(identity, tuple(ends)))
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
    """Apply a log without disturbance.

    `flush_at` are the numbers of records after which a flush happens, `batches` those after which a
    new batch begins; one flush is at the end.
    """
    store = MemoryStore() if store is None else store
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
    return store
