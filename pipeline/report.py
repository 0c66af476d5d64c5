"""Metric names, periods and groups in; SQL over the store's tables, and one merged table, out.

Every value is computed from sums over the whole period and group (a mean of means would weigh a
quiet minute like a busy one), so the same definition holds by minute, by month and in total.
Shards and revisions are merged by FINAL; metrics of different tables meet here by period and group.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from pipeline.errors import ConfigError
from pipeline.report_final import ends_at, heard_until, is_final
from pipeline.report_periods import CLOCK, INSTANTS, PERIODS, By, Levels, instant, whole_hours
from schemas.catalogue import Catalogue, Formula
from schemas.documents import nearest
from schemas.formula import FormulaError, Number, Value, evaluate, to_sql
from schemas.measures import BaseFamily, FactFamily, NowFamily, Text, literal
from schemas.repeats import Repeats
from schemas.selection import NotKeptError, Selection, joined, select

Cell = Number | None


class Store(Protocol):
    """Where the tables are: a ClickHouse client, or anything that answers like one."""

    def execute(self, query: str, /) -> Sequence[Sequence[object]]:
        """Run a query and return its rows."""


@dataclass(frozen=True)
class Column:
    """One metric of a report: as it was asked for, what it means, and how to show it.

    `compiled` is None for a metric that cannot be computed yet; `note` then says why, and
    otherwise names the variant's method.
    """

    label: str
    name: Text
    unit: str
    compiled: Formula | None
    note: Text | None = None
    variant: str | None = None
    version: int | None = None
    """Of the metric's definition; None for a formula of one's own."""
    look_ahead_ms: int = 0
    """For how long after a period its value is provisional."""


@dataclass(frozen=True)
class Row:
    """One period and group: instants are ISO with the site's offset, days are ISO dates.

    `provisional` are the columns whose value something later may still change.
    """

    period: str
    group: tuple[str, ...]
    values: tuple[Cell, ...]
    provisional: frozenset[int] = frozenset()


@dataclass(frozen=True)
class ReportTable:
    """What a report found, ready to be written out."""

    by: By
    group: tuple[str, ...]
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Query:
    """One query: it gives the report's columns at `positions`, all from the same rows."""

    positions: tuple[int, ...]
    sql: str


