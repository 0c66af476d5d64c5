"""One number of a report in; how it came about, out: definition, totals, and the facts behind it.

The totals are asked of the store like any report's, so what is explained is what is shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from pipeline.errors import ConfigError
from pipeline.report import Cell, Column, Report, Store
from pipeline.report_periods import instant
from schemas.catalogue import Formula
from schemas.formula import Combined, Literally, Measured, Negative, Node, Quantile
from schemas.measures import BaseFamily, FactFamily, Text, literal

Span = Literal["minute", "hour", "day"]
SPANS: tuple[Span, ...] = ("minute", "hour", "day")
_TIMES: Mapping[tuple[str, str], tuple[str, str]] = {
    ("calls", "start"): ("contacts", "started_at"),
    ("calls", "entry"): ("contacts", "queued_at"),
    ("calls", "service_level"): ("contacts", "exited_at"),
    ("calls", "exit"): ("contacts", "exited_at"),
    ("calls", "completion"): ("contacts", "completed_at"),
    ("tickets", "opened"): ("tickets", "opened_at"),
}
"""By family and cut-off: the facts that a measure was counted from, and the time that placed them.

A `service_level` may be decided before the exit; its contacts are found by their exit.
"""
_LISTED: Mapping[str, tuple[str, ...]] = {
    "contacts": ("contact_id", "queue", "agent_id", "outcome", "wait_ms", "talk_ms"),
    "tickets": ("ticket_id", "department", "priority", "stage", "opened_at", "resolved_at"),
    "ticket_starts": ("ticket_id", "department", "team", "priority", "opened_at", "inverted"),
}


@dataclass(frozen=True)
class Part:
    """A measure that a number was computed from; a histogram has no total that fits a line."""

    measure: str
    description: Text
    total: Cell


@dataclass(frozen=True)
class Facts:
    """What was counted: the facts that fall in the period and group, some of them in full."""

    table: str
    time: str
    found: int
    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]


@dataclass(frozen=True)
class Explanation:
    """How one number came about."""

    column: Column
    value: Cell
    filled: str
    """The formula with its measures' totals put in."""
    parts: tuple[Part, ...]
    facts: tuple[Facts, ...]


def span_of(at: datetime, span: Span, zone: str) -> tuple[datetime, datetime]:
    """Return the minute, hour or day of the site in which an instant lies.

    >>> from datetime import UTC
    >>> span_of(datetime(2026, 1, 4, 17, 30, tzinfo=UTC), "day", "Asia/Shanghai")[0].isoformat()
    '2026-01-05T00:00:00+08:00'
    """
    local = at.astimezone(ZoneInfo(zone))
    start = local.replace(second=0, microsecond=0)
    if span == "minute":
        return start, start + timedelta(minutes=1)
    start = start.replace(minute=0)
    if span == "hour":
        return start, start + timedelta(hours=1)
    start = start.replace(hour=0)
    return start, start + timedelta(days=1)


def explain(report: Report, group: Mapping[str, str], store: Store, most: int) -> Explanation:
    """Explain the only metric of a report over its whole time.

    Args:
        report: asks for one metric, from `start` to `end`.
        group: the value of each of the report's dimensions that is meant.
        store: where the numbers are.
        most: how many facts of each kind are listed in full.

    Raises:
        ConfigError: the metric cannot be computed, or not by this group.
    """
    [column] = report.columns()
    if column.compiled is None:
        why = column.note.en if column.note is not None else "there is no formula"
        msg = f"{column.label} is not available: {why}"
        raise ConfigError(msg)
    formula = column.compiled
    scalars = [
        name for name in sorted(formula.measures) if not _is_histogram(report, formula, name)
    ]
    wholes = {name: _whole(report, formula, name) for name in scalars}
    divided = [name for name in scalars if not wholes[name] & {*group}]
    value, *values = _asked(report, [*report.metrics, *map(_measured, divided)], group, store)
    totals = dict(zip(divided, values, strict=True))
    for name in wholes.keys() - totals.keys():
        within = {key: group[key] for key in group if key not in wholes[name]}
        [totals[name]] = _asked(report, [_measured(name)], within, store)
    parts = tuple(
        Part(name, report.catalogue.families[home].measures[name].description, totals.get(name))
        for name, home in sorted(formula.homes.items())
    )
    facts = tuple(_facts(report, formula, group, store, most))
    return Explanation(column, value, _filled(formula.tree, totals), parts, facts)


