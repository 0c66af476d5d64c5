"""Log records flow in, a store that is always consistent flows out: the core, hosted.

The engine answers the core's lookups from the store, waits out outages, and writes flushes. It is
the same for every runtime; only where records come from differs.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from pipeline.contribution import revision_of
from pipeline.dedupe import MAX_IDS, WINDOW_MS
from pipeline.errors import StoreRefused
from pipeline.exchange import PROCESS, REPLAY, Checkpoint, CheckpointItem, Flush, Store
from pipeline.runtimes.patience import Patience
from pipeline.stage1.shard import STATE_VERSION
from pipeline.stage2 import Stage2
from pipeline.topology import Stage1, TopologySettings
from schemas.records import LogRecord


@dataclass(frozen=True, slots=True)
class LogIdentity:
    """Which log records come from, and the offset after the last of each shard."""

    identity: str
    next_offsets: tuple[int, ...]


class Engine:
    """All shards of one process over one store.

    Attributes:
        settings: the deployment's times and bounds.
        stage1, stage2: the core.
        generation: counts the logs that this deployment has lived on.
        position: where in the log the last checkpoint stood, as the runtime wrote it; None to read
            from the log's beginning.
    """

    def __init__(self, settings: TopologySettings, store: Store, patience: Patience) -> None:
        self.stage1 = Stage1(settings)
        self.stage2 = Stage2(settings.shards, self.stage1.rules)
        self.generation = 1
        self.position: list[int] | None = None
        self.settings = settings
        self._store = store
        self._patience = patience
        self._number = 0
        self._identity = ""
        self._flush: tuple[Flush, int] | None = None

    def start(self, log: LogIdentity) -> None:
        """Load the checkpoint and decide whether it belongs to this log.

        If the log began anew (another identity, or it ends before the checkpoint), or there is no
        checkpoint, the generation rises above everything that was ever written. That is written
        down before the first record is read: otherwise a crash in the first flush would make the
        next start take the log for another one, and its records for duplicates of themselves.

        Raises:
            StoreRefused: the checkpoint was written by another version of Goldpan.
        """
        store, insist = self._store, self._patience.insist
        shards = range(self.settings.shards)
        checkpoint = insist(lambda: store.load(shards))
        refuse_replay(checkpoint)
        process: dict[str, Any] = json.loads(checkpoint.of(PROCESS, "process").get("", "{}"))
        if process.get("state_version", STATE_VERSION) != STATE_VERSION:
            msg = (
                f"the checkpoint has state version {process['state_version']}, this Goldpan knows "
                f"{STATE_VERSION}: run 'goldpan rebuild' to compute everything again from the raw "
                "events, or go back to the version that wrote it"
            )
            raise StoreRefused(msg)
        self._identity = log.identity
        self._number = process.get("number", 0)
        same = process.get("identity") == log.identity and all(
            _offset(checkpoint, shard, process["generation"]) < end
            for shard, end in enumerate(log.next_offsets)
        )
        if same:
            self.generation = process["generation"]
            self.position = process["position"]
        else:
            self.generation = 1 + insist(store.highest_generation)
            self.position = None
        self._open(checkpoint, anew=not same)
        if not same:
            self.flush(None, 0)

    def _open(self, checkpoint: Checkpoint, *, anew: bool) -> None:
        """Have all shards as the checkpoint holds them; `anew`: before a log that begins."""
        calm_the_collector()
        with loading():
            for shard in range(self.settings.shards):
                state = self.stage1.open(shard, self.generation, checkpoint)
                if anew:
                    self.stage1.begin_anew(state)
                ask = partial(self._store.recent_ids, shard, state.covered, WINDOW_MS, MAX_IDS)
                ids, floor = self._patience.insist(ask)
                state.recent.load(ids, floor)
            self.stage2.restore(checkpoint)

    def forget(self) -> None:
        """Begin without a checkpoint, but as the same log's: for computing everything again."""
        shards = range(self.settings.shards)
        checkpoint = self._patience.insist(partial(self._store.load, shards))
        refuse_replay(checkpoint)
        process: dict[str, Any] = json.loads(checkpoint.of(PROCESS, "process").get("", "{}"))
        self._identity = process.get("identity", "")
        self._number = process.get("number", 0)
        self.generation = process.get("generation", 1)
        for shard in shards:
            self.stage1.open(shard, 0, Checkpoint())
        calm_the_collector()

    def take_up(self) -> None:
        """Go on where a replay of this store was interrupted, or begin one.

        `position` is then where the last checkpoint stood: its generation first, as it was given to
        `flush`; None at the beginning.
        """
        shards = range(self.settings.shards)
        checkpoint = self._patience.insist(partial(self._store.load, shards))
        process: dict[str, Any] = json.loads(checkpoint.of(PROCESS, "process").get("", "{}"))
        self._number = process.get("number", 0)
        self.position = process.get("position")
        self.generation = self.position[0] if self.position else 0
        self._open(checkpoint, anew=False)

    def relive(self, generation: int) -> None:
        """Have the next records applied as those of that generation, if they are not already.

        How far an interrupted flush may have got still holds, as its records are read again.
        """
        for state in self.stage1.shards.values():
            if state.generation != generation:
                reach = state.reach
                state.generation = generation
                self.stage1.begin_anew(state)
                state.reach = reach

    def process(self, records: Sequence[LogRecord]) -> None:
        """Apply records, asking the store for what memory does not hold."""
        self._write()
        work = self.stage1.process(records)
        try:
            lookup = next(work)
            while True:
                found = self._patience.insist(partial(self._store.lookup, lookup))
                lookup = work.send(found)
        except StopIteration:
            pass

    def flush(self, position: Sequence[int] | None, now_ms: int) -> bool:
        """Write what changed, the checkpoint last.

        Args:
            position: where the log is to be read on from after a restart; None: its beginning.
            now_ms: the ingest time of the last record, epoch ms.

        Returns:
            Whether it was written. It is not as long as a flush that a crash interrupted had got
            further in the log: until then the store may be ahead.
        """
        if self._flush is None:
            if self.stage1.behind:
                return False
            self._flush = self._collect(position), now_ms
        self._write()
        return True

    def _write(self) -> None:
        """Write the flush that was collected; if an outage ends this, it is done next time."""
        if self._flush is not None:
            flush, now_ms = self._flush
            self._patience.insist(lambda: self._store.write(flush))
            self._flush = None
            self.stage1.settled(now_ms)

    def _collect(self, position: Sequence[int] | None) -> Flush:
        transitions = self.stage2.take(self.stage1.partials)
        self.stage1.partials.clear()
        flush = self.stage1.collect()
        flush.transitions = transitions
        self._number += 2
        flush.number = self._number
        process = {
            "state_version": STATE_VERSION,
            "number": self._number,
            "identity": self._identity,
            "generation": self.generation,
            "position": None if position is None else list(position),
        }
        flush.checkpoint.append(CheckpointItem(PROCESS, "process", "", json.dumps(process)))
        flush.checkpoint.extend(self.stage2.snapshot())
        return flush


