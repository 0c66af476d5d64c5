"""Metric names in, a panel's SQL out: formulas as the catalogue compiles them, times as macros.

Grafana's ClickHouse plugin and the viewer fill in the macros (`$__timeFilter`, `$__timeInterval`)
and the variables. Columns are named by metric, in both languages; panels give them their names.

A column `state` says how a value stands to its limits, worst highest, so that it sorts:
3 critical, 2 warning, 1 as it should be, 0 too few contacts to judge, NULL nothing to judge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.catalogue import Formula, Limits, Metric, load_catalogue
from schemas.measures import BaseFamily
from schemas.selection import Selection, select

SITE = "${site:singlequote}"
ZONE = "${zone:singlequote}"
STATE_CODES = {"few": 0, "ok": 1, "warn": 2, "crit": 3}
CONFIG = f"(SELECT argMax(content, first_seen) FROM configs FINAL WHERE site = {SITE}) AS config"
"""The site's configuration as last seen, as JSON; "" where there is none."""


def named(column: str, kind: str, lang: str) -> str:
    """Return the name that the site gives what a column holds, as `kind` lists it in `CONFIG`."""
    name = f"JSONExtractString(config, '{kind}', {column}, 'name', '{lang}')"
    return f"if({name} = '', {column}, {name})"


@dataclass(frozen=True)
class Shown:
    """A metric as boards show it: the catalogue's entry and its default formula, compiled."""

    id: str
    metric: Metric
    formula: Formula


def shown(name: str) -> Shown:
    """Return the metric `name`.

    Raises:
        KeyError: the catalogue has no such metric, or cannot compute it yet.
    """
    catalogue = load_catalogue()
    metric = catalogue.metrics[name]
    return Shown(name, metric, catalogue.compile(metric.formulas()[metric.default]))


def selection(names: Sequence[str], group: Sequence[str] = ()) -> Selection:
    """Return the rows from which all these metrics are computed.

    Raises:
        ValueError: they do not come from the same rows, or are levels.
    """
    for name in names:
        family = load_catalogue().families[shown(name).formula.family]
        if isinstance(family, BaseFamily) and family.is_level:
            msg = f"{name} is a level, which is not summed over a time: read it as it stands"
            raise ValueError(msg)
    first, *others = (select(load_catalogue(), shown(name).formula, group) for name in names)
    if any(other != first for other in others):
        msg = f"{', '.join(names)} do not come from the same rows"
        raise ValueError(msg)
    return first


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
    one = shown(name)
    rows = selection([name], ["queue"] if where else [])
    value = rows.value(one.formula)
    sample = rows.sample(one.formula)
    limits = one.metric.limits
    inner = f"SELECT if(count() = 0, NULL, {value}) AS {name}, {sample or 'count()'} AS sample"
    outer = name
    if limits is not None:
        least = one.metric.min_sample if sample else None
        outer += f", {state(name, limits, 'sample', least)} AS state"
    source = f"FROM {rows.source}\n  WHERE {_during(rows, where)}"
    return f"SELECT {outer}\nFROM (\n  {inner}\n  {source}\n)"


def series(names: Sequence[str], where: Sequence[str] = ()) -> str:
    """Return metrics by step of time.

    Between the first and the last step, a count is 0 where nothing was counted, and a ratio has no
    value.
    """
    rows = selection(names, ["queue"] if where else [])
    values = ", ".join(f"{rows.value(shown(name).formula)} AS {name}" for name in names)
    return (
        f"SELECT $__timeInterval({rows.moment}) AS time, {values}\n"
        f"FROM {rows.source}\nWHERE {_during(rows, where)}\n"
        "GROUP BY time\nORDER BY time WITH FILL STEP toIntervalSecond($__interval_s)"
    )


def now(name: str) -> str:
    """Return a gauge as a value inside a query: how it stands, whatever the board's time."""
    rows = selection([name])
    value = rows.value(shown(name).formula)
    return f"(SELECT {value} FROM {rows.source} WHERE {' AND '.join(rows.where(SITE))})"


def grouped(names: Sequence[str], by: str, where: Sequence[str] = ()) -> str:
    """Return metrics by a dimension, and `<name>_n`, the sample, of those that are ratios."""
    rows = selection(names, [by])
    values = []
    for name in names:
        formula = shown(name).formula
        values.append(f"{rows.value(formula)} AS {name}")
        sample = rows.sample(formula)
        if sample is not None:
            values.append(f"{sample} AS {name}_n")
    happened = rows.happened([shown(name).formula for name in names])
    return (
        f"SELECT {rows.column(by)} AS {by}, {', '.join(values)}\n"
        f"FROM {rows.source}\nWHERE {_during(rows, where)}\n"
        f"GROUP BY {by}\nHAVING {happened}"
    )


def _during(rows: Selection, where: Sequence[str]) -> str:
    during = []
    if rows.time is not None:
        macro = "$__timeFilter" if isinstance(rows.family, BaseFamily) else "$__timeFilter_ms"
        during = [f"{macro}({rows.time})"]
    return " AND ".join([*rows.where(SITE), *during, *where])
