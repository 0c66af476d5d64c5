"""What tickets and escalations count as flows in, rows flow out: sums by place and minute."""

from __future__ import annotations

from pipeline.parity.ticket_levels_sql import LEVEL_DIMENSIONS, LEVELS
from pipeline.parity.ticket_rows_sql import DIMENSIONS, HISTOGRAMS, SUMS

COUNTED = "parity_ticket_counts"
"""A table of what every ticket and escalation counts as, added up; see `create_counted`."""

_SETS: dict[str, dict[str, tuple[str, ...]]] = {
    "tickets": {
        "site": (),
        "team": ("department", "team", "priority"),
        "service": ("channel", "tier", "priority"),
        "topic": ("category", "topic", "product"),
        "region": ("region", "product"),
        "severity": ("severity", "priority"),
    },
    "ticket_levels": {
        "site": (),
        "team": ("department", "team", "priority"),
        "channel": ("channel", "priority"),
        "category": ("category", "priority"),
    },
    "escalations": {"site": ()},
}


def _places(family: str) -> str:
    """Each declared set of dimensions, with the values that a count has in it."""
    sets = []
    for dims, columns in _SETS[family].items():
        values = (f"known[{i}]" if n in columns else "''" for i, n in enumerate(DIMENSIONS, 1))
        sets.append(f"('{dims}', [{', '.join(values)}])")
    return f"[{', '.join(sets)}]"


def create_counted() -> str:
    """SQL for the table in which counts are added up."""
    return f"""
CREATE TEMPORARY TABLE {COUNTED} (
    family String, dims String, known Array(String), measure String, bin UInt16, minute Int64,
    value Int64) ENGINE = Memory"""


def counted(family: str, source: str) -> str:
    """SQL for the counts of some tickets, to be put into `COUNTED`.

    Args:
        family: tickets, ticket_levels or escalations.
        source: one of its queries.
    """
    kept = "tickets" if family == "escalations" else family
    return f"""
SELECT
    '{kept}' AS family, place.1 AS dims, place.2 AS known, measure, bin,
    toInt64(floor(at / 60000) * 60) AS minute, sum(value) AS value
FROM (SELECT *, {_places(family)} AS places FROM ({source}) WHERE value != 0)
ARRAY JOIN places AS place
GROUP BY dims, known, measure, bin, minute
"""


def rows(family: str) -> str:
    """SQL for every recomputed count of a family whose minute lies in the span, from `COUNTED`."""
    dimensions = LEVEL_DIMENSIONS if family == "ticket_levels" else DIMENSIONS
    columns = ", ".join(f"known[{DIMENSIONS.index(name) + 1}] AS {name}" for name in dimensions)
    return f"""
SELECT dims, minute, {columns}, measure, bin, value
FROM {COUNTED}
WHERE family = '{family}' AND minute * 1000 >= %(row_from)s AND minute * 1000 < %(row_to)s
"""


def stored(family: str) -> str:
    """SQL for the same counts as they are stored; parameters `site`, `row_from`, `row_to`."""
    is_level = family == "ticket_levels"
    sums = ", ".join(f"('{n}', 0::UInt16, {n})" for n in (LEVELS if is_level else SUMS))
    bins = ", ".join(
        f"arrayMap((b, n) -> ('{name}', b, n), mapKeys({name}), mapValues({name}))"
        for name in (() if is_level else HISTOGRAMS)
    )
    measures = f"arrayConcat([{sums}], {bins})" if bins else f"[{sums}]"
    dimensions = LEVEL_DIMENSIONS if is_level else DIMENSIONS
    return f"""
SELECT
    dims, toInt64(toUnixTimestamp(minute)) AS minute, {", ".join(dimensions)},
    counted.1 AS measure, counted.2 AS bin, counted.3 AS value
FROM {"ticket_levels" if is_level else "ticket_minutes"} FINAL
ARRAY JOIN arrayFilter(m -> m.3 != 0, {measures}) AS counted
WHERE site = %(site)s
  AND toUnixTimestamp(minute) >= intDiv(%(row_from)s, 1000)
  AND toUnixTimestamp(minute) < intDiv(%(row_to)s, 1000)
"""
