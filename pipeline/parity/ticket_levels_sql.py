"""Tickets' events with their states flow in, the clocks in force and the levels flow out, as SQL.

Between two events of an open ticket only time passes. Each such stretch is in a level from where it
begins, or a clock runs out, until the next event, or until the ticket is forgotten.
"""

from __future__ import annotations

from pipeline.parity.calls_sql import CONFIGS, FORCE
from pipeline.parity.contacts_sql import stepwise
from pipeline.parity.hours_sql import NEVER, after, opened
from pipeline.parity.tickets_sql import OPEN, STATES

LEVEL_DIMENSIONS = ("department", "team", "priority", "channel", "category")
LEVELS = (
    *("backlog", "at_risk_open", "at_risk_high", "overdue_open", "very_urgent_open"),
    *("silent_open", "backlog_1d", "backlog_3d", "backlog_7d", "backlog_15d", "done_14d"),
)

KNOWN = "parity_ticket_clocks"
"""A table of what `known` gives."""

_DAY_MS = 86_400_000
_CLOCKS = """Tuple(
    response_minutes Nullable(Float64), resolution_hours Nullable(Float64),
    silent_hours Nullable(Float64))"""
_RULES = f"""
SELECT
    rules,
    any(JSONExtract(content, 'tickets', 'default', '{_CLOCKS}')) AS usual,
    any(JSONExtract(content, 'tickets', 'priorities', 'Map(String, {_CLOCKS})')) AS priorities,
    any(JSONExtract(content, 'tickets', 'very_urgent', 'Array(String)')) AS urgent_priorities,
    any(JSONExtractUInt(content, 'tickets', 'forget_days')) AS forget_days,
    any(JSONExtractString(content, 'calendar')) AS own_calendar,
    any(JSONExtract(content, 'departments', 'Map(String, Tuple(calendar Nullable(String)))'))
        AS departments,
    any(JSONExtractRaw(content, 'tickets', 'default', 'business')) AS usual_business,
    any(arrayMap(p -> (p.1, JSONExtractRaw(p.2, 'business')),
        JSONExtractKeysAndValuesRaw(content, 'tickets', 'priorities'))) AS businesses
FROM ({CONFIGS}) GROUP BY rules
"""


def _ms(clock: str, unit_ms: int) -> str:
    """A clock in force: the priority's own, else the default one; NULL where none runs."""
    own = f"tupleElement(priorities[priority], '{clock}')"
    own = f"if(mapContains(priorities, priority), {own}, NULL)"
    return f"round(coalesce({own}, tupleElement(usual, '{clock}')) * {unit_ms})::Nullable(Int64)"


def known(clocks: str) -> str:
    """SQL for the states, each with the clocks in force, and how far its domain's own clock is.

    Deadlines run by the hours `runs_by`, durations are measured in `worked_by` where that is not
    '', and the centre itself is open by `centre`.
    """
    states = stepwise(
        f"""
        SELECT c.*, r.*
        FROM (
            SELECT s.*, f.rules AS rules
            FROM {STATES} AS s
            ASOF LEFT JOIN ({FORCE}) AS f ON s.shard = f.shard AND s.began_at_place > f.place
        ) AS c
        LEFT JOIN ({_RULES}) AS r USING (rules)
        """,
        f"""
        {_ms("response_minutes", 60_000)} AS response_ms,
        {_ms("resolution_hours", 3_600_000)} AS resolution_ms,
        {_ms("silent_hours", 3_600_000)} AS silent_ms,
        toInt64(if(forget_days = 0, 365, forget_days)) * {_DAY_MS} AS forget_ms,
        arrayFirst(c -> c.1 = shard AND c.2 = last_domain, {clocks}) AS running,
        arrayFirst(b -> b.1 = priority, businesses).2 AS own_business,
        if(mapContains(departments, department), departments[department].calendar, NULL)
            AS department_calendar,
        if(own_calendar = '', '', concat(rules, '/', own_calendar)) AS centre
        """,
        """
        if(department_calendar IS NULL, centre, concat(rules, '/', department_calendar))
            AS worked_by,
        if(own_business IN ('', 'null'), usual_business, own_business) AS business,
        reasons > 0 OR has(urgent_priorities, priority) AS is_urgent,
        now + forget_ms AS forget_at
        """,
        """
        multiIf(business = 'true', worked_by, startsWith(business, '"'),
            concat(rules, '/', JSONExtractString(concat('[', business, ']'), 1)), '') AS runs_by
        """,
    )
    by, start = "runs_by", "opened_at"
    dated = opened(states, by, start, "open_before")
    dated = after(dated, by, start, "open_before + resolution_ms", "due_allowed")
    dated = opened(dated, by, "ifNull(due_told, due_allowed)", "open_until_due")
    dated = stepwise(
        dated,
        "ifNull(due_told, due_allowed) AS due, greatest(open_until_due - open_before, 0) AS given",
    )
    # greatest passes over NULL.
    dated = stepwise(dated, "if(due IS NULL, NULL, given) AS allowed")
    dated = after(dated, by, start, "open_before + intDiv(allowed * 3, 4)", "at_risk_from")
    dated = after(dated, by, start, "open_before + intDiv(allowed * 9, 10)", "high_risk_from")
    dated = opened(dated, by, "now", "open_so_far")
    return after(dated, by, "now", "open_so_far + silent_ms", "silent_from")


