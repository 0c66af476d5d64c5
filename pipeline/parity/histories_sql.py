"""Contacts, tickets and escalations flow in, customers' histories flow out: tables, as SQL.

They are put into temporary tables on the disk, a few hundred bytes each, so that they can be read a
part of the customers at a time. A customer is a subject on a shard.
"""

from __future__ import annotations

from pipeline.parity.calls_sql import CONFIGS, FORCE
from pipeline.parity.ticket_rows_sql import WHOLE
from pipeline.parity.tickets_sql import ESCALATION, ESCALATION_TYPES, instant, standing

CONTACTS, TICKETS, ESCALATIONS = "parity_his_contacts", "parity_his_tickets", "parity_his_outside"

_WHO = "shard UInt16, subject String, id String, at Int64"
_WHAT = "known UInt8, issues Array(String), known_values Array(String), rules String"
_COLUMNS = {
    CONTACTS: f"{_WHO}, until Int64, root String, complaint UInt8, helped UInt8, {_WHAT}",
    TICKETS: (
        f"{_WHO}, contact String, merged UInt8, passed_on Int64, finished Int64, reopened Int64, "
        f"auto_at Int64, replied Int64, threat_at Int64, {_WHAT}"
    ),
    ESCALATIONS: f"{_WHO}, {_WHAT}",
}
_WINDOWS = (
    ("same_contact", "same_contact_minutes", 60_000, 15),
    ("resolution", "resolution_days", 86_400_000, 7),
    ("next_contact", "next_contact_days", 86_400_000, 7),
    ("complaint", "complaint_days", 86_400_000, 30),
    ("front_line", "front_line_hours", 3_600_000, 24),
    ("look_back", "look_back_days", 86_400_000, 90),
    ("threat", "threat_days", 86_400_000, 30),
)
"""Each window: its key in the configuration, in which unit, and what holds where none is told."""


def rules() -> str:
    """Every configuration's windows in ms, with what it calls an issue and a complaint."""
    told = ", ".join(
        f"any(if(JSONHas(content, 'repeats'), JSONExtractFloat(content, 'repeats', '{key}'), "
        f"{usual})) AS {name}_told"
        for name, key, _, usual in _WINDOWS
    )
    windows = ", ".join(
        f"round({name}_told * {unit})::Int64 AS {name}_ms" for name, _, unit, _ in _WINDOWS
    )
    return f"""
SELECT rules, level, complaint_types, {windows} FROM (
    SELECT
        rules, {told},
        any(if(JSONHas(content, 'repeats'), JSONExtractString(content, 'repeats', 'issue'),
            'topic')) AS level,
        any(if(JSONHas(content, 'repeats'),
            JSONExtract(content, 'repeats', 'complaint_types', 'Array(String)'), ['complaint']))
            AS complaint_types
    FROM (SELECT rules, content FROM ({CONFIGS}) UNION ALL SELECT '' AS rules, '' AS content)
    GROUP BY rules
)"""


def widest() -> str:
    """SQL for how far from a contact others may lie that have to do with it, ms."""
    windows = ", ".join(f"{name}_ms" for name, *_ in _WINDOWS)
    return f"SELECT max(greatest({windows})) FROM ({rules()})"


def create(table: str) -> str:
    """SQL for one of the tables that hold customers' histories."""
    columns = _COLUMNS[table]
    return f"CREATE TEMPORARY TABLE {table} ({columns}) ENGINE = MergeTree ORDER BY (subject, id)"


def contacts(source: str) -> str:
    """SQL for the contacts that begin in a span, to be put into `CONTACTS`.

    Parameters of the query: `site`; `row_from`, `row_to`: the span, epoch ms.

    Args:
        source: a table that holds what `calls_sql.call_contacts` gives.
    """
    return f"""
SELECT
    shard, subject, contact AS id, started_at AS at,
    arrayMax(arrayConcat([started_at], s.exit_at, s.ended_at)) AS until,
    if(root = '', contact, root) AS root, has(complaint_types, call_type) AS complaint,
    arrayExists(one -> one.agent != '', s) AS helped, identified AS known, topics AS issues,
    [deciding.queue, channel, call_type, deciding.agent, deciding.team, topics[1], product]
        AS known_values, rules
FROM (
    SELECT
        *, all_stays AS s,
        if(arrayExists(one -> one.exit = 'answered', s),
           arrayFirst(one -> one.exit = 'answered', s), s[-1]) AS deciding
    FROM {source}
    WHERE direction != 'outbound' AND started_at >= %(row_from)s AND started_at < %(row_to)s
) AS c
LEFT JOIN ({rules()}) AS r USING (rules)
"""


def tickets() -> str:
    """SQL for some tickets, from `ticket_rows_sql.WHOLE`, to be put into `TICKETS`."""
    reply = "e.type = 'ticket.replied' AND e.effect"
    return f"""
SELECT
    shard, subject, entity AS id, opened_at AS at, contact_id AS contact,
    after = 'merged' AS merged,
    arrayFirst(e -> e.type = 'task.assigned' OR e.type = 'ticket.dispatched' AND e.effect, es).now
        AS passed_on,
    if(is_finished, opening.3, 0) AS finished,
    if(length(cycles) > 1, cycles[2].1, 0) AS reopened,
    if(machine.k > 0 AND (person.k = 0 OR machine.k < person.k), machine.now, 0) AS auto_at,
    person.now AS replied,
    if(is_threat AND flagging.k > 0, flagging.now, 0) AS threat_at,
    customer_id != '' OR match(subject, '^(customer|phone|account):') AS known,
    arrayFilter(i -> i != '', [multiIf(
        level = 'topic' AND topic != '', topic,
        empty(categories), topic,
        level = 'category', categories[1],
        level = 'subcategory', categories[least(2, length(categories))],
        categories[-1])]) AS issues,
    [channel, priority, department, team, owner, category, topic, product, region, '']
        AS known_values, rules
FROM (
    SELECT *, arrayFirst(e -> {reply} AND e.auto, es) AS machine,
        arrayFirst(e -> {reply} AND NOT e.auto, es) AS person
    FROM {WHOLE}
) AS t
LEFT JOIN ({rules()}) AS r USING (rules)
"""


def escalations() -> str:
    """SQL for some escalations that went outside, to be put into `ESCALATIONS`."""
    return f"""
SELECT
    e.shard, e.subject, e.entity AS id, e.at, NOT startsWith(e.subject, 'escalation:') AS known,
    emptyArrayString() AS issues, arrayPushBack(arrayResize(emptyArrayString(), 9, ''), body)
        AS known_values, f.rules
FROM (
    SELECT
        shard, entity, any(subject) AS subject, any(began_at_place) AS began_at_place,
        ifNull(argMax(received, n), argMin(event_at, n)) AS at,
        argMax(type, n) AS last_type, argMaxIf(told_body, n, told_body != '') AS body
    FROM (
        SELECT
            shard, entity, subject, began_at_place, n, type, at AS event_at,
            {instant("'received_at'")} AS received, JSONExtractString(payload, 'body') AS told_body
        FROM ({standing(ESCALATION_TYPES, ESCALATION)})
    )
    GROUP BY shard, entity
) AS e
ASOF LEFT JOIN ({FORCE}) AS f ON e.shard = f.shard AND e.began_at_place > f.place
WHERE last_type = 'escalation.external'
"""
