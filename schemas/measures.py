"""The `families:` of metrics.yaml in, typed families of measures out.

A family is a table and the measures that can be added up from it. Base families (`rows`) hold
cumulative rows per shard, minute and declared dimension set, written by an operator. Fact families
(`facts`) are views of a table with one row per contact: their measures are aggregates, exact at
any grouping, over one of the row's times. Gauges (`now`) are aggregates over a small table that
says how things stand at this moment: they have no past.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from schemas.histogram import rank_sql

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Id = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
Cutoff = Literal[
    "start",
    "entry",
    "service_level",
    "exit",
    "ring",
    "completion",
    "opened",
    "event",
    "due",
    "change",
    "passing",
    "arrival",
]
"""The moment whose minute a measure counts in; metrics.md, convention 3.

`passing` is time that counts in every minute in which it passed.
"""


class Strict(BaseModel):
    """A part of a configuration file: unknown keys are refused, values never change."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class Text(Strict):
    """One text in both languages of the product."""

    zh: Annotated[str, Field(min_length=1)]
    en: Annotated[str, Field(min_length=1)]


class Measure(Strict):
    """One additive column of a base family."""

    kind: Literal["sum", "histogram", "max", "level"] = "sum"
    unit: Literal["count", "ms"] = "count"
    cutoff: Cutoff
    sets: tuple[Name, ...] | None = None
    """The dimension sets that keep it; all of the family's when not given."""
    description: Text

    @field_validator("kind")
    @classmethod
    def _kind_exists(cls, kind: str) -> str:
        if kind == "max":
            msg = f"merge kind {kind!r} is reserved and not built yet: use sum, level or histogram"
            raise ValueError(msg)
        return kind


@dataclass(frozen=True)
class Aggregate:
    """A fact measure's expression, parsed, such as `sum(talk_ms)`."""

    function: Literal[
        "count",
        "sum",
        "max",
        "distinct",
        "age",
        "age_mean",
        "age_quantile",
        "gini",
        "quantile_exact",
    ]
    column: str | None = None
    q: Fraction = Fraction(0)


def parse_aggregate(text: str) -> Aggregate:
    """Parse a fact measure.

    >>> parse_aggregate("quantile_exact(wait_ms, 0.9)")
    Aggregate(function='quantile_exact', column='wait_ms', q=Fraction(9, 10))
    """
    try:
        node = ast.parse(text, mode="eval").body
    except SyntaxError:
        node = None
    match node:
        case ast.Name(id="count"):
            return Aggregate("count")
        case ast.Call(func=ast.Name(id="sum"), args=[ast.Name(id=column)], keywords=[]):
            return Aggregate("sum", column)
        case ast.Call(func=ast.Name(id="max"), args=[ast.Name(id=column)], keywords=[]):
            return Aggregate("max", column)
        case ast.Call(
            func=ast.Name(id="distinct" | "age" | "age_mean" | "gini" as function),
            args=[ast.Name(id=column)],
            keywords=[],
        ):
            return Aggregate(function, column)
        case ast.Call(
            func=ast.Name(id="quantile_exact" | "age_quantile" as function),
            args=[ast.Name(id=column), ast.Constant(value=float(share))],
            keywords=[],
        ) if 0 < share < 1:
            # Through the decimal text: 0.9 as a float is a little more than 9/10.
            return Aggregate(function, column, Fraction(str(share)))
    msg = (
        f"{text!r} is not an aggregate: write count, sum(column), max(column), distinct(column), "
        "age(column), age_mean(column), age_quantile(column, 0.9), gini(column) or "
        "quantile_exact(column, 0.9)"
    )
    raise ValueError(msg)


class FactMeasure(Strict):
    """An aggregate over the rows of a fact table, optionally over some of them only."""

    value: str
    where: dict[Name, str | int | tuple[str | int, ...]] = {}
    unit: Literal["count", "ms"] = "count"
    description: Text

    @field_validator("value")
    @classmethod
    def _parses(cls, value: str) -> str:
        parse_aggregate(value)
        return value

    @property
    def additive(self) -> bool:
        """Tell whether nothing to measure means 0: counts and sums, unlike maxima and quantiles."""
        return parse_aggregate(self.value).function in ("count", "sum", "distinct")

    def columns(self) -> set[str]:
        """Return the fact table's columns that the measure reads."""
        column = parse_aggregate(self.value).column
        return {*self.where, *([column] if column else [])}

    def sql(self, table: str) -> str:
        """Return the aggregate over `table` (its alias in the query).

        Counts and sums of nothing are 0; a maximum, mean or quantile of nothing is NULL. The age
        of an instant is that of the earliest, in ms, and 0 where there is none: nobody waits.
        `distinct` counts the values of a column, `gini` tells how unevenly rows lie on them; rows
        without one are left out.
        """
        aggregate = parse_aggregate(self.value)
        kept = " AND ".join(_condition(f"{table}.{c}", v) for c, v in self.where.items()) or "1"
        column = f"{table}.{aggregate.column}"
        if aggregate.function in ("quantile_exact", "age_quantile"):
            value = column if aggregate.function == "quantile_exact" else _age(column)
            values = f"arraySort(groupArrayIf({value}, {kept}))"
            rank = rank_sql(f"length({values})", aggregate.q)
            return f"if(empty({values}), NULL, {values}[{rank}])"
        earliest = f"minOrNullIf({column}, {kept})"
        on_each = f"sumMapIf(map(toString({column}), 1), {kept} AND {column} != '')"
        return {
            "count": f"toInt64(countIf({kept}))",
            "sum": f"ifNull(toInt64(sumIf({column}, {kept})), 0)",
            "max": f"maxOrNullIf({column}, {kept})",
            "distinct": f"toInt64(uniqExactIf({column}, {kept} AND {column} != ''))",
            "age": f"greatest(0, ifNull({_since(earliest)}, 0))",
            "age_mean": f"avgOrNullIf({_age(column)}, {kept})",
            "gini": _gini(on_each),
        }[aggregate.function]


