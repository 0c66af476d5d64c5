"""Events flow in, answers flow out of Bytewax in its documented form."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.operators.windowing import EventClock, TumblingWindower, fold_window
from bytewax.testing import TestingSink, TestingSource, run_main

from pipeline.decode import Decoder
from tests.bench.simple_job import INGEST_MS, Answer, is_third, lines, measure


def bytewax(path: Path) -> Answer:
    """The documented form: an event clock, tumbling windows, `fold_window`, `stateful_map`."""

    decode = Decoder().decode
    align = datetime(2026, 1, 1, tzinfo=UTC)
    windows: list[tuple[str, tuple[int, tuple[int, int, int]]]] = []
    found: list[tuple[str, bool]] = []

    def judge(line: bytes) -> Any:
        return decode(line, INGEST_MS)

    def topic_of(event: Any) -> tuple[str, int]:
        return f"{event.customer_id}\t{event.topic}", event.occurred_ms

    def fold(row: tuple[int, int, int], event: Any) -> tuple[int, int, int]:
        wait = event.wait_ms
        return row[0] + 1, row[1] + wait, max(row[2], wait)

    def repeat(times: deque[int] | None, at: int) -> tuple[deque[int], bool]:
        times = times or deque()
        return times, is_third(times, at)

    flow = Dataflow("simple_job")
    source = op.input("in", flow, TestingSource(lines(path), batch_size=1_000))
    events = op.map("decode", source, judge)
    split = op.branch("kind", events, lambda event: event.event_type == "call.answered")
    keyed = op.key_on("queue", split.trues, lambda event: event.queue)
    clock: EventClock[Any] = EventClock(
        ts_getter=lambda event: event.occurred_at, wait_for_system_duration=timedelta(seconds=2)
    )
    windower = TumblingWindower(length=timedelta(minutes=1), align_to=align)
    folded = fold_window("waits", keyed, clock, windower, lambda: (0, 0, 0), fold, lambda a, _: a)
    op.output("windows", folded.down, TestingSink(windows))
    who = op.map("who", split.falses, topic_of)
    repeats = op.stateful_map("repeats", who, repeat)
    op.output("found", op.filter("third", repeats, lambda item: item[1]), TestingSink(found))
    run: Callable[[Dataflow], None] = run_main
    run(flow)
    start_ms = int(align.timestamp() * 1000)
    waits = {(queue, start_ms + 60_000 * window): row for queue, (window, row) in windows}
    return waits, {(key.split("\t")[0], key.split("\t")[1]) for key, _ in found}


if __name__ == "__main__":
    measure(bytewax)
