"""Tickets' events with their states flow in, which promised reply dates were kept flows out: SQL.

- *A promise* is told by an event of an open ticket whose `promised_at` is not that of the event
  that told one before. It is due then, or when it was told if that is later.
- *It is answered* by the first human reply or resolution between it and the next promise, of which
  that one's own event may be the reply.
- *It does not count* if, unanswered, another one was told before it was due, or the ticket was
  merged or archived by then.
"""

from __future__ import annotations

from pipeline.parity.contacts_sql import stepwise
from pipeline.parity.hours_sql import NEVER
from pipeline.parity.ticket_levels_sql import passed
from pipeline.parity.tickets_sql import OPEN, instant

SUMS = ("promises_due", "promises_kept")
_EVENT = """Tuple(
    k UInt64, now Int64, word String, answers UInt8, ends UInt8, promised Nullable(Int64))"""


def promises(source: str, dimensions: tuple[str, ...]) -> str:
    """SQL for what promises count as: dims values, measure, bin, moment, value.

    Args:
        source: a table of every event of some tickets, with its state and the clocks in force.
        dimensions: of the family `tickets`.
    """
    last = ("now", "after", "forget_ms", "running", "last_place", *dimensions)
    judged = stepwise(
        f"""
        SELECT
            shard, entity, argMax(tuple({", ".join(last)}), k) AS latest,
            arraySort(e -> e.k, groupArray(CAST((
                k, now, word,
                is_ticket AND has_effect AND (word IN ('resolved', 'closed')
                    OR word = 'replied' AND NOT is_auto),
                is_ticket AND has_effect AND word IN ('merged', 'archived'),
                if(is_ticket AND has({OPEN}, after), {instant("'promised_at'")}, NULL)
            ) AS {_EVENT}))) AS es
        FROM {source}
        GROUP BY shard, entity
        """,
        ", ".join(f"latest.{i} AS {name}" for i, name in enumerate(last, 1)),
        "arrayFilter(e -> e.promised IS NOT NULL, es) AS told",
        """
        arrayFilter((e, i) -> i = 1
            OR assumeNotNull(e.promised) != assumeNotNull(told[i - 1].promised),
            told, arrayEnumerate(told)) AS made
        """,
    )
    each = stepwise(
        f"SELECT *, p, following FROM ({judged}) "
        "ARRAY JOIN made AS p, arrayResize(arrayPopFront(made), length(made)) AS following",
        f"""
        greatest(assumeNotNull(p.promised), p.now) AS due_at,
        if(following.k = 0, toUInt64({NEVER}), following.k) AS until,
        arrayFirst(e -> e.answers AND e.k > p.k AND e.k <= until, es) AS hearing,
        arrayFirst(e -> e.ends AND e.k > p.k AND e.k < until, es) AS ending
        """,
        f"""
        hearing.k > 0 AND hearing.now <= due_at AS is_kept,
        multiIf(
            ending.k > 0 AND ending.now <= due_at AND (hearing.k = 0 OR hearing.k > ending.k), 0,
            hearing.k > 0, 1,
            following.k > 0, toUInt8(following.now >= due_at),
            due_at < now, 1,
            NOT has({OPEN}, after), 0,
            {passed("due_at", "now")}) AS status
        """,
    )
    return f"""
SELECT
    'tickets' AS family, [{", ".join(dimensions)}] AS known,
    counted.1 AS measure, 0::UInt16 AS bin, due_at AS at, counted.2 AS value
FROM ({each})
ARRAY JOIN [
    (if(status = 2, 'promises_due?', 'promises_due'), toInt64(1)),
    ('promises_kept', toInt64(is_kept))] AS counted
WHERE status > 0 AND value != 0
"""
