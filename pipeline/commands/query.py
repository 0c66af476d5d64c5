"""`goldpan query SQL`: one query in, its rows out, by the path that only reads."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Callable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.commands.common import add_store_options, connect, store_url
from pipeline.sinks.reader import Answer, Reader


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("query", help="ask the store in SQL; it only reads")
    parser.add_argument("sql", metavar="SQL", help='for example "SELECT count() FROM contacts"')
    parser.add_argument("--format", choices=tuple(WRITERS), default="table", help="default: table")
    add_store_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the query and show what it gave."""
    connect(options).close()  # a store of this version, or a plain word why not
    with Reader(store_url(options)) as reader:
        answer = reader.read(options.sql)
    WRITERS[options.format](answer)
    return 0


def _table(answer: Answer) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, _ in answer.columns:
        table.add_column(Text(name), no_wrap=True)
    for row in answer.rows:
        # As Text, so that a value in square brackets is printed and not obeyed.
        table.add_row(*(Text("" if value is None else str(value)) for value in row))
    width = None if sys.stdout.isatty() else 10_000
    Console(width=width, highlight=False).print(table)


def _csv(answer: Answer) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([name for name, _ in answer.columns])
    writer.writerows(answer.rows)


def _json(answer: Answer) -> None:
    names = [name for name, _ in answer.columns]
    rows = [dict(zip(names, row, strict=True)) for row in answer.rows]
    print(json.dumps(rows, ensure_ascii=False, indent=2, default=str))


WRITERS: dict[str, Callable[[Answer], None]] = {"table": _table, "csv": _csv, "json": _json}
