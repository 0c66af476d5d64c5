"""Events of the past flow in, each minute with that minute's clock; a pipeline that was there, out.

A demonstration begins with a day that is over. Its events would all be late if they came in with
today's clock; so the pipeline's clock shows the past while they come in, and the present after.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby

from pipeline.runtimes.embedded import Embedded
from pipeline.runtimes.publisher import wall_clock_ms
from pipeline.timeline import MINUTE_MS, minute_of
from schemas.records import LIVE

Events = Callable[[int], Iterator[tuple[int, bytes]]]
"""Gives what happens before an instant, in order, each with its own; a later call goes on there."""

MOST_BEHIND_BYTES = 4 << 20
"""The past waits when so much of the log is not applied yet."""
_NEAR_MS = 1_000
"""Nearer to the present than this the past is over."""
_LOOK_S = 0.02


class Clock:
    """The wall's, or stopped in the past; epoch ms."""

    def __init__(self, past_ms: int) -> None:
        self._past_ms: int | None = past_ms

    def __call__(self) -> int:
        """The time that it shows."""
        past_ms = self._past_ms
        return wall_clock_ms() if past_ms is None else past_ms

    def show(self, past_ms: int) -> None:
        """Show a moment of the past from now on."""
        self._past_ms = past_ms

    def go_on(self) -> None:
        """Show the present from now on."""
        self._past_ms = None


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast the past passes: `speed` times as fast as time, or as fast as it can be (None)."""

    speed: float | None
    start_ms: int

    def wait_s(self, now_ms: int, spent_s: float) -> float:
        """For how long the moment `now_ms` of the past is still away, `spent_s` after the start."""
        if self.speed is None:
            return 0.0
        return max(0.0, (now_ms - self.start_ms) / 1000 / self.speed - spent_s)


def relive(
    pipeline: Embedded,
    clock: Clock,
    events: Events,
    pace: Pace,
    *,
    stop: threading.Event,
    progress: Callable[[int], None],
) -> None:
    """Publish what has happened, minute by minute, until the present is reached.

    Args:
        pipeline: runs on `clock`, in another thread.
        clock: shows the past; the present when this returns.
        events: what happened.
        pace: how fast.
        stop: ends it early.
        progress: is given the moment, epoch ms, up to which all is published.

    Raises:
        LogError: see `Embedded.publish`.
    """
    began = time.monotonic()
    while not stop.is_set():
        now = wall_clock_ms()
        for minute, group in groupby(events(now), key=lambda event: minute_of(event[0])):
            moment = min(minute + MINUTE_MS, now)
            stop.wait(pace.wait_s(moment, time.monotonic() - began))
            while pipeline.backlog_bytes > MOST_BEHIND_BYTES and not stop.is_set():
                stop.wait(_LOOK_S)
            if stop.is_set():
                return
            clock.show(moment)
            pipeline.publish(LIVE, [event for _, event in group])
            progress(moment)
        if wall_clock_ms() - now < _NEAR_MS:
            clock.go_on()
            return
