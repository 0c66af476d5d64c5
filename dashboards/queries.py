"""Metric names in, a panel's SQL out: formulas as the catalogue compiles them, times as macros.

Grafana's ClickHouse plugin and the viewer fill in the macros (`$__timeFilter`, `$__timeInterval`)
and the variables. Columns are named by metric, in both languages; panels give them their names.

A column `state` says how a value stands to its limits, worst highest, so that it sorts:
3 critical, 2 warning, 1 as it should be, 0 too few contacts to judge, NULL nothing to judge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from schemas.catalogue import Formula, Limits, Metric, load_catalogue
from schemas.formula import Node, denominator, to_sql
from schemas.measures import BaseFamily
from schemas.selection import Selection, joined, select

SITE = "${site:singlequote}"
ZONE = "${zone:singlequote}"
STATE_CODES = {"few": 0, "ok": 1, "warn": 2, "crit": 3}
_CONTENT = f"(SELECT argMax(content, first_seen) FROM configs FINAL WHERE site = {SITE})"
_VARIANT = f"JSONExtractString({_CONTENT}, 'variants', '%s')"
CONFIG = f"{_CONTENT} AS config"
"""The site's configuration as last seen, as JSON; "" where there is none."""
IN_ALL = "count() OVER () AS in_all"
"""A list's column for how many rows there are without its LIMIT, so that the viewer can say so."""


def named(column: str, kind: str, lang: str) -> str:
    """Return the name that the site gives what a column holds, as `kind` lists it in `CONFIG`."""
    name = f"JSONExtractString(config, '{kind}', {column}, 'name', '{lang}')"
    return f"if({name} = '', {column}, {name})"


@dataclass(frozen=True)
class Shown:
    """A metric as boards show it: the catalogue's entry and its default formula, compiled.

    `switches` are the variants that a site may go by instead, the default among them.
    """

    id: str
    metric: Metric
    formula: Formula
    switches: Mapping[str, Formula]

    @property
    def reads(self) -> Formula:
        """Return the default formula as one that reads what all of the switches do."""
        homes = dict(self.formula.homes)
        for formula in self.switches.values():
            homes |= formula.homes
        return Formula(self.formula.text, self.formula.tree, homes)

    def value(self, column: Callable[[str], str]) -> str:
        """Return the metric as SQL over measures' totals, by the variant that the site goes by."""
        others = {name: formula.tree for name, formula in self.switches.items()}
        return self._chosen(self.formula.tree, others, column)

    def sample(self, column: Callable[[str], str]) -> str | None:
        """Return what the ratio is taken of, likewise; None if the metric is no ratio."""
        usual = denominator(self.formula.tree)
        if usual is None:
            return None
        others = {name: denominator(formula.tree) for name, formula in self.switches.items()}
        return self._chosen(usual, others, column)

    def _chosen(
        self, usual: Node, others: Mapping[str, Node | None], column: Callable[[str], str]
    ) -> str:
        cases = [
            f"{_VARIANT % self.id} = '{name}', {_float(node, column)}"
            for name, node in others.items()
            if node is not None and name != self.metric.default
        ]
        if not cases:
            return to_sql(usual, column)
        return f"multiIf({', '.join(cases)}, {_float(usual, column)})"


def _float(node: Node, column: Callable[[str], str]) -> str:
    """Return SQL of one type, whichever variant it is of."""
    return f"toFloat64({to_sql(node, column)})"


def shown(name: str) -> Shown:
    """Return the metric `name`.

    Raises:
        KeyError: the catalogue has no such metric, or cannot compute it yet.
    """
    catalogue = load_catalogue()
    metric = catalogue.metrics[name]
    formula = catalogue.compile(metric.formulas()[metric.default])
    return Shown(name, metric, formula, catalogue.switches(name))


def selection(names: Sequence[str], group: Sequence[str] = ()) -> Selection:
    """Return the rows of one family from which all these metrics are computed.

    Raises:
        ValueError: they do not come from the same rows, or are levels.
    """
    rows = _selections(names, group)
    if len(rows) > 1:
        msg = f"{', '.join(names)}: joined from {', '.join(r.name for r in rows)}"
        raise ValueError(msg)
    return rows[0]


def _selections(names: Sequence[str], group: Sequence[str]) -> tuple[Selection, ...]:
    """Return the rows from which all these metrics are computed, by family."""
    first, *others = (select(load_catalogue(), shown(name).reads, group) for name in names)
    if any(other != first for other in others):
        msg = f"{', '.join(names)} do not come from the same rows"
        raise ValueError(msg)
    if any(isinstance(rows.family, BaseFamily) and rows.family.is_level for rows in first):
        msg = f"{', '.join(names)}: a level is not summed over a time: read it as it stands"
        raise ValueError(msg)
    return first


@dataclass(frozen=True)
class _Answer:
    """The parts of a query: what follows SELECT for each key and formula, and the rest of it."""

    keys: list[str]
    total: Callable[[str], str]
    """A measure's total as SQL."""
    found: str
    """How many rows there were, as SQL."""
    rest: str

    def value(self, name: str) -> str:
        """Return a metric as SQL."""
        return shown(name).value(self.total)

    def sample(self, name: str) -> str | None:
        """Return what a ratio is taken of, as SQL; None if the metric is no ratio."""
        return shown(name).sample(self.total)


