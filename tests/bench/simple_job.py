"""A file of events flows in, the same two answers flow out of each engine, with CPU time and RSS.

The job: per queue and minute the count, sum and maximum of waits; and the customers with three or
more complaints on one topic within seven days. Every engine but polars decodes with the product's
own validating decoder, so what differs is the engine. Each runs in a process of its own.
"""

from __future__ import annotations

import hashlib
import json
import resource
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

WEEK_MS = 7 * 24 * 3_600_000
INGEST_MS = 1_800_000_000_000  # later than every event: nothing is from the future

Waits = dict[tuple[str, int], tuple[int, int, int]]
Answer = tuple[Waits, set[tuple[str, str]]]


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from file


def _decoded(path: Path) -> Iterator[Any]:
    from pipeline.decode import Decoder

    decode = Decoder().decode
    for line in _lines(path):
        yield decode(line, INGEST_MS)


def _third(times: deque[int], at: int) -> bool:
    """Whether the complaint at `at` is the third within seven days."""
    times.append(at)
    while times[0] <= at - WEEK_MS:
        times.popleft()
    return len(times) >= 3


def plain_loop(path: Path) -> Answer:
    """The least that Python can do: one loop, two dictionaries."""
    waits: dict[tuple[str, int], list[int]] = {}
    complaints: dict[tuple[str, str], deque[int]] = {}
    repeats: set[tuple[str, str]] = set()
    for event in _decoded(path):
        at = event.occurred_ms
        if event.event_type == "call.answered":
            key = (event.queue, at - at % 60_000)
            row = waits.get(key)
            wait = event.wait_ms
            if row is None:
                waits[key] = [1, wait, wait]
            else:
                row[0] += 1
                row[1] += wait
                row[2] = max(row[2], wait)
        else:
            who = (event.customer_id, event.topic)
            if _third(complaints.setdefault(who, deque()), at):
                repeats.add(who)
    return {key: (row[0], row[1], row[2]) for key, row in waits.items()}, repeats


def goldpan(path: Path) -> Answer:
    """The product's core: watermark, contributions to cumulative rows, publication at minute ends."""
    from pipeline.contribution import Add, Cell, place
    from pipeline.operators.rows import DimensionSets, RowBook
    from pipeline.timeline import Timeline, minute_of

    sets = DimensionSets({"waits": {"queue": (0,)}})
    book = RowBook(0, sets, frozenset({("waits", "queue")}))
    timeline = Timeline()
    longest: dict[tuple[str, int], int] = {}
    complaints: dict[tuple[str, str], deque[int]] = {}
    repeats: set[tuple[str, str]] = set()
    closed: Waits = {}

    def publish(watermark: int) -> None:
        for partial in book.publish("file", watermark, {}):
            queue, minute = partial.key.values[0], partial.key.minute
            sums = partial.measures
            most = longest.pop((queue, minute))
            closed[queue, minute] = (sums["calls"], sums["wait_ms"], most)

    minute = -1
    for revision, event in enumerate(_decoded(path), start=1):
        at = event.occurred_ms
        if timeline.advance("file", at - 2_000) and minute_of(at - 2_000) > minute:
            minute = minute_of(at - 2_000)
            publish(at - 2_000)
        if event.event_type == "call.answered":
            where = place("waits", event.site, ("queue",), (event.queue,))
            wait = event.wait_ms
            cell = Cell(0, minute_of(at), where, (("calls", 1), ("wait_ms", wait)))
            for key in book.missing((cell,)):
                book.load(key, {}, 0)
            book.add(Add(revision, 1, cell), book.find(cell), "file", at - 2_000)
            most = (event.queue, cell.minute)
            longest[most] = max(longest.get(most, 0), wait)
        else:
            who = (event.customer_id, event.topic)
            if _third(complaints.setdefault(who, deque()), at):
                repeats.add(who)
    publish(2**62)
    return closed, repeats


