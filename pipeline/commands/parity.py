"""`goldpan parity`: every base measure recomputed from the raw events, and what differs, out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from rich import box
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from pipeline.commands.common import (
    add_site_option,
    add_store_options,
    connect,
    site_of,
    tell,
    whole_minute_ms,
)
from pipeline.errors import SinkError
from pipeline.parity.check import Parity, check
from pipeline.parity.compare import Difference, Verdict
from pipeline.parity.results import keep

_SILENT_S = 1800
"""The embedded store says nothing until a query has its first row, and these queries are long."""


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "parity", help="recompute every base measure from the raw events and compare"
    )
    parser.add_argument("--from", dest="start", metavar="TIME", help="local; included")
    parser.add_argument("--to", dest="end", metavar="TIME", help="local; not included")
    add_site_option(parser)
    add_store_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Compare, say and keep what was found, and fail if anything differs."""
    site = site_of(options)
    start, end = (whole_minute_ms(text, site.time_zone) for text in (options.start, options.end))
    client = connect(options, timeout_s=_SILENT_S)
    with _progress() as shown:
        parity = check(client, site.site, start_ms=start, end_ms=end, progress=shown)
    show(parity, site.zone)
    try:
        keep(client, site.site, parity, start_ms=start, end_ms=end, checked_at=datetime.now(UTC))
    except SinkError as error:
        tell(f"the result is not kept, so the metric parity does not show it: {error}")
    client.close()
    return 0 if parity.holds else 1


def verdict_line(parity: Parity) -> str:
    """The whole comparison in one sentence."""
    wrong = [verdict.measure for verdict in parity.verdicts if verdict.different]
    counted = [verdict for verdict in parity.verdicts if verdict.minutes]
    if wrong:
        return (
            f"parity FAILS: {', '.join(wrong)} differ from what the {parity.events:,} raw events "
            "say"
        )
    return (
        f"parity holds: {len(counted)} base measures, recomputed from {parity.events:,} raw "
        "events, have no difference in any minute"
    )


def show(parity: Parity, zone: ZoneInfo) -> None:
    """Print a line per measure, then the differences, then the sentence."""
    table = Table(box=box.SIMPLE_HEAD, header_style="", pad_edge=False)
    for name in ("measure", "total", "minutes", "that differ", "max difference"):
        table.add_column(name, justify="left" if name == "measure" else "right", no_wrap=True)
    for verdict in parity.verdicts:
        if verdict.minutes:
            cells = verdict.total, verdict.minutes, verdict.different, verdict.worst
            table.add_row(verdict.measure, *(f"{cell:,}" for cell in cells))
    Console(highlight=False).print(table)
    for verdict in parity.verdicts:
        for example in verdict.examples:
            print(_in_words(verdict, example, zone))
    silent = [verdict.measure for verdict in parity.verdicts if not verdict.minutes]
    if silent:
        print(f"nothing to compare, on either side: {', '.join(silent)}")
    if parity.in_doubt:
        print(
            f"{parity.in_doubt:,} contacts still wait; whether they have passed their threshold "
            "is not in the raw events, so sl_offered is right with or without them"
        )
    print(verdict_line(parity))


def _in_words(verdict: Verdict, example: Difference, zone: ZoneInfo) -> str:
    at = datetime.fromtimestamp(example.minute, UTC).astimezone(zone)
    values = ", ".join(value for value in example.values if value)
    where = f"{example.dims} ({values})" if values else example.dims
    bin_ = f", bin {example.bin}" if verdict.measure.endswith("_bins") else ""
    return (
        f"{verdict.measure} {at.isoformat(timespec='minutes')} {where}{bin_}: "
        f"recomputed {example.recomputed:,}, stored {example.stored:,}"
    )


class _Shown(Protocol):
    def __call__(self, done: int, of: int, /) -> None: ...


@contextmanager
def _progress() -> Iterator[_Shown]:
    console = Console(file=sys.stderr)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("comparing", total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)
