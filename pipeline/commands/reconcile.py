"""`goldpan reconcile FILE`: what a log's events amounted to, against the log's own counters."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from pipeline.commands.common import add_site_option, add_store_options, connect, site_of
from pipeline.errors import ConfigError
from pipeline.sources.servicenow import SOURCE, Counters, ServiceNow

MAX_SHARE = 0.01
"""From this share of disagreeing incidents on, what was derived is not what happened."""


class Derived(NamedTuple):
    """What the events of one incident amounted to; instants are local, as the log has them."""

    reopens: int
    reassignments: int
    resolved_at: datetime | None
    closed_at: datetime | None


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "reconcile", help="compare the tickets of a log that was taken in with its own counters"
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="the log, plain or gzip")
    parser.add_argument("--format", choices=(SOURCE,), required=True)
    add_site_option(parser)
    add_store_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """List what disagrees; fail if that is one incident in a hundred or more."""
    site = site_of(options)
    theirs = ServiceNow(options.file, site.site, site.zone).counters()
    with connect(options) as client:
        rows = client.execute(
            "SELECT ticket_id, reopens, reassignments, "
            "toUnixTimestamp64Milli(resolved_at), toUnixTimestamp64Milli(closed_at) "
            "FROM tickets FINAL WHERE site = %(site)s AND events > 0",
            {"site": site.site},
        )

    def local(ms: int | None) -> datetime | None:
        if ms is None:
            return None
        return datetime.fromtimestamp(ms // 1000, site.zone).replace(tzinfo=UTC)

    ours = {row[0]: Derived(row[1], row[2], local(row[3]), local(row[4])) for row in rows}
    absent = [number for number in theirs if number not in ours]
    if absent:
        msg = f"{absent[0]} and {len(absent) - 1} more are not there: ingest {options.file} first"
        raise ConfigError(msg)
    print(f"{options.file.name}: {len(theirs):,} incidents")
    worst = max(
        _counter("reopen_count", {n: (ours[n].reopens, c.reopens) for n, c in theirs.items()}),
        _counter(
            "reassignment_count",
            {n: (ours[n].reassignments, c.reassignments) for n, c in theirs.items()},
        ),
    )
    for name in ("resolved_at", "closed_at"):
        _moment(name, {n: (getattr(ours[n], name), getattr(c, name)) for n, c in theirs.items()})
    for line in sla_lines(theirs):
        print(line)
    return int(worst >= MAX_SHARE)


def _counter(name: str, pairs: Mapping[str, tuple[int, int]]) -> float:
    apart = {number: pair for number, pair in pairs.items() if pair[0] != pair[1]}
    share = len(apart) / max(1, len(pairs))
    print(f"  {name}: {len(apart):,} disagree ({share:.2%})")
    for number, (ours, theirs) in sorted(apart.items()):
        print(f"    {number}: {ours} by its changes of state, {theirs} by its counter")
    return share


def _moment(name: str, pairs: Mapping[str, tuple[datetime | None, datetime | None]]) -> None:
    both = [pair for pair in pairs.values() if None not in pair]
    same = sum(ours == theirs for ours, theirs in both)
    only = sum(ours is not None and theirs is None for ours, theirs in pairs.values())
    share = same / max(1, len(both))
    print(f"  {name}: {same:,} of {len(both):,} equal ({share:.2%}); {only:,} the log leaves empty")


def sla_lines(theirs: Mapping[str, Counters]) -> Iterator[str]:
    """How far one limit a priority, from opening to closing, explains the log's `made_sla`.

    The log names no deadlines, so the flag cannot be derived; but it falls when an incident is
    closed, and by this much follows the time that took.
    """
    by_priority: dict[str, list[tuple[float, bool]]] = {}
    for counters in theirs.values():
        if counters.opened_at is not None and counters.closed_at is not None:
            hours = (counters.closed_at - counters.opened_at).total_seconds() / 3600
            by_priority.setdefault(counters.priority, []).append((hours, counters.made_sla))
    for priority, cases in sorted(by_priority.items()):
        limit, agree = _best_limit(cases)
        yield (
            f"  made_sla, {priority}: closed within {limit:.1f} h explains {agree:,} of "
            f"{len(cases):,} ({agree / len(cases):.2%})"
        )


def _best_limit(cases: list[tuple[float, bool]]) -> tuple[float, int]:
    """The limit under which most flags say "made", and how many flags it gets right."""
    ordered = sorted(cases)
    right = sum(not made for _, made in ordered)
    best = (0.0, right)
    for index, (hours, made) in enumerate(ordered):
        right += 1 if made else -1
        is_last_of_equals = index + 1 == len(ordered) or ordered[index + 1][0] != hours
        if is_last_of_equals and right > best[1]:
            best = hours, right
    return best
