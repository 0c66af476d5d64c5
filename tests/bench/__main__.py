"""Nothing flows in, one table of measurements flows out: `make bench`.

Ratios are taken side by side in one run, engine after engine, round after round, because machines
differ and are noisy; the absolute figures belong to the machine that the run was made on.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from infra import clickhouse
from tests.bench import loads, run
from tests.bench.events import call_events, mixed_events, write
from tests.bench.kafka import kafka

ENGINES = ("goldpan", "plain", "bytewax", "polars")
PARTS = ("simple_job", "call_path", "live", "kafka", "year", "memory")
GOALS = {
    "goldpan ÷ bytewax": ">= 1.5",
    "full call path, events per CPU-second": ">= 100,000",
    "replay, events per CPU-second": ">= 100,000",
    "pipeline memory, MB": "< 400",
    "store memory, MB": "< 1,000",
    "start with 100k open contacts, s": "< 5",
    "a year by day and queue": "<= 1,000",
    "a year by day and team": "<= 1,000",
    "a year by month": "<= 2,000",
    "  49 more viewers, % of a core": "<= 5",
}


def main() -> None:
    """Run every benchmark and print the tables."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--events", type=int, default=1_000_000, help="default %(default)s")
    parser.add_argument("--rounds", type=int, default=3, help="default %(default)s")
    parser.add_argument(
        "--calls", type=int, default=12_000_000, help="of a year; default %(default)s"
    )
    parser.add_argument("--minutes", type=float, default=30, help="of a demo; default %(default)s")
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS, help="some parts")
    options = parser.parse_args()
    console = Console(highlight=False)
    console.print(f"Python {platform.python_version()}, {platform.machine()}", style="dim")
    with tempfile.TemporaryDirectory(prefix="goldpan-bench-") as name:
        directory = Path(name)
        parts: dict[str, Callable[[], None]] = {
            "simple_job": lambda: simple_job(
                console, directory / "events.jsonl", options.events, options.rounds
            ),
            "call_path": lambda: call_path(console, directory, options.events),
            "live": lambda: live(console, directory),
            "kafka": lambda: kafka(console, directory, options.events, options.rounds),
            "year": lambda: year(console, directory, options.calls),
            "memory": lambda: memory(console, directory, options.minutes),
        }
        for part in options.only:
            parts[part]()


def simple_job(console: Console, file: Path, events: int, rounds: int) -> None:
    """The same small job on every engine, in turn."""
    count = write(file, mixed_events(events))
    runs: dict[str, list[dict[str, Any]]] = {engine: [] for engine in ENGINES}
    for number in range(rounds):
        for engine in ENGINES:
            console.print(f"simple job, round {number + 1}: {engine}", style="dim")
            runs[engine].append(run(f"tests.bench.simple_job.{engine}_engine", str(file)))
    digests = {run["digest"] for of_engine in runs.values() for run in of_engine}
    table = Table(title=f"The simple job, {count:,} events, median of {rounds}")
    for column in ("engine", "events per CPU-second", "ratio to bytewax", "memory, MB"):
        table.add_column(column, justify="left" if column == "engine" else "right")
    for engine in ENGINES:
        rate = statistics.median(count / run["cpu_s"] for run in runs[engine])
        pairs = zip(runs[engine], runs["bytewax"], strict=True)
        ratio = statistics.median(other["cpu_s"] / one["cpu_s"] for one, other in pairs)
        memory = max(run["rss"] for run in runs[engine]) / 1e6
        table.add_row(engine, f"{rate:,.0f}", f"{ratio:.2f}", f"{memory:,.0f}")
    console.print(table)
    same = "identical" if len(digests) == 1 else "DIFFERENT: the comparison says nothing"
    console.print(f"answers: {same}; goal: goldpan ÷ bytewax {GOALS['goldpan ÷ bytewax']}\n")