@dataclass(frozen=True)
class Report:
    """What is asked for.

    Args:
        metrics: each `id`, `id:variant`, or `name=formula`.
        site: whose numbers.
        zone: the site's IANA time zone, which decides where days, weeks and months begin.
        by: the period; weeks begin on Monday.
        group: dimensions to break down by; `weekday` and `hour_of_day` are by the site's clock.
        start: first instant, included; everything stored when not given.
        end: instant to stop before.
        repeats: the site's windows, which say for how long some values are provisional.

    Raises:
        ConfigError: from every method, where a name is unknown or a breakdown is not kept.
    """

    metrics: Sequence[str]
    site: str
    zone: str
    by: By = "total"
    group: Sequence[str] = ()
    start: datetime | None = None
    end: datetime | None = None
    repeats: Repeats = field(default_factory=Repeats)
    catalogue: Catalogue = field(kw_only=True)

    def run(self, store: Store) -> ReportTable:
        """Ask the store and merge the answers; a period without a contact gives no row."""
        return self.table(store, self.columns())

    def table(self, store: Store, columns: tuple[Column, ...]) -> ReportTable:
        """Ask the store for columns that are resolved already."""
        empty = [self._empty(column) for column in columns]
        found: dict[tuple[str, tuple[str, ...]], list[Cell]] = {}
        width = 1 + len(self.group)
        for query in self._queries(columns):
            for answer in store.execute(query.sql):
                key = self._period(answer[0]), tuple(str(value) for value in answer[1:width])
                values = found.setdefault(key, list(empty))
                for position, value in zip(query.positions, answer[width:], strict=True):
                    values[position] = _cell(value)
        heard = self._heard(store, columns)
        rows = tuple(
            Row(*key, tuple(values), self._provisional(key[0], values, columns, heard))
            for key, values in sorted(found.items())
        )
        return ReportTable(self.by, tuple(self.group), columns, rows)

    def _heard(self, store: Store, columns: Sequence[Column]) -> dict[int, int]:
        """Until when, in epoch seconds, the store has heard of what may change a column."""
        heard: dict[int, int] = {}
        for position, column in enumerate(columns):
            if column.compiled is None or not column.look_ahead_ms:
                continue
            families = [self.catalogue.families[name] for name in column.compiled.families]
            heard[position] = min(
                int(str(store.execute(heard_until(family, self.site))[0][0]))
                for family in families
                if isinstance(family, BaseFamily)
            )
        return heard

    def _provisional(
        self,
        period: str,
        values: Sequence[Cell],
        columns: Sequence[Column],
        heard: Mapping[int, int],
    ) -> frozenset[int]:
        ends = [end for end in (ends_at(period, self.by, self.zone), self.end) if end is not None]
        end = min(ends, default=None)
        return frozenset(
            position
            for position, until in heard.items()
            if values[position] is not None
            and not is_final(end, columns[position].look_ahead_ms, until)
        )

    def queries(self) -> tuple[Query, ...]:
        """Return the queries that the report runs, one for all metrics of the same rows."""
        return self._queries(self.columns())

    def columns(self) -> tuple[Column, ...]:
        """Return the report's columns: each metric asked for, resolved."""
        if not self.metrics:
            msg = f"name at least one metric; {nearest('', [*self.catalogue.metrics])}"
            raise ConfigError(msg)
        columns = tuple(self._column(spec) for spec in self.metrics)
        labels = [column.label for column in columns]
        for label in labels:
            if labels.count(label) > 1:
                msg = f"{label!r} is asked for twice: leave one out"
                raise ConfigError(msg)
        return columns

    def _column(self, spec: str) -> Column:
        """Resolve `id`, `id:variant` or `name=formula`."""
        label, is_custom, text = (part.strip() for part in spec.partition("="))
        if is_custom:
            if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", label):
                msg = f"{spec!r}: a name has letters, digits and _, and begins with a letter"
                raise ConfigError(msg)
            return Column(label, Text(zh=label, en=label), "", self._compile(text))
        metric_id, _, variant = label.partition(":")
        metric = self.catalogue.metrics.get(metric_id)
        if metric is None:
            msg = f"no metric {metric_id!r}; {nearest(metric_id, [*self.catalogue.metrics])}"
            raise ConfigError(msg)
        if variant and variant not in metric.variants:
            known = nearest(variant, [*metric.variants]) if metric.variants else "it has none"
            msg = f"{metric_id} has no variant {variant!r}; {known}"
            raise ConfigError(msg)
        if metric.missing is not None:
            return Column(label, metric.name, metric.unit, None, metric.missing)
        version = metric.definition_version
        ahead_ms = metric.look_ahead.ms(self.repeats) if metric.look_ahead else 0
        if metric.formula is not None:
            compiled = self._compile(metric.formula)
            name = metric.name
            return Column(label, name, metric.unit, compiled, None, None, version, ahead_ms)
        chosen = variant or metric.default or ""
        method = metric.variants[chosen]
        # A reader must always see which of several definitions a number follows.
        name = Text(zh=f"{metric.name.zh} {chosen}", en=f"{metric.name.en} {chosen}")
        compiled = self._compile(method.formula)
        note = method.name
        return Column(label, name, metric.unit, compiled, note, chosen, version, ahead_ms)

    def _compile(self, text: str) -> Formula:
        try:
            return self.catalogue.compile(text)
        except FormulaError as error:
            raise ConfigError(str(error)) from error

    def _queries(self, columns: Sequence[Column]) -> tuple[Query, ...]:
        self._check()
        asked: dict[tuple[tuple[str, str], ...], dict[int, Formula]] = {}
        sources: dict[tuple[tuple[str, str], ...], tuple[Selection, ...]] = {}
        for position, column in enumerate(columns):
            if column.compiled is not None:
                selections = self._select(column.label, column.compiled)
                source = tuple((s.name, s.dimension_set) for s in selections)
                sources[source] = selections
                asked.setdefault(source, {})[position] = column.compiled
        return tuple(
            Query(tuple(formulas), self._sql(sources[source], [*formulas.values()]))
            for source, formulas in asked.items()
        )

    def _check(self) -> None:
        known = {d for family in self.catalogue.families.values() for d in family.dimensions}
        known |= {*CLOCK}
        for name in self.group:
            if name not in known:
                msg = f"no dimension {name!r}; {nearest(name, sorted(known))}"
                raise ConfigError(msg)
        if self.by not in PERIODS:
            msg = f"no period {self.by!r}; {nearest(self.by, [*PERIODS])}"
            raise ConfigError(msg)
        for moment in (self.start, self.end):
            if moment is not None and (moment.second or moment.microsecond):
                msg = f"{moment.isoformat()}: rows are kept by minute, so name whole minutes"
                raise ConfigError(msg)
        if self.start is not None and self.end is not None and self.start >= self.end:
            msg = f"from {self.start.isoformat()} must come before to {self.end.isoformat()}"
            raise ConfigError(msg)

    def _select(self, label: str, compiled: Formula) -> tuple[Selection, ...]:
        try:
            dimensions = [name for name in self.group if name not in CLOCK]
            selections = select(self.catalogue, compiled, dimensions)
        except NotKeptError as error:
            msg = f"{label} {error}"
            raise ConfigError(msg) from error
        has_past = all(selection.time is not None for selection in selections)
        if not has_past and (self.by != "total" or self.start or self.end):
            msg = f"{label} is how things stand now and has no past: ask for it without a period"
            raise ConfigError(msg)
        is_level = any(_is_level(selection) for selection in selections)
        if (is_level or not has_past) and (clock := [n for n in self.group if n in CLOCK]):
            msg = f"{label} is how things stand, not what happens: it has no {', '.join(clock)}"
            raise ConfigError(msg)
        by_hour = whole_hours(self.by, self.zone, self.start, self.end)
        return tuple(replace(selection, by_hour=by_hour) for selection in selections)

    def _sql(self, selections: Sequence[Selection], asked: Sequence[Formula]) -> str:
        """Return the query of formulas that are all computed from the same selections."""
        keys = ["period", *self.group]
        order = f"\nORDER BY {', '.join(keys)}"
        if len(selections) == 1:
            named = {f"value_{i}": formula for i, formula in enumerate(asked)}
            return self._totals(selections[0], named) + order
        parts = []
        for selection in selections:
            measures: dict[str, Formula] = {}
            for formula in asked:
                measures |= formula.of(selection.name)
            parts.append((self._totals(selection, measures), selection.divided(keys)))
        values = [f"{to_sql(f.tree, str)} AS value_{i}" for i, f in enumerate(asked)]
        return f"SELECT {', '.join([*keys, *values])}\nFROM {joined(parts)}{order}"

    def _totals(self, selection: Selection, asked: Mapping[str, Formula]) -> str:
        """Return the query of one selection: period, group, and each formula by its name."""
        if _is_level(selection):
            periods = Levels(self.by, self.zone, self.start, self.end)
            return periods.sql(selection, asked, self.group, literal(self.site))
        where = selection.where(literal(self.site))
        if self.start is not None:
            where.append(f"{selection.time} >= {instant(self.start)}")
        if self.end is not None:
            where.append(f"{selection.time} < {instant(self.end)}")
        clock = {"time": selection.moment, "zone": literal(self.zone)}
        period = PERIODS[self.by].format(**clock)
        group = selection.divided(self.group)
        groups = [
            f"{CLOCK[name].format(**clock) if name in CLOCK else selection.column(name)} AS {name}"
            for name in group
        ]
        values = [f"{selection.value(formula)} AS {name}" for name, formula in asked.items()]
        return (
            f"SELECT {period} AS period, {', '.join([*groups, *values])}\n"
            f"FROM {selection.source}\n"
            f"WHERE {' AND '.join(where)}\n"
            f"GROUP BY {', '.join(['period', *group])}\n"
            f"HAVING {selection.happened([*asked.values()])}"
        )

    def _period(self, value: object) -> str:
        """Return a period's beginning as ISO text, in the site's zone."""
        if self.by in INSTANTS and isinstance(value, int):
            local = datetime.fromtimestamp(value, tz=ZoneInfo(self.zone))
            return local.isoformat(timespec="minutes")
        return str(value)

    def _empty(self, column: Column) -> Cell:
        """Return a metric's value where its table has nothing: 0 for counts, none for ratios."""
        if column.compiled is None:
            return None
        totals: dict[str, Value] = {}
        for name, home in column.compiled.homes.items():
            family = self.catalogue.families[home]
            if isinstance(family, BaseFamily):
                totals[name] = {} if family.measures[name].kind == "histogram" else 0
            else:
                is_zero = isinstance(family, FactFamily) and family.measures[name].additive
                totals[name] = 0 if is_zero else None
        return evaluate(column.compiled.tree, totals)


