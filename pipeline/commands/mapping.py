"""`goldpan mapping check`: a table and its mapping in, what its rows would become out."""

from __future__ import annotations

import argparse
import itertools
from collections import Counter
from pathlib import Path
from typing import Any, Final

import msgspec

from pipeline.commands.common import add_site_option, site_of
from pipeline.config import load_mapping
from pipeline.decode import DeadLetter, Decoder
from pipeline.masking import quoted
from pipeline.sources.mapped import MappedRow, MappedTable
from pipeline.sources.privacy import RAW_FIELDS
from pipeline.sources.tables import table_of

FORMATS: Final = ("csv", "xlsx")
_MOST_PROBLEMS: Final = 10
_ENVELOPE: Final = frozenset({"event_type", "site", "source", "occurred_at"})
_END_OF_TIME: Final = 1 << 62


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("mapping", help="try what a table's mapping makes of it")
    parser.add_argument("action", choices=("check",), help="read the whole file, keep nothing")
    parser.add_argument("file", type=Path, metavar="FILE", help="the table: .csv or .xlsx")
    parser.add_argument("mapping", type=Path, metavar="MAPPING", help="what its columns say")
    parser.add_argument(
        "--format", choices=FORMATS, help="of the file (default: by its name, else csv)"
    )
    parser.add_argument(
        "--rows", type=int, default=3, metavar="N", help="rows to show (default: %(default)s)"
    )
    add_site_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Read the file as an ingest would; 1 if a row cannot be read or nothing comes of it."""
    site = site_of(options)
    mapping = load_mapping(options.mapping)
    form = options.format or ("xlsx" if options.file.suffix.lower() == ".xlsx" else "csv")
    table = table_of(options.file, form, mapping)
    check = _Check()
    rows = MappedTable(table, mapping, options.file, site.site, site.zone).rows()
    for row in itertools.islice(rows, max(options.rows, 0)):
        check.take(row)
        _show(row)
    for row in rows:
        check.take(row)
    check.summarise(options.file.name)
    return 0 if check.types and not check.bad else 1


class _Check:
    """Counts what rows become."""

    def __init__(self) -> None:
        self.rows = 0
        self.empty = 0
        self.bad = 0
        self.types: Counter[str] = Counter()
        self._problems: list[str] = []
        self._decoder = Decoder()

    def take(self, row: MappedRow) -> None:
        """Count a row and judge its events by their contracts."""
        self.rows += 1
        self.empty += not row.events and not row.problem
        problem = row.problem
        for _, event in row.events:
            kept = {name: value for name, value in event.items() if name not in RAW_FIELDS}
            verdict = self._decoder.decode(msgspec.json.encode(kept), _END_OF_TIME)
            if isinstance(verdict, DeadLetter):
                problem = problem or f"{event['event_type']}: {verdict.detail}"
            else:
                self.types[event["event_type"]] += 1
        if problem:
            self.bad += 1
            if len(self._problems) < _MOST_PROBLEMS:
                self._problems.append(f"  row {row.number}: {problem}")

    def summarise(self, name: str) -> None:
        """Say what comes of the whole file."""
        events = ", ".join(f"{count:,} x {kind}" for kind, count in sorted(self.types.items()))
        print(f"{name}: {self.rows:,} rows; events: {events or 'none'}")
        if self.empty:
            print(f"  rows that no rule applies to: {self.empty:,}")
        if self.bad:
            print(f"  rows that are not right: {self.bad:,}")
            print("\n".join(self._problems))


def _show(row: MappedRow) -> None:
    print(f"row {row.number}" + (f": {row.problem}" if row.problem else ""))
    for _, event in row.events:
        shown = ", ".join(f"{name}={_shown(name, event[name])}" for name in _fields(event))
        print(f"  {event['occurred_at']} {event['event_type']}: {shown}")


def _fields(event: dict[str, Any]) -> list[str]:
    return [name for name in event if name not in _ENVELOPE]


def _shown(name: str, value: object) -> str:
    if name in RAW_FIELDS:
        return "(its keyed hash)"
    return quoted(value)
