"""Events flow in, answers flow out of the product's core.

As in stage 1: time passes, then the event happens; what happened is folded into cumulative rows
batch by batch, and a row is published when the watermark passes the end of its minute.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from pathlib import Path

from pipeline.contribution import Add, Cell, place
from pipeline.operators.rows import DimensionSets, Row, RowBook
from pipeline.runtimes.engine import calm_the_collector
from pipeline.timeline import Timeline, minute_of
from tests.bench.simple_job import Answer, Waits, decoded, is_third, lines, measure

BATCH = 1_000
LATENESS_MS = 2_000
DOMAIN = "file"


class Job:
    """The rows of the job and what has been published of them."""

    def __init__(self) -> None:
        sets = DimensionSets({"waits": {"queue": (0,)}})
        self.book = RowBook(0, sets, frozenset({("waits", "queue")}))
        self.steps: list[tuple[int, Add | None]] = []
        self.longest: dict[Row, int] = {}
        self.closed: Waits = {}

    def fold(self) -> None:
        """Add what happened and publish what the watermark has passed, in order."""
        book, longest = self.book, self.longest
        for key in book.missing([add.cell for _, add in self.steps if add is not None]):
            book.load(key, {}, 0, 0)
        for watermark, add in self.steps:
            if add is None:
                self._publish(watermark)
                continue
            rows = book.find(add.cell)
            book.add(add, rows, DOMAIN, watermark)
            wait = add.cell.measures[1][1]
            if wait > longest.get(rows[0], -1):
                longest[rows[0]] = wait
        self.steps.clear()

    def _publish(self, watermark: int) -> None:
        for partial in self.book.publish(DOMAIN, watermark, {}):
            sums, key = partial.measures, partial.key
            most = self.longest.pop(self.book.rows[key])
            self.closed[key.values[0], key.minute] = (sums["calls"], sums.get("wait_ms", 0), most)


def goldpan(path: Path) -> Answer:
    """The product's core over a file."""
    return answer(lines(path))


def answer(payloads: Iterable[bytes]) -> Answer:
    """The product's core over one shard and domain."""
    calm_the_collector()
    job, timeline = Job(), Timeline()
    complaints: dict[tuple[str, str], deque[int]] = {}
    repeats: set[tuple[str, str]] = set()
    minute = 0
    for revision, event in enumerate(decoded(payloads), start=1):
        at = event.occurred_ms
        watermark = at - LATENESS_MS
        if timeline.advance(DOMAIN, watermark) and minute_of(watermark) > minute:
            minute = minute_of(watermark)
            job.steps.append((watermark, None))
        if event.event_type == "call.answered":
            where = place("waits", event.site, ("queue",), (event.queue,))
            measures = (("calls", 1), ("wait_ms", event.wait_ms))
            cell = Cell(0, minute_of(at), where, measures)
            job.steps.append((watermark, Add(revision, 1, cell)))
        else:
            who = (event.customer_id, event.topic)
            if is_third(complaints.setdefault(who, deque()), at):
                repeats.add(who)
        if revision % BATCH == 0:
            job.fold()
    job.steps.append((2**62, None))
    job.fold()
    return job.closed, repeats


if __name__ == "__main__":
    measure(goldpan)
