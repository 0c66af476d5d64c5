"""`goldpan dead-letters list|show|replay`: what could not be counted, why, and what to do."""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import textwrap

from pipeline.commands import put_back
from pipeline.commands.common import add_store_options, connect
from pipeline.decode import masked
from pipeline.errors import ConfigError
from pipeline.sinks.client import Client

_PLACE = re.compile(r"(\d+)\.(\d+)\.(\d+)")
_WHERE = "concat(toString(shard), '.', toString(generation), '.', toString(offset))"


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("dead-letters", help="look at what could not be counted")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="the newest, with what to do, and counts")
    listing.add_argument(
        "--most", type=int, default=20, metavar="N", help="how many (default: %(default)s)"
    )
    listing.add_argument("--reason", metavar="REASON", help="only those of this reason")
    add_store_options(listing)
    listing.set_defaults(run=run_list)
    show = actions.add_parser("show", help="one, whole")
    show.add_argument("place", metavar="PLACE", help="as 'list' shows it: shard.generation.offset")
    add_store_options(show)
    show.set_defaults(run=run_show)
    put_back.add_to(actions)


def run_list(options: argparse.Namespace) -> int:
    """List dead letters, newest first."""
    with connect(options) as client:
        counts = client.execute(
            "SELECT reason, count() FROM dead_letters FINAL GROUP BY reason "
            "ORDER BY count() DESC, reason"
        )
        rows = client.execute(
            f"SELECT {_WHERE}, concat(toString(toDateTime(ingest_time, 'UTC')), ' UTC'), reason, "
            "source, event_type, detail "
            "FROM dead_letters FINAL WHERE %(reason)s = '' OR reason = %(reason)s "
            "ORDER BY ingest_time DESC, shard, offset LIMIT %(most)s",
            {"reason": options.reason or "", "most": max(0, options.most)},
        )
    if not counts:
        print("no dead letters")
        return 0
    for *cells, detail in rows:
        print("  ".join(cell for cell in cells if cell))
        print(_indented(detail))
    print(", ".join(f"{count:,} {reason}" for reason, count in counts))
    return 0


def _indented(sentence: str) -> str:
    """A sentence under its line: broken for a person at a terminal, whole for a program."""
    if not sys.stdout.isatty():
        return f"    {sentence}"
    width = max(40, shutil.get_terminal_size().columns)
    return textwrap.fill(sentence, width, initial_indent="    ", subsequent_indent="    ")


def run_show(options: argparse.Namespace) -> int:
    """Show one dead letter with its payload, masked."""
    match = _PLACE.fullmatch(options.place)
    if match is None:
        msg = f"{options.place!r} is not a place: copy one from 'goldpan dead-letters list'"
        raise ConfigError(msg)
    with connect(options) as client:
        rows = _read(client, *(int(part) for part in match.groups()))
    if not rows:
        msg = f"there is no dead letter at {options.place}"
        raise ConfigError(msg)
    names = ("site", "domain", "arrived (UTC)", "source", "event type", "event id", "reason")
    *values, detail, payload = rows[0]
    for name, value in zip(names, values, strict=True):
        print(f"{name:<14} {value}")
    print(f"{'what to do':<14} {detail}")
    print(f"{'payload':<14} {masked(payload if isinstance(payload, bytes) else payload.encode())}")
    return 0


def _read(client: Client, shard: int, generation: int, offset: int) -> list[tuple[str, ...]]:
    return client.execute(
        "SELECT site, domain, toString(ingest_time), source, event_type, event_id, reason, detail,"
        " payload FROM dead_letters FINAL WHERE shard = %(shard)s AND generation = %(generation)s"
        " AND offset = %(offset)s",
        {"shard": shard, "generation": generation, "offset": offset},
    )