def _asked(
    report: Report, metrics: Sequence[str], group: Mapping[str, str], store: Store
) -> Sequence[Cell]:
    """Return metrics over the report's whole time in one group."""
    table = replace(report, metrics=metrics, by="total", group=tuple(group)).run(store)
    for row in table.rows:
        if row.group == tuple(group.values()):
            return row.values
    return [None] * len(metrics)


def _measured(name: str) -> str:
    return f"{name}_={name}"


def _whole(report: Report, formula: Formula, name: str) -> set[str]:
    """Return the dimensions by which a measure is not divided."""
    family = report.catalogue.families[formula.homes[name]]
    return {*family.whole} if isinstance(family, FactFamily) else set()


def _is_histogram(report: Report, formula: Formula, name: str) -> bool:
    definition = report.catalogue.families[formula.homes[name]].measures[name]
    return getattr(definition, "kind", "sum") == "histogram"


def _filled(node: Node, totals: Mapping[str, Cell]) -> str:
    """Return a formula as text with numbers in place of measures."""
    match node:
        case Literally(value):
            return f"{value:,}"
        case Measured(name):
            value_ = totals[name]
            return "-" if value_ is None else f"{value_:,}"
        case Quantile(name, q):
            return f"quantile({name}, {float(q)})"
        case Negative(of):
            return f"-{_filled(of, totals)}"
        case Combined(operation, left, right):
            sides = [_filled(side, totals) for side in (left, right)]
            is_looser = [isinstance(s, Combined) and s.operation in "+-" for s in (left, right)]
            is_bound = [operation in "*/" and is_looser[0], operation in "-*/" and is_looser[1]]
            if operation == "/" and isinstance(right, Combined):
                is_bound[1] = True
            texts = [f"({text})" if b else text for text, b in zip(sides, is_bound, strict=True)]
            return f"{texts[0]} {operation} {texts[1]}"


def _facts(
    report: Report, formula: Formula, group: Mapping[str, str], store: Store, most: int
) -> Iterator[Facts]:
    """Yield the facts behind a formula, by table and time; levels and gauges have none."""
    places: dict[tuple[str, str, tuple[str, ...]], None] = {}
    views = set()
    for name, home in sorted(formula.homes.items()):
        family = report.catalogue.families[home]
        if isinstance(family, FactFamily):
            places[family.table, family.time, _kept_facts(family, group)] = None
            if family.is_view:
                views.add(family.table)
        elif isinstance(family, BaseFamily):
            place = _TIMES.get((home, family.measures[name].cutoff))
            if place is not None:
                equal = tuple(f"{name} = {literal(value)}" for name, value in group.items())
                places[*place, equal] = None
    for table, time, kept in places:
        if table not in _LISTED:
            continue
        where = [
            f"site = {literal(report.site)}",
            "events > 0",
            f"{time} IS NOT NULL",
            *([f"{time} >= {instant(report.start)}"] if report.start is not None else []),
            *([f"{time} < {instant(report.end)}"] if report.end is not None else []),
            *kept,
        ]
        final = "" if table in views else " FINAL"
        source = f"FROM {table}{final} WHERE {' AND '.join(where)}"
        [[found]] = store.execute(f"SELECT count() {source}")
        columns = (time, *(column for column in _LISTED[table] if column != time))
        zone = literal(report.zone)
        texts = (
            f"toString({c}, {zone})" if c.endswith("_at") else f"toString({c})" for c in columns
        )
        listed = f"SELECT {', '.join(texts)} {source}"
        rows = store.execute(f"{listed} ORDER BY {time}, {columns[1]} LIMIT {most:d}")
        yield Facts(table, time, int(str(found)), columns, tuple(tuple(row) for row in rows))


def _kept_facts(family: FactFamily, group: Mapping[str, str]) -> tuple[str, ...]:
    """Return which rows of a family of facts are in a group, as SQL; a whole is in each."""
    kept = [f"notEmpty({column})" for column in family.lists.values()]
    for name, value in group.items():
        if name in family.lists and name not in family.whole:
            kept.append(f"has({family.lists[name]}, {literal(value)})")
        elif name not in family.whole:
            kept.append(f"{name} = {literal(value)}")
    return tuple(kept)
