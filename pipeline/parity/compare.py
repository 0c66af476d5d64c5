"""Two sides of a base family flow in, as SQL; a verdict per base measure flows out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

EXAMPLES = 3
SETTINGS = """
SETTINGS max_block_size = 8192, join_use_nulls = 0,
    optimize_and_compare_chain = 0, optimize_extract_common_expressions = 0"""
"""Small blocks, for lambdas repeat what they capture for every element of an array. And without
two rewritings of conditions that take seconds on a query of this size, before the first row."""


class Store(Protocol):
    """Where the tables are: a ClickHouse client."""

    def execute(
        self, sql: str, params: Mapping[str, Any] | None = None, /
    ) -> Sequence[Sequence[Any]]:
        """Run a query, with %(name)s put in, and return its rows."""


class Difference(NamedTuple):
    """One count that differs: in this row of a dimension set, in a histogram's bin."""

    minute: int
    """Epoch seconds."""
    dims: str
    values: tuple[str, ...]
    bin: int
    recomputed: int
    stored: int


@dataclass(slots=True)
class Verdict:
    """How one base measure compares."""

    family: str
    measure: str
    minutes: int = 0
    """Minutes in which either side counts something."""
    total: int = 0
    """What was recomputed for the site, over all minutes and bins."""
    worst: int = 0
    """The greatest absolute difference of one count."""
    different: int = 0
    """Minutes that differ."""
    examples: list[Difference] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Family:
    """Both sides of a base family, as SQL, and what was found so far by measure."""

    dimensions: tuple[str, ...]
    recomputed: str
    stored: str
    verdicts: dict[str, Verdict]


def verdicts_of(family: str, measures: Sequence[str]) -> dict[str, Verdict]:
    """Nothing found yet, by measure."""
    return {measure: Verdict(family, measure) for measure in measures}


def compare(store: Store, family: Family, params: Mapping[str, Any]) -> int:
    """Compare one span; returns the number of counts in doubt."""
    key = ", ".join(["dims", "minute", *family.dimensions])
    sql = f"""
SELECT
    measure,
    uniqExact(minute),
    sumIf(recomputed, dims = 'site'),
    max(abs(off)),
    uniqExactIf(minute, off != 0),
    arraySlice(arraySort(groupArrayIf(1000)(
        (minute, dims, [{", ".join(family.dimensions)}], bin, recomputed, stored), off != 0
    )), 1, {EXAMPLES}),
    sumIf(doubt, dims = 'site')
FROM (
    SELECT
        {key}, replaceOne(name, '?', '') AS measure, bin,
        sumIf(value, side = 1 AND name = measure) AS recomputed,
        sumIf(value, side = 2) AS stored,
        sumIf(value, name != measure) AS doubt,
        stored - recomputed AS apart,
        if(apart BETWEEN least(0, doubt) AND greatest(0, doubt), 0, apart) AS off
    FROM (
        SELECT {key}, measure AS name, bin, value, 1 AS side FROM ({family.recomputed})
        UNION ALL
        SELECT {key}, measure AS name, bin, value, 2 AS side FROM ({family.stored})
    )
    GROUP BY {key}, measure, bin
)
GROUP BY measure{SETTINGS}"""
    in_doubt = 0
    for name, minutes, total, worst, different, examples, doubt in store.execute(sql, params):
        verdict = family.verdicts[name]
        verdict.minutes += minutes
        verdict.total += total
        verdict.worst = max(verdict.worst, worst)
        verdict.different += different
        room = EXAMPLES - len(verdict.examples)
        verdict.examples += [
            Difference(minute, dims, tuple(values), bin_, ours, theirs)
            for minute, dims, values, bin_, ours, theirs in examples[:room]
        ]
        in_doubt += doubt
    return in_doubt