MIN_HOLDERS = 5
"""Among fewer, no spread is fair or unfair."""


def _since(instant: str) -> str:
    """Return SQL for the ms since an instant."""
    return f"dateDiff('millisecond', {instant}, now64(3))"


def _age(instant: str) -> str:
    """Return SQL for the same, at least 0: a source's clock may be ahead of the store's."""
    return f"greatest(0, {_since(instant)})"


def _gini(counts: str) -> str:
    """Return SQL for the Gini coefficient of a map's values; NULL of fewer than five.

    With x sorted upwards, 2 * sum(i * x_i) / (n * sum(x)) - (n + 1) / n. Five who have 1, 2, 3, 4
    and 5: 2 * 55 / (5 * 15) - 6 / 5 = 0.2667.
    """
    values = f"arraySort(mapValues({counts}))"
    ranked = f"arraySum(arrayMap((x, i) -> x * i, {values}, arrayEnumerate({values})))"
    number = f"length({values})"
    return (
        f"if({number} < {MIN_HOLDERS}, NULL, "
        f"2 * {ranked} / ({number} * arraySum({values})) - ({number} + 1) / {number})"
    )


def _condition(column: str, value: str | int | tuple[str | int, ...]) -> str:
    """Return SQL for column = value, or column IN (values)."""
    if isinstance(value, tuple):
        return f"{column} IN ({', '.join(map(literal, value))})"
    return f"{column} = {literal(value)}"


def literal(value: str | int) -> str:
    r"""Return a SQL literal.

    >>> print(literal("it's"), literal(1))
    'it\'s' 1
    """
    if isinstance(value, int):
        return str(int(value))
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


class BaseFamily(Strict):
    """A table of cumulative rows: site x minute x dimension set x shard."""

    source: Literal["rows"]
    table: Name
    presence: tuple[Name, ...]
    """The measures that say whether anything happened: a period without them gives no row."""
    dimensions: tuple[Name, ...]
    """Every dimension column, in the order of the table's key."""
    sets: dict[Name, tuple[Name, ...]]
    measures: dict[Name, Measure]

    @property
    def time(self) -> str:
        """Return the column that holds a row's minute."""
        return "minute"

    @property
    def is_level(self) -> bool:
        """Tell whether its measures are levels: kept as changes, read as their running total."""
        return any(measure.kind == "level" for measure in self.measures.values())

    @model_validator(mode="after")
    def _sets_fit(self) -> BaseFamily:
        for name, columns in self.sets.items():
            for column in columns:
                if column not in self.dimensions:
                    msg = f"dimension set {name}: {column!r} is not in {list(self.dimensions)}"
                    raise ValueError(msg)
        for name, measure in self.measures.items():
            for dimension_set in measure.sets or ():
                if dimension_set not in self.sets:
                    msg = f"measure {name}: no dimension set {dimension_set!r}"
                    raise ValueError(msg)
        if len({measure.kind == "level" for measure in self.measures.values()}) > 1:
            msg = "levels are read by another rule than sums: give them a family of their own"
            raise ValueError(msg)
        for name in self.presence:
            if name not in self.measures:
                msg = f"presence: no measure {name!r}"
                raise ValueError(msg)
        return self

    def kept(self, dimension_set: str) -> tuple[str, ...]:
        """Return the measures that a dimension set keeps, in order."""
        return tuple(
            name for name, m in self.measures.items() if m.sets is None or dimension_set in m.sets
        )


class ExactFamily(Strict):
    """A table with one row per thing: any of its dimensions will do, alone or together."""

    table: Name
    dimensions: tuple[Name, ...]
    lists: dict[Name, Name] = {}
    """The array column of a dimension that may have several values in one row."""
    is_view: bool = False
    """That the table is a view, whose rows stand already."""
    measures: dict[Name, FactMeasure]

    @model_validator(mode="after")
    def _lists_are_dimensions(self) -> ExactFamily:
        for name in self.lists:
            if name not in self.dimensions:
                msg = f"lists: {name!r} is not in {list(self.dimensions)}"
                raise ValueError(msg)
        return self


class FactFamily(ExactFamily):
    """A fact table read by one of its times; a row whose list is empty is left out."""

    source: Literal["facts"]
    time: Name
    """The column whose instant places a row in a period; a row without it is left out."""
    until_now: bool = False
    """Whether the time may lie ahead, where a row is left out until it has come."""
    whole: tuple[Name, ...] = ()
    """The dimensions by which it is not divided: what shares by them are taken of."""

    @model_validator(mode="after")
    def _whole_of_dimensions(self) -> FactFamily:
        for name in self.whole:
            if name not in self.dimensions:
                msg = f"whole: {name!r} is not in {list(self.dimensions)}"
                raise ValueError(msg)
        return self


class NowFamily(ExactFamily):
    """A small table of how things stand now: one row per queue and shard, or per agent."""

    source: Literal["now"]
    where: dict[Name, str | int | tuple[str | int, ...]] = {}
    """Which rows count."""
    until: Name | None = None
    """The column of the instant from which on a row counts no more."""

    def conditions(self, table: str) -> list[str]:
        """Return which rows of `table` (its alias in the query) count, as SQL."""
        kept = [_condition(f"{table}.{column}", value) for column, value in self.where.items()]
        return [*kept, *([f"{table}.{self.until} > now64(3)"] if self.until else [])]


Family = Annotated[BaseFamily | FactFamily | NowFamily, Field(discriminator="source")]
