"""Tickets' events and what tickets amount to flow in, departments' part of the time flows out: SQL.

- *A department has a ticket* from the assignment of a task, or the return of its answer, until it
  answers, the task is closed or sent back, or another department gets it.
- *Its part* of a resolved ticket is how long that was between opening and last resolution; where it
  has several tasks at once the time counts once, and likewise for all departments together.
"""

from __future__ import annotations

from pipeline.parity.contacts_sql import stepwise

SUMS = ("dept_held_ms", "dept_ticket_ms")
_EVENT = "Tuple(k UInt64, now Int64, word String, moved UInt8, department String, before String)"
_SO_FAR = "OVER (PARTITION BY shard, entity, task ORDER BY k ROWS UNBOUNDED PRECEDING)"

_STINTS = stepwise(
    """
    SELECT shard, entity, task, arraySort(e -> e.k, groupArray(CAST(
        (k, now, word, moved, department, department_before) AS {event}))) AS es
    FROM ({told}) GROUP BY shard, entity, task
    """.replace("{event}", _EVENT),
    """
    arrayPopFront(arrayFold((states, e) -> arrayPushBack(states, multiIf(
        e.word = 'assigned', 'held',
        e.word IN ('answered', 'closed'), 'answered',
        e.word = 'urged', states[-1],
        states[-1] = 'answered', 'held',
        'nobody')), es, [''])) AS states
    """,
    """
    arrayMap((s, e) -> s != 'held' OR e.word = 'assigned' AND e.moved, states, es) AS ends,
    arrayMap((s, before, e) -> s = 'held' AND (before != 'held' OR e.word = 'assigned' AND e.moved),
        states, arrayPushFront(arrayPopBack(states), ''), es) AS begins
    """,
    """
    arrayMap(e -> (e.now, arrayFirst((l, x) -> x AND l.k > e.k, es, ends) AS leaving, multiIf(
        leaving.k = 0, es[-1].department, leaving.word = 'assigned', leaving.before,
        leaving.department)), arrayFilter((e, b) -> b, es, begins)) AS stints
    """,
)


def _union(spans: str) -> str:
    return f"""
arrayFold((sum, s) -> (sum.1 + greatest(0, s.2 - greatest(s.1, sum.2)), greatest(sum.2, s.2)),
    arraySort({spans}), (toInt64(0), toInt64(-4611686018427387904))).1"""


def counted(events: str, tickets: str) -> str:
    """SQL for the counts of some tickets in the family `tasks`, as `tasks_sql.counted` gives them.

    Args:
        events: a table of every event of the tickets, in order.
        tickets: a table of what each amounts to.
    """
    told = stepwise(
        f"""
        SELECT shard, entity, k, now, word, JSONExtractString(payload, 'task_id') AS task, payload
        FROM {events} WHERE startsWith(type, 'task.')
        """,
        f"""
        ifNull(anyLast(nullIf(JSONExtractString(payload, 'department'), '')) {_SO_FAR}, '')
            AS department
        """,
        """
        lagInFrame(department) OVER (PARTITION BY shard, entity, task ORDER BY k
            ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS department_before,
        department_before != '' AND department != department_before AS moved
        """,
    )
    spans = f"""
SELECT
    shard, entity, stint.3 AS department, resolved_at,
    greatest(0, assumeNotNull(resolved_at - opened_at)) AS took,
    toInt64(assumeNotNull(greatest(stint.1, opened_at))) AS begin,
    toInt64(assumeNotNull(if(stint.2.k = 0, resolved_at, least(stint.2.now, resolved_at)))) AS over
FROM ({_STINTS.replace("{told}", told)}) AS t
INNER JOIN (SELECT shard, entity, opened_at, resolved_at FROM {tickets} WHERE resolved_at > 0) AS w
    USING (shard, entity)
ARRAY JOIN stints AS stint
"""
    parts = " UNION ALL ".join(
        f"""
SELECT '{dims}' AS dims, {known} AS known, resolved_at AS at,
    {_union("groupArray((begin, over))")} AS held, took AS whole
FROM ({spans}) GROUP BY shard, entity, known, resolved_at, took"""
        for dims, known in (("site", "['', '', '']"), ("department", "[department, '', '']"))
    )
    return f"""
SELECT
    'tasks' AS family, dims, known, counted.1 AS measure, 0::UInt16 AS bin,
    toInt64(floor(at / 60000) * 60) AS minute, sum(counted.2) AS value
FROM ({parts})
ARRAY JOIN [('dept_held_ms', toInt64(held)), ('dept_ticket_ms', toInt64(whole))] AS counted
WHERE counted.2 != 0
GROUP BY dims, known, measure, bin, minute
"""