def passed(at: str, since: str) -> str:
    """Whether the stream's clock has passed a deadline of a ticket that waits.

    Beyond the moment at which it is forgotten none is looked at. 2: only the stream knows.
    """
    return (
        f"multiIf({at} > {since} + forget_ms, 0, running.2 = '', 1, "
        f"{at} < running.3 AND last_place < running.4, 1, 2)"
    )


def levels() -> str:
    """SQL for the levels, from `KNOWN`: dims values, measure, minute, value."""
    bounds = stepwise(
        f"SELECT * FROM {KNOWN} WHERE has({OPEN}, after)",
        # greatest and least pass over NULL.
        f"""
        least(ifNull(next, {NEVER}), forget_at) AS over,
        if(due IS NULL, NULL, least(due, over)) AS until_due
        """,
        f"""
        arrayFilter(b -> b.2 < b.3, arrayMap(
            b -> (b.1, greatest(assumeNotNull(b.2), now), assumeNotNull(b.3)),
            arrayFilter(b -> isNotNull(b.2) AND isNotNull(b.3), [
                ('backlog', toNullable(now), toNullable(over)),
                ('backlog_1d', opened_at + {_DAY_MS}, over),
                ('backlog_3d', opened_at + 3 * {_DAY_MS}, over),
                ('backlog_7d', opened_at + 7 * {_DAY_MS}, over),
                ('backlog_15d', opened_at + 15 * {_DAY_MS}, over),
                ('very_urgent_open', if(is_urgent, now, NULL), over),
                ('at_risk_open', at_risk_from, until_due),
                ('at_risk_high', high_risk_from, until_due),
                ('overdue_open', due, over),
                ('silent_open', silent_from, over)
            ]))) AS bounds
        """,
        """
        arrayFlatten(arrayMap(b -> [(b.1, b.2, 1), (b.1, b.3, -1)], bounds)) AS changes
        """,
    )
    head = """
    'ticket_levels' AS family, [channel, '', priority, '', department, team, category, '', '', '']
        AS known,"""
    return f"""
SELECT
    {head}
    concat(change.1, if(status = 2, '?', '')) AS measure, 0::UInt16 AS bin,
    change.2 AS at, toInt64(change.3) AS value
FROM (
    SELECT *, change,
        if(next IS NOT NULL OR change.2 <= now, 1, {passed("change.2", "now")}) AS status
    FROM ({bounds}) ARRAY JOIN changes AS change
)
WHERE status > 0
UNION ALL
SELECT
    {head}
    'done_14d' AS measure, 0::UInt16 AS bin, change.1 AS at, toInt64(change.2) AS value
FROM ({_resolved()})
ARRAY JOIN [(now, 1), (now + 14 * {_DAY_MS}, -1)] AS change
"""


def _resolved() -> str:
    """SQL for the event by which each ticket was resolved or closed last, if it still is."""
    whole = stepwise(
        f"SELECT * FROM {KNOWN}",
        """
        maxIf(k, type = 'ticket.reopened' AND has_effect AND before != '') OVER (
            PARTITION BY shard, entity) AS reopened_k,
        maxIf(k, type = 'ticket.merged' AND has_effect) OVER (
            PARTITION BY shard, entity) AS merged_k
        """,
    )
    return f"""
SELECT * FROM ({whole})
WHERE has(['resolved', 'closed'], after) AND has(arrayPushBack({OPEN}, ''), before)
  AND k > reopened_k AND merged_k = 0
"""
