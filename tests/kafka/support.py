"""`goldpan worker` as people run it, in numbers, and waiting for what its store will show."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tests.faults.support import Running, Views, assert_same, only, views_of

PATIENCE_S = 300.0
SLOWEST = 200
"""Events a second that workers apply at least, on a machine that has much else to do."""
EVENTS = (
    "SELECT uniqExact(shard, offset) FROM raw_events "
    "WHERE event_type != 'config.changed' AND kind = 'event'"
)


def wait_for(condition: Callable[[], bool], timeout_s: float = PATIENCE_S) -> None:
    """Return when the condition holds; asked twice a second, as asking is work for the store."""
    deadline, pause = time.monotonic() + timeout_s, threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        pause.wait(0.5)


class Workers:
    """Processes of `goldpan worker` on one deployment and one store."""

    def __init__(self, words: list[str], directory: Path) -> None:
        self._words = words
        self._directory = directory
        self.running: list[Running] = []

    def start(self, count: int = 1) -> list[Running]:
        """Start some more; each has its share of the partitions when this returns."""
        joining = [self.launch() for _ in range(count)]
        wait_for(lambda: all(self._has_joined(worker) for worker in joining))
        return joining

    def launch(self) -> Running:
        """Start one more."""
        place = ["--data-dir", str(self._directory / f"w{len(self.running)}")]
        command = [sys.executable, "-m", "pipeline", "worker", *self._words, *place]
        worker = Running(command, self._directory)
        self.running.append(worker)
        return worker

    def stop(self) -> None:
        """End all; each that was not killed ends well."""
        working = [worker for worker in self.running if worker.process.poll() is None]
        for worker in working:
            worker.process.terminate()
        for worker in working:
            ended = worker.ended()
            assert ended.status in (0, 128 + 15), ended.err

    @staticmethod
    def _has_joined(worker: Running) -> bool:
        assert worker.process.poll() is None, worker.said
        return "assigned shards: " in worker.said


def assert_becomes(database: str, expected: Views) -> None:
    """Wait for the views; where they never come, say how they differ."""
    records = len(expected["raw_events"])
    try:
        wait_for(lambda: only(database, EVENTS) >= records, PATIENCE_S + records / SLOWEST)
        wait_for(lambda: views_of(database) == expected, 60)
    except AssertionError:
        assert_same(views_of(database), expected)