def bytewax(path: Path) -> Answer:
    """The documented form: an event clock, tumbling windows, `fold_window`, `stateful_map`."""
    import bytewax.operators as op
    from bytewax.dataflow import Dataflow
    from bytewax.operators.windowing import EventClock, TumblingWindower, fold_window
    from bytewax.testing import TestingSink, TestingSource, run_main

    from pipeline.decode import Decoder

    decode = Decoder().decode
    align = datetime(2026, 1, 1, tzinfo=UTC)
    windows: list[tuple[str, tuple[int, tuple[int, int, int]]]] = []
    found: list[tuple[str, bool]] = []

    def fold(row: tuple[int, int, int], event: Any) -> tuple[int, int, int]:
        wait = event.wait_ms
        return row[0] + 1, row[1] + wait, max(row[2], wait)

    def repeat(times: deque[int] | None, at: int) -> tuple[deque[int], bool]:
        times = times or deque()
        return times, _third(times, at)

    flow = Dataflow("simple_job")
    lines = op.input("in", flow, TestingSource(_lines(path), batch_size=1_000))
    events = op.map("decode", lines, lambda line: decode(line, INGEST_MS))
    split = op.branch("kind", events, lambda event: event.event_type == "call.answered")
    keyed = op.key_on("queue", split.trues, lambda event: event.queue)
    clock: EventClock[Any] = EventClock(
        ts_getter=lambda event: event.occurred_at, wait_for_system_duration=timedelta(seconds=2)
    )
    windower = TumblingWindower(length=timedelta(minutes=1), align_to=align)
    folded = fold_window("waits", keyed, clock, windower, lambda: (0, 0, 0), fold, lambda a, _: a)
    op.output("windows", folded.down, TestingSink(windows))
    who = op.map(
        "who",
        split.falses,
        lambda event: (f"{event.customer_id}\t{event.topic}", event.occurred_ms),
    )
    repeats = op.stateful_map("repeats", who, repeat)
    op.output("found", op.filter("third", repeats, lambda item: item[1]), TestingSink(found))
    run_main(flow)
    start_ms = int(align.timestamp() * 1000)
    waits = {(queue, start_ms + 60_000 * window): row for queue, (window, row) in windows}
    return waits, {(key.split("\t")[0], key.split("\t")[1]) for key, _ in found}


def polars(path: Path) -> Answer:
    """A batch engine: it reads the file with typed columns and does not judge single events."""
    import polars as pl

    frame = pl.scan_ndjson(
        path,
        schema={
            "event_type": pl.String,
            "occurred_at": pl.String,
            "customer_id": pl.String,
            "queue": pl.String,
            "wait_ms": pl.Int64,
            "topic": pl.String,
        },
    ).with_columns(
        at=pl.col("occurred_at")
        .str.to_datetime("%Y-%m-%dT%H:%M:%S%.3fZ", time_unit="ms")
        .dt.epoch("ms")
    )
    waits = (
        frame.filter(pl.col("event_type") == "call.answered")
        .with_columns(minute=pl.col("at") - pl.col("at") % 60_000)
        .group_by("queue", "minute")
        .agg(pl.len(), pl.col("wait_ms").sum().alias("sum"), pl.col("wait_ms").max().alias("max"))
    )
    third = (
        frame.filter(pl.col("event_type") == "ticket.registered")
        .sort("at", maintain_order=True)
        .with_columns(earlier=pl.col("at").shift(2).over("customer_id", "topic"))
        .filter(pl.col("at") - pl.col("earlier") < WEEK_MS)
        .select("customer_id", "topic")
        .unique()
    )
    rows, found = pl.collect_all([waits, third], engine="streaming")
    return {(q, m): (n, s, x) for q, m, n, s, x in rows.iter_rows()}, set(found.iter_rows())


ENGINES: dict[str, Callable[[Path], Answer]] = {
    "goldpan core": goldpan,
    "plain loop": plain_loop,
    "bytewax": bytewax,
    "polars": polars,
}


def main(engine: str, path: Path) -> None:
    """Run one engine and print what it took and a digest of its answer, as JSON."""
    started = time.process_time()
    waits, repeats = ENGINES[engine](path)
    cpu = time.process_time() - started
    answer = repr((sorted(waits.items()), sorted(repeats)))
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(
        json.dumps(
            {
                "cpu_s": cpu,
                "rss": rss,
                "digest": hashlib.sha256(answer.encode()).hexdigest(),
                "windows": len(waits),
                "repeats": len(repeats),
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
