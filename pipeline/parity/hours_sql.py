"""Configurations flow in, a table of openings flows out, and what any instant or duration is by it.

Each calendar of each configuration is laid out as rows: from when until when it is open, and how
much of it was open before. So the business time until an instant is one look at the row in front of
it, and the instant by which so much has passed is one look at the row in which the sum is reached.
Calendar time is one row that is open for ever, under the name ''.

A local time is the first instant at which the clock shows it or a later one. Where the offset a day
before and a day after agree, that is plain; else one of the two holds, or the time is skipped and
the moment of the change counts.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.parity.calls_sql import CONFIGS
from pipeline.parity.contacts_sql import quoted, stepwise

OPENINGS = "parity_openings"
"""A table of what `openings` gives."""
NEVER = "4611686018427387904"
YEARS_AHEAD = 10
"""How far beyond the last event a deadline may lie."""

_ALWAYS = f"SELECT '' AS hours, toInt64(0) AS start, toInt64({NEVER}) AS end, toInt64(0) AS before"
_DAYS = "['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']"


def _calendars(rules: Sequence[str]) -> str:
    """The calendars of some configurations: week by weekday, and the dates that differ."""
    listed = ", ".join(map(quoted, rules))
    return stepwise(
        f"""
        SELECT rules, calendar.1 AS name, calendar.2 AS said
        FROM (SELECT DISTINCT rules, content FROM ({CONFIGS}) WHERE rules IN ({listed}))
        ARRAY JOIN JSONExtractKeysAndValuesRaw(content, 'calendars') AS calendar
        """,
        f"""
        concat(rules, '/', name) AS hours,
        arrayMap(k -> (indexOf({_DAYS}, splitByChar('-', k.1)[1]),
            indexOf({_DAYS}, splitByChar('-', k.1)[-1]), k.2),
            JSONExtractKeysAndValues(said, 'hours', 'Array(String)')) AS spans,
        JSONExtract(said, 'holidays', 'Array(String)') AS holidays,
        JSONExtract(said, 'make_up_days', 'Array(String)') AS make_up_days,
        indexOf({_DAYS}, JSONExtractString(said, 'make_up_as')) AS make_up_as
        """,
    )


def _of_zone(zone: str, rules: Sequence[str]) -> str:
    """The openings of some configurations that have one time zone."""

    def offset(at: str) -> str:
        return f"toInt64(timeZoneOffset(toDateTime({at}, {quoted(zone)})))"

    return stepwise(
        f"""
        SELECT hours, spans, holidays, make_up_days, make_up_as,
            toInt64(arrayJoin(range(toUInt64(%(day_from)s), toUInt64(%(day_to)s)))) AS day
        FROM ({_calendars(rules)})
        """,
        "toDate32(day) AS date",
        """
        multiIf(has(holidays, toString(date)), 0, has(make_up_days, toString(date)), make_up_as,
            toDayOfWeek(date)) AS works_as
        """,
        """
        arrayJoin(arrayFlatten(arrayMap(s -> s.3,
            arrayFilter(s -> works_as BETWEEN s.1 AND s.2, spans)))) AS opening
        """,
        """
        arrayJoin([1, 2]) AS side,
        arrayMap(t -> toInt64(t), splitByChar(':', splitByChar('-', opening)[side])) AS time
        """,
        "day * 86400 + time[1] * 3600 + time[2] * 60 AS wall",
        f"""
        {offset("wall - 86400")} AS before, {offset("wall + 86400")} AS after
        """,
        f"""
        multiIf(
            before = after OR {offset("wall - before")} = before, wall - before,
            {offset("wall - after")} = after, wall - after,
            arrayFirst(m -> {offset("m")} = after,
                range(toUInt64(wall - after), toUInt64(wall - before) + 60, 60))
        ) * 1000 AS at
        """,
    )


def days_of(states: str) -> str:
    """SQL for the days, since 1970, between which the tickets of a table need openings."""
    return f"""
SELECT
    greatest(0, intDiv(min(opened_at), 86400000) - 2),
    intDiv(max(greatest(now, ifNull(due_told, 0))), 86400000) + {YEARS_AHEAD * 366}
FROM {states}"""


def openings(zones: Sequence[tuple[str, str]]) -> str:
    """SQL for every opening of every calendar, and for calendar time.

    Parameters of the query: `site`; `day_from`, `day_to`: which days, since 1970.

    Args:
        zones: (configuration hash, IANA zone).
    """
    by_zone: dict[str, list[str]] = {}
    for rules, zone in zones:
        by_zone.setdefault(zone, []).append(rules)
    sides = " UNION ALL ".join(
        f"SELECT hours, day, opening, side, toInt64(at) AS at FROM ({_of_zone(zone, rules)})"
        for zone, rules in by_zone.items()
    )
    if not sides:
        return _ALWAYS
    return f"""
{_ALWAYS}
UNION ALL
SELECT hours, start, end, toInt64(sum(end - start) OVER (
    PARTITION BY hours ORDER BY start) - (end - start)) AS before
FROM (
    SELECT hours, minIf(at, side = 1) AS start, maxIf(at, side = 2) AS end
    FROM ({sides}) GROUP BY hours, day, opening HAVING start < end
)"""


def _beside(source: str, hours: str, at: str, column: str, say: str) -> str:
    """Each row with what `say` makes of the last opening of its hours whose column is below."""
    return f"""
SELECT l.* EXCEPT (hours_asked, at_asked), {say}
FROM (
    SELECT *, {hours} AS hours_asked, toInt64(ifNull({at}, 0)) AS at_asked FROM ({source})
) AS l
ASOF LEFT JOIN {OPENINGS} AS o ON l.hours_asked = o.hours AND l.at_asked {column}
"""


def opened(source: str, hours: str, at: str, name: str) -> str:
    """Add `name`: how much was open until an instant; NULL where there is none."""
    value = "o.before + least(l.at_asked, o.end) - o.start"
    return _beside(source, hours, at, ">= o.start", f"if({at} IS NULL, NULL, {value}) AS {name}")


def after(source: str, hours: str, start: str, wanted: str, name: str) -> str:
    """Add `name`: the first instant from `start` on by which so much was open; NULL as `opened`.

    Args:
        source: the query to add it to.
        hours: SQL for the name of the hours.
        start: SQL for the instant.
        wanted: SQL for how much is to have been open, as `opened` counts it.
        name: of the column.
    """
    value = f"greatest({start}, o.start + l.at_asked - o.before)"
    say = f"if({wanted} IS NULL, NULL, {value}) AS {name}"
    return _beside(source, hours, wanted, "> o.before", say)


def is_open(source: str, hours: str, at: str, name: str) -> str:
    """Add `name`: whether it is open at an instant."""
    return _beside(source, hours, at, ">= o.start", f"l.at_asked < o.end AS {name}")
