"""A started pipeline flows in and lives on: ticks, steps and flushes, until it is told to stop.

Everything runs in the one thread that calls `run`. Events reach the log from other threads, through
`Embedded.publish`, and never wait for what happens here: not for a lookup, nor for a store that is
away.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from pipeline.errors import LogFull, StoreUnavailable
from pipeline.runtimes.embedded import STEP_RECORDS, Embedded
from schemas.records import LIVE

FLUSH_EVERY_S = 0.5
"""Half of the second that an event may take to its row; the other half is the store's."""
_SHORTEST_PAUSE_S = 0.02


@dataclass(slots=True)
class Pulse:
    """What the loop says of itself, for readiness and metrics; written by the loop alone.

    Times are those of `time.monotonic`.

    Attributes:
        started: the pipeline has recovered; events may be published.
        watermark_ms: the lowest live watermark of all shards, epoch ms.
        moved_at: when it moved last.
        flushes: how many there have been.
        flush_s: how long the last one took, lookups not counted.
        full_disk: why the log took no tick; empty while it does.
    """

    started: bool = False
    watermark_ms: int = 0
    moved_at: float = field(default_factory=time.monotonic)
    flushes: int = 0
    flush_s: float = 0.0
    full_disk: str = ""


class Live:
    """The loop over a pipeline.

    Args:
        pipeline: not started yet.
        stop: ends the loop, after what is in the log has been flushed.
        tell: is given a sentence when the log's disk is full.
        on_flush: is given the seconds that each flush took.
    """

    def __init__(
        self,
        pipeline: Embedded,
        stop: threading.Event,
        tell: Callable[[str], None],
        on_flush: Callable[[float], None] = lambda _: None,
    ) -> None:
        self.pulse = Pulse()
        self._pipeline = pipeline
        self._stop = stop
        self._tell = tell
        self._on_flush = on_flush

    def run(self, begun: Callable[[], None]) -> None:
        """Recover, call `begun`, and go on until `stop` is set; then flush what is in the log.

        Raises:
            GoldpanError: the log or the store cannot go on. What was accepted is in the log.
        """
        try:
            self._pipeline.recover()
            self.pulse.started = True
            begun()
            while not self._stop.is_set():
                began = time.monotonic()
                if not self._round():
                    spent = time.monotonic() - began
                    self._stop.wait(max(_SHORTEST_PAUSE_S, FLUSH_EVERY_S - spent))
            self._pipeline.settle()
        except StoreUnavailable:
            if not self._stop.is_set():
                raise
            self._tell("stopped without the store; the log has what it misses, for the next start")

    def _round(self) -> bool:
        """One tick if it is due, one step, one flush; returns whether there may be more to do."""
        pipeline = self._pipeline
        try:
            pipeline.tick()
        except LogFull as error:
            if not self.pulse.full_disk:
                self._tell(str(error))
            self.pulse.full_disk = str(error)
        else:
            self.pulse.full_disk = ""
        applied = pipeline.step()
        if pipeline.unflushed:
            began = time.monotonic()
            pipeline.flush()
            self.pulse.flush_s = time.monotonic() - began
            self.pulse.flushes += 1
            self._on_flush(self.pulse.flush_s)
        self._watch()
        return applied >= STEP_RECORDS

    def _watch(self) -> None:
        shards = self._pipeline.engine.stage1.shards.values()
        lowest = min(shard.timeline.watermark(LIVE) for shard in shards)
        if lowest > self.pulse.watermark_ms:
            self.pulse.watermark_ms = lowest
            self.pulse.moved_at = time.monotonic()