def _answer(
    names: Sequence[str],
    keys: Mapping[str, Callable[[Selection], str]],
    where: Sequence[str],
    group: Sequence[str],
) -> _Answer:
    """Return the parts of the query of metrics over the board's time, by `keys`.

    A metric of one family is computed from its rows; one of several from their totals, joined.
    """
    rows = _selections(names, group)
    formulas = [shown(name).reads for name in names]
    is_listed = bool(set(group) & set(keys))
    if len(rows) == 1:
        made = [f"{key(rows[0])} AS {name}" for name, key in keys.items()]
        rest = f"FROM {rows[0].source}\nWHERE {_during(rows[0], where)}{_by([*keys])}"
        having = f"\nHAVING {rows[0].happened(formulas)}" if is_listed else ""
        return _Answer(made, rows[0].total, "count()", rest + having)
    parts = []
    for one in rows:
        measures: dict[str, Formula] = {}
        for formula in formulas:
            measures |= formula.of(one.name)
        by = one.divided(keys)
        columns = [f"{keys[name](one)} AS {name}" for name in by]
        columns += [f"{one.value(formula)} AS {name}" for name, formula in measures.items()]
        columns += [f"count() AS {one.name}_rows"]
        having = f"\nHAVING {one.happened([*measures.values()])}" if is_listed else ""
        part = (
            f"SELECT {', '.join(columns)}\nFROM {one.source}\n"
            f"WHERE {_during(one, where)}{_by(by)}{having}"
        )
        parts.append((part, by))
    found = " + ".join(f"{one.name}_rows" for one in rows)
    return _Answer([*keys], str, f"({found})", f"FROM {joined(parts)}")


def _by(keys: Sequence[str]) -> str:
    return f"\nGROUP BY {', '.join(keys)}" if keys else ""


def state(value: str, limits: Limits, sample: str = "", least: int | None = None) -> str:
    """Return the state of a value (SQL) by its limits, of a ratio that rests on `sample`."""
    worse = "<" if limits.crit < limits.warn else ">"
    few = f"{sample} < {least}, {STATE_CODES['few']}, " if sample and least else ""
    return (
        f"multiIf({value} IS NULL, NULL, {few}"
        f"{value} {worse} {limits.crit:g}, {STATE_CODES['crit']}, "
        f"{value} {worse} {limits.warn:g}, {STATE_CODES['warn']}, {STATE_CODES['ok']})"
    )


def total(name: str, where: Sequence[str] = ()) -> str:
    """Return one row: a metric over the board's time, and its state if it has limits."""
    metric = shown(name).metric
    answer = _answer([name], {}, where, ["queue"] if where else [])
    sample = answer.sample(name)
    inner = (
        f"SELECT if({answer.found} = 0, NULL, {answer.value(name)}) AS {name}, "
        f"{sample or answer.found} AS sample"
    )
    outer = name
    if metric.limits is not None:
        least = metric.min_sample if sample else None
        outer += f", {state(name, metric.limits, 'sample', least)} AS state"
    nested = f"{inner}\n{answer.rest}".replace("\n", "\n  ")
    return f"SELECT {outer}\nFROM (\n  {nested}\n)"


def series(names: Sequence[str], where: Sequence[str] = ()) -> str:
    """Return metrics by step of time.

    Between the first and the last step, a count is 0 where nothing was counted, and a ratio has no
    value.
    """
    keys = {"time": lambda rows: f"$__timeInterval({rows.moment})"}
    answer = _answer(names, keys, where, ["queue"] if where else [])
    values = ", ".join(f"{answer.value(name)} AS {name}" for name in names)
    return (
        f"SELECT {answer.keys[0]}, {values}\n{answer.rest}\n"
        "ORDER BY time WITH FILL STEP toIntervalSecond($__interval_s)"
    )


def now(name: str) -> str:
    """Return a gauge as a value inside a query: how it stands, whatever the board's time."""
    rows = selection([name])
    value = shown(name).value(rows.total)
    return f"(SELECT {value} FROM {rows.source} WHERE {' AND '.join(rows.where(SITE))})"


def grouped(names: Sequence[str], by: str, where: Sequence[str] = ()) -> str:
    """Return metrics by a dimension, and `<name>_n`, the sample, of those that are ratios."""
    answer = _answer(names, {by: lambda rows: rows.column(by)}, where, [by])
    values = []
    for name in names:
        values.append(f"{answer.value(name)} AS {name}")
        sample = answer.sample(name)
        if sample is not None:
            values.append(f"{sample} AS {name}_n")
    return f"SELECT {answer.keys[0]}, {', '.join(values)}\n{answer.rest}"


def _during(rows: Selection, where: Sequence[str]) -> str:
    during = []
    if rows.time is not None:
        macro = "$__timeFilter" if isinstance(rows.family, BaseFamily) else "$__timeFilter_ms"
        during = [f"{macro}({rows.time})"]
    return " AND ".join([*rows.where(SITE), *during, *where])
