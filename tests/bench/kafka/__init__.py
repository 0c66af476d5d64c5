"""Nothing flows in, the tables of the Kafka part of `make bench` flow out: some five minutes.

One broker, one store and everything that is measured share the machine.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench import loads, run
from tests.bench.kafka.deployment import PACK, end

SHARE = 25
"""Kafka has a twenty-fifth of the events that files have: what is measured takes longer."""
QUIX = Path(sys.prefix, "quix", "bin", "python")
ENGINES = {
    "goldpan, as a worker (Faust)": "faust_engine",
    "goldpan, as a replay": "reader_engine",
    "Quix Streams": "quix_engine",
}
FORMS = ("plain", "packed")
DELAYS = ((1_000, 1), (3_000, 1), (3_000, 2))


def kafka(console: Console, directory: Path, events: int, rounds: int) -> None:
    """Run the Kafka part."""
    place = directory / "kafka"
    place.mkdir()
    try:
        simple_job(console, place, events // SHARE, rounds)
        worker(console, place, events // SHARE)
        delay(console, place)
    finally:
        end(place)


def simple_job(console: Console, directory: Path, events: int, rounds: int) -> None:
    """The same small job from the same topic, in turn; no changelog, no store."""
    made = run("tests.bench.kafka.fill", directory, str(events))
    records = {"plain": str(events), "packed": str(-(-events // PACK))}
    engines = {name: module for name, module in ENGINES.items() if name != "Quix Streams"}
    if QUIX.exists():
        engines = ENGINES
    runs: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for number in range(rounds):
        for name, module in engines.items():
            for form in FORMS:
                console.print(f"job from Kafka, round {number + 1}: {name}, {form}", style="dim")
                where = (made["servers"], made["topics"][form], records[form], form)
                python = QUIX if name == "Quix Streams" else sys.executable
                found = run(f"tests.bench.simple_job.{module}", *where, python=python)
                runs.setdefault((name, form), []).append(found)
    digests = {found["digest"] for some in runs.values() for found in some}
    title = (
        f"The simple job from Kafka, {events:,} events: events per CPU-second, median of {rounds}"
    )
    table = Table(title=title)
    for column in ("engine", "a record each", f"{PACK} in a record", "memory, MB"):
        table.add_column(column, justify="left" if column == "engine" else "right")
    for name in ENGINES:
        cells = []
        memory = 0.0
        for form in FORMS:
            some = runs.get((name, form), [])
            rates = [events / found["cpu_s"] for found in some]
            cells.append(f"{statistics.median(rates):,.0f}" if rates else "not installed")
            memory = max([memory, *(found["rss"] / 1e6 for found in some)])
        table.add_row(name, *cells, f"{memory:,.0f}" if memory else "")
    console.print(table)
    same = "identical" if len(digests) == 1 else "DIFFERENT: the comparison says nothing"
    console.print(f"answers: {same}\n")


def worker(console: Console, directory: Path, events: int) -> None:
    """Whole calls through one worker, again from the topic, and a worker that was killed."""
    console.print("one worker", style="dim")
    core = run("tests.bench.kafka.worker", "core", directory, str(events))
    console.print("replay from the topic", style="dim")
    run("tests.bench.kafka.again", "pack", directory)
    found = {
        (part, form): run("tests.bench.kafka.again", part, directory, form)
        for part in ("fetch", "again")
        for form in FORMS
    }
    console.print("recovery with 100k open contacts", style="dim")
    back = run("tests.bench.kafka.worker", "recovery", directory)
    rows: dict[str, tuple[float, str]] = {
        "live, events per CPU-second of a worker": (1e6 / core["worker_us"], ""),
        "  of its store, µs per event": (core["store_us"], ""),
        "  of the broker, µs per event": (core["broker_us"], ""),
        "packed replay, events per CPU-second": (
            1e6 / found["again", "packed"]["us"],
            ">= 100,000",
        ),
        "  of which reading and unpacking, µs per record": (found["fetch", "packed"]["us"], ""),
        "replay from the topic, events per CPU-second": (1e6 / found["again", "plain"]["us"], ""),
        "  of which reading, µs per record": (found["fetch", "plain"]["us"], ""),
        "killed with 100k open contacts, up to date after, s": (back["up_to_date_s"], "< 15"),
        "  of which until it has its shards, s": (back["assigned_s"], ""),
    }
    table = Table(title=f"A worker on Kafka, {core['events']:,} events")
    for column in ("what", "measured", "goal"):
        table.add_column(column, justify="left" if column == "what" else "right")
    for what, (value, goal) in rows.items():
        table.add_row(what, f"{value:,.1f}" if value < 100 else f"{value:,.0f}", goal)
    console.print(table)
    if not all(found["again", form]["same"] for form in FORMS):
        console.print("a replay counts OTHER calls than the worker did")


def delay(console: Console, directory: Path) -> None:
    """From publishing to seeing, at steady rates."""
    columns = {
        "rate": "events/s sent",
        "p50_ms": "seen p50, ms",
        "p95_ms": "p95, ms",
        "publisher_cpu": "publisher, CPU",
        "workers_cpu": "workers, CPU",
        "store_cpu": "store, CPU",
    }
    rows = []
    for rate, workers in DELAYS:
        meaning = f"{rate:,} events/s, {workers} worker{'s'[: workers - 1]}"
        console.print(f"delay on Kafka: {meaning}", style="dim")
        found = run("tests.bench.kafka.worker", "delay", directory, str(rate), str(workers))
        rows.append((meaning, found))
    title = "From publishing on Kafka to seeing, 15 s each (goal: p95 <= 3,000 ms)"
    console.print(loads(title, columns, rows))