def _is_level(selection: Selection) -> bool:
    """Tell whether it is read by its running total, at the end of each period."""
    return isinstance(selection.family, BaseFamily) and selection.family.is_level


def _cell(value: object) -> Cell:
    """Return a store's number as a plain one."""
    if value is None or isinstance(value, int | float):
        return value
    msg = f"the store answered {value!r} where a number was due"
    raise TypeError(msg)


def usual_period(metrics: Sequence[str], catalogue: Catalogue) -> By:
    """Return the period of a report that names none: a day; the total of what is only of now."""
    known = [catalogue.metrics.get(spec.partition(":")[0]) for spec in metrics]
    formulas = [
        catalogue.compile(text)
        for metric in known
        if metric is not None
        for text in metric.formulas().values()
    ]
    are_now = all(
        any(isinstance(catalogue.families[name], NowFamily) for name in formula.families)
        for formula in formulas
    )
    return "total" if formulas and are_now and None not in known else "day"


def parse_moment(text: str, zone: str) -> datetime:
    """Return the instant of a local date (its midnight) or date and time, in the site's zone.

    >>> from datetime import UTC
    >>> parse_moment("1999-01-02", "Asia/Jerusalem").astimezone(UTC).isoformat()
    '1999-01-01T22:00:00+00:00'
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        msg = f"{text!r} is not a date or time: write {date(2026, 1, 31)} or 2026-01-31T08:30"
        raise ConfigError(msg) from error
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=ZoneInfo(zone))