def refuse_replay(checkpoint: Checkpoint) -> None:
    """Refuse a store that a replay has filled: what is live has one of its own.

    Raises:
        StoreRefused: it holds a replay.
    """
    if checkpoint.of(PROCESS, REPLAY):
        msg = (
            "this database holds a replay ('goldpan replay') and takes nothing else in: name "
            "another with --clickhouse or --database"
        )
        raise StoreRefused(msg)


def _offset(checkpoint: Checkpoint, shard: int, generation: int) -> int:
    """The last record of the shard that the store may have anything of."""
    meta = checkpoint.of(shard, "meta").get("")
    reach = int(checkpoint.of(shard, "reach").get("", 0)) - revision_of(generation, 0)
    return max(json.loads(meta)["offset"] if meta else -1, reach)


def calm_the_collector() -> None:
    """Let Python look for reference cycles rarely: the core makes none, but many small objects.

    With the interpreter's own thresholds the search costs as much as the work (measured: 246 us an
    event with them, 118 without, on one machine).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 20, 50)


@contextmanager
def loading() -> Iterator[None]:
    """Leave what is made meanwhile out of that search: states stay long, and are no cycles.

    100,000 open contacts took 5.3 s to load with it, and 2.0 s without.
    """
    gc.collect()  # what is garbage by now would stay for ever
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