def call_path(console: Console, directory: Path, events: int) -> None:
    """Whole calls through log, core and store; then a restart with 100k callers waiting."""
    whole, waiting, file = directory / "whole", directory / "waiting", directory / "calls.jsonl"
    write(file, call_events(events * 10 // 37))
    try:
        console.print("full call path", style="dim")
        full = run("tests.bench.call_path", "full_path", str(whole), str(file))
        console.print("replay of it", style="dim")
        again = run("tests.bench.call_path", "again", str(whole))
        console.print("restart with 100k open contacts", style="dim")
        run("tests.bench.call_path", "open_contacts", str(waiting))
        restart = run("tests.bench.call_path", "restart", str(waiting))
        console.print("50 viewers of the wallboard", style="dim")
        viewers = run("tests.bench.viewers", str(whole))
    finally:
        for place in (whole, waiting):
            clickhouse.stop(place / "clickhouse")
    rows = {
        "full call path, events per CPU-second": 1e6 / (full["publish_us"] + full["apply_us"]),
        "  of which into the log, us per event": full["publish_us"],
        "  of which core and store client, us per event": full["apply_us"],
        "replay, events per CPU-second": 1e6 / again["apply_us"],
        "pipeline memory, MB": full["pipeline_rss"] / 1e6,
        "  in a replay, MB": again["pipeline_rss"] / 1e6,
        "store memory, MB": full["store_rss"] / 1e6,
        "log on disk, MB per million events": full["log_bytes_per_event"],
        "store on disk, MB per million events": full["store_bytes_per_event"],
        "start with 100k open contacts, s": restart["start_s"],
        "a viewer of the wallboard, % of a core": viewers["one"],
        "  49 more viewers, % of a core": viewers["more"],
    }
    table = Table(title=f"The full call path, {full['events']:,} events")
    for column in ("what", "measured", "goal"):
        table.add_column(column, justify="left" if column == "what" else "right")
    for what, value in rows.items():
        shown = f"{value:,.1f}" if value < 100 else f"{value:,.0f}"
        table.add_row(what, shown, GOALS.get(what, ""))
    console.print(table)


def live(console: Console, directory: Path) -> None:
    """1,000 events a second over HTTP: from sending to seeing."""
    columns = {
        "pipeline_cpu": "pipeline, CPU",
        "http_cpu": "HTTP, CPU",
        "store_cpu": "store, CPU",
        "refused": "refused",
        "acknowledged_p50_ms": "answer p50, ms",
        "acknowledged_p95_ms": "p95, ms",
        "seen_p50_ms": "seen p50, ms",
        "seen_p95_ms": "p95, ms (must be <= 2,000)",
    }
    rows = []
    for name, meaning in (
        ("batches", "10 connections, 100 events a request"),
        ("connections", "1,000 connections, 1 event a request"),
    ):
        console.print(f"live: {meaning}", style="dim")
        rows.append((meaning, run("tests.bench.live", name, str(directory / name))))
    title = "1,000 events a second over HTTP for 30 s, beside 20 clients of a byte a second"
    console.print(loads(title, columns, rows))


def year(console: Console, directory: Path, calls: int) -> None:
    """A year of a large centre: how long a manager waits."""
    console.print(f"a year of {calls:,} calls", style="dim")
    found = run("tests.bench.year", str(directory / "year"), str(calls))
    table = Table(title=f"Reports of a year of {calls:,} calls")
    for column in ("report", "median, ms", "goal"):
        table.add_column(column, justify="left" if column == "report" else "right")
    for name, value in found.items():
        if name.startswith("a "):
            table.add_row(name, f"{value * 1000:,.0f}", GOALS.get(name, ""))
    console.print(table)
    for kind, rows in (
        ("minutes", "call_minutes"),
        ("hours", "calls_hours"),
        ("calls", "contacts"),
    ):
        count, size = found[f"{rows}_rows"], found[f"{rows}_bytes"]
        console.print(
            f"{kind}: {count:,.0f} rows, {size / 1e6:,.0f} MB, "
            f"{size / calls:,.0f} MB per million calls"
        )
    console.print(f"adding up the whole year at once: {found['add_up_s']:,.0f} s")


def memory(console: Console, directory: Path, minutes: float) -> None:
    """A demo with its wallboard open: does it grow?"""
    console.print(f"memory over {minutes:g} minutes", style="dim")
    found = run("tests.bench.memory", str(directory / "demo"), str(minutes))
    table = Table(title=f"goldpan demo with the wallboard open, {minutes:g} minutes")
    table.add_column("resident memory")
    for column in ("at first, MB", "at last, MB", "at most, MB"):
        table.add_column(column, justify="right")
    for process in ("pipeline", "http", "store"):
        figures = (found[f"{process}_{name}"] for name in ("first", "last", "most"))
        table.add_row(process, *(f"{figure / 1e6:,.1f}" for figure in figures))
    console.print(table)


if __name__ == "__main__":
    main()
