"""Records of `raw_events` flow in, each ticket's events with how it stood after them flow out: SQL.

The definitions, in the order in which the queries apply them:

- *Standing events* are found as for contacts: the highest version, no dead letter, none that moved
  to another ticket, none that is corrected; where corrections go round in a circle, all.
- *Order.* Event time, then the natural order of events, then the id; but events that the desk
  numbers (`seq`) change places among themselves, so that their numbers rise. A moment is never
  before that of an earlier event.
- *Stages* follow each other by the table of `_LEGAL`; what cannot follow changes nothing, but a
  ticket that is archived while open is over all the same.
- *What is known* is the latest word of the ticket's own events. A return takes department, team and
  owner away from it.
"""

from __future__ import annotations

from pipeline.parity.contacts_sql import PLACE, stepwise

TYPES = (
    *("ticket.received", "ticket.registered", "ticket.dispatched", "task.assigned"),
    *("ticket.accepted", "ticket.updated", "task.urged", "task.answered", "task.returned"),
    *("task.closed", "escalation.internal", "escalation.external", "ticket.returned"),
    *("ticket.replied", "ticket.resolved", "followup.due", "followup.attempted"),
    *("followup.reached", "ticket.followed_up", "ticket.closed", "ticket.reopened"),
    *("ticket.merged", "ticket.archived"),
)
"""The events of a ticket, in the order that they have within one millisecond."""
ESCALATION_TYPES = ("escalation.internal", "escalation.external")
TICKET = (
    "if(startsWith(event_type, 'escalation.'), JSONExtractString(payload, 'ticket_ids', 1), "
    "JSONExtractString(payload, 'ticket_id'))"
)
ESCALATION = "JSONExtractString(payload, 'escalation_id')"
STATES = "parity_ticket_states"
"""A table of what `states` gives, for some of the tickets at a time."""

OPEN = "['received', 'registered', 'dispatched', 'accepted', 'returned', 'reopened']"
_LEGAL = {
    "received": "[]",
    "registered": "['received']",
    "dispatched": OPEN,
    "accepted": OPEN,
    "returned": "['registered', 'dispatched', 'accepted', 'reopened']",
    "resolved": OPEN,
    "reopened": "['resolved', 'closed', 'archived']",
    "closed": f"arrayPushBack({OPEN}, 'resolved')",
    "archived": "['resolved', 'closed']",
    "merged": f"arrayConcat({OPEN}, ['resolved', 'closed'])",
    "updated": f"arrayConcat({OPEN}, ['resolved', 'closed'])",
    "replied": f"arrayConcat({OPEN}, ['resolved', 'closed'])",
    "followed_up": "['resolved', 'closed', 'archived']",
}
"""After which stages each may come; as the first word of a ticket any may."""
_TELLING = "['updated', 'replied', 'followed_up']"
"""Words that move nothing."""

_WORDS = ", ".join(f"'{word}'" for word in _LEGAL)
_AFTER = ", ".join(_LEGAL.values())


def _listed(types: tuple[str, ...]) -> str:
    return ", ".join(f"'{name}'" for name in types)


def standing(types: tuple[str, ...], key: str) -> str:
    """SQL for the events that stand in their entities, numbered in order of time.

    Parameters of the query: `site`; `part`, `parts`: which of how many parts of the entities.

    Args:
        types: the event types, in their natural order.
        key: SQL for the id of the entity that a record tells of.
    """
    listed = _listed(types)
    records = f"""
SELECT
    shard, domain, subject, event_id, event_type, version, payload, {key} AS entity,
    {PLACE} AS place
FROM raw_events FINAL
WHERE site = %(site)s AND kind = 'event' AND event_id != '' AND event_type IN ({listed})
  AND (shard, generation, offset) NOT IN (
      SELECT shard, generation, offset FROM dead_letters WHERE event_type IN ({listed}))
"""
    moves = f"""
SELECT shard, event_id, arrayJoin(arrayFilter(e -> e != stands_in, entities)) AS entity
FROM (
    SELECT
        shard, event_id, groupUniqArray(entity) AS entities,
        argMax(entity, (version, -place)) AS stands_in
    FROM ({records}) GROUP BY shard, event_id HAVING length(entities) > 1
)
"""
    judged = stepwise(
        f"""
        SELECT
            shard, entity, event_id, max(version) AS event_version, min(place) AS first_place,
            argMax((event_type, domain, place, payload), (version, -place)) AS stands,
            argMin(subject, place) AS first_subject
        FROM ({records})
        WHERE entity != '' AND cityHash64(entity) %% %(parts)s = %(part)s
        GROUP BY shard, entity, event_id
        """,
        f"""
        stands.1 AS type, stands.4 AS payload,
        JSONExtractString(payload, 'corrects') AS corrects,
        {instant("'occurred_at'")} AS at,
        (shard, event_id, entity) IN ({moves}) AS is_moved
        """,
        """
        min(first_place) OVER whole AS began_at_place,
        argMin(first_subject, first_place) OVER whole AS subject,
        max((stands.3, stands.2)) OVER whole AS latest,
        maxIf((event_version, event_id), NOT is_moved) OVER (
            PARTITION BY shard, entity, corrects) AS last_word,
        groupUniqArrayIf(corrects, NOT is_moved) OVER whole AS corrected
        """,
        """
        NOT is_moved AND NOT has(corrected, event_id)
            AND (corrects = '' OR (event_version, event_id) = last_word) AS is_valid
        """,
        "max(is_valid) OVER whole AS is_any_valid",
    ).replace(
        # Both steps that look at all events of an entity name the same window.
        "OVER whole",
        "OVER (PARTITION BY shard, entity)",
    )
    return f"""
SELECT
    shard, entity, event_id, type, at, payload, began_at_place, subject,
    latest.1 AS last_place, latest.2 AS last_domain,
    row_number() OVER (
        PARTITION BY shard, entity ORDER BY at, indexOf([{listed}], type), event_id) AS n
FROM ({judged})
WHERE is_valid OR NOT is_any_valid AND NOT is_moved
"""


def instant(field: str) -> str:
    """SQL for a field of the payload as epoch ms; NULL where it is not told."""
    return (
        f"toUnixTimestamp64Milli(parseDateTime64BestEffortOrNull(JSONExtractString(payload, "
        f"{field}), 6, 'UTC')::Nullable(DateTime64(3, 'UTC')))"
    )


def _text(field: str) -> str:
    return f"nullIf(JSONExtractString(payload, '{field}'), '')"


_NUMBERED = stepwise(
    f"""
    SELECT
        *,
        count(seq) OVER (PARTITION BY shard, entity ORDER BY n) AS slot,
        row_number() OVER (
            PARTITION BY shard, entity, isNull(seq) ORDER BY seq, n) AS turn
    FROM (
        SELECT *, JSONExtract(payload, 'seq', 'Nullable(Float64)') AS seq
        FROM ({standing(TYPES, TICKET)})
    )
    """,
    # The i-th numbered event goes to where the i-th numbered one stands by its time.
    """
    if(seq IS NULL, n, arrayFirst(s -> s.2 = turn, groupArrayIf((n, slot), seq IS NOT NULL) OVER (
        PARTITION BY shard, entity)).1) AS k
    """,
)

_STAGED = f"""
SELECT shard, entity, groupArray(word) AS words, arrayFold(
    (stages, word) -> arrayPushBack(stages, multiIf(
        word = '', if(stages[-1] = '', 'registered', stages[-1]),
        has({_TELLING}, word), if(stages[-1] = '', 'registered', stages[-1]),
        stages[-1] = ''
            OR has([{_AFTER}][indexOf([{_WORDS}], word)], stages[-1])
            OR (word = 'archived' AND has({OPEN}, stages[-1])), word,
        stages[-1])),
    words, ['']) AS stages
FROM (
    SELECT shard, entity, k, if(startsWith(type, 'ticket.'), substring(type, 8), '') AS word
    FROM {{numbered}} ORDER BY shard, entity, k
)
GROUP BY shard, entity
"""

NUMBERED = "parity_ticket_events"
"""A table of what `numbered` gives."""


def numbered() -> str:
    """SQL for the standing events of some tickets, `k` being their order; see `standing`."""
    return _NUMBERED


_SO_FAR = "OVER (PARTITION BY shard, entity ORDER BY k ROWS UNBOUNDED PRECEDING)"
_NAMES = (
    *("channel", "tier", "priority", "severity", "topic", "product", "region", "contact_id"),
    "customer_id",
)


_BEFORE = (
    "OVER (PARTITION BY shard, entity ORDER BY k ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
)


def _other() -> str:
    """Whether a ticket's event contradicts what was known of its key fields before."""
    category = "JSONExtract(ifNull({}, '[]'), 'Array(String)')"
    raw = "if(is_ticket AND JSONType(payload, 'category') = 'Array', "
    raw += "JSONExtractRaw(payload, 'category'), NULL)"
    told, known = category.format(raw), category.format(f"anyLast({raw}) {_BEFORE}")
    differing = [f"notEmpty({told}) AND arraySlice({told}, 1, length({known})) != {known}"]
    differing += [
        f"ifNull({_text(name)} != anyLast(if(is_ticket, {_text(name)}, NULL)) {_BEFORE}, 0)"
        for name in ("topic", "product", "region")
    ]
    return f"is_ticket AND ({' OR '.join(differing)})"


def states() -> str:
    """SQL for every event of some tickets, from `NUMBERED`, with how its ticket stood after it."""
    held = ", ".join(
        f"ifNull(anyLast(if(is_ticket, if(type = 'ticket.returned', ifNull({_text(name)}, ''), "
        f"{_text(name)}), NULL)) {_SO_FAR}, '') AS {name}"
        for name in ("department", "team", "owner")
    )
    known = ", ".join(
        f"ifNull(anyLast(if(is_ticket, {_text(name)}, NULL)) {_SO_FAR}, '') AS {name}"
        for name in _NAMES
    )
    return stepwise(
        f"""
        SELECT
            e.*, startsWith(type, 'ticket.') AS is_ticket,
            substring(type, position(type, '.') + 1) AS word,
            stages[k] AS before, stages[k + 1] AS after
        FROM {NUMBERED} AS e
        INNER JOIN ({_STAGED.format(numbered=NUMBERED)}) AS s USING (shard, entity)
        """,
        f"""
        max(at) {_SO_FAR} AS now,
        NOT is_ticket OR before = ''
            OR has([{_AFTER}][indexOf([{_WORDS}], word)], before) AS is_legal,
        is_legal OR before != after AS has_effect,
        {held}, {known},
        anyLast(if(is_ticket AND JSONType(payload, 'category') = 'Array',
            JSONExtractString(payload, 'category', 1), NULL)) {_SO_FAR} AS category_told,
        anyLast(if(is_ticket AND JSONType(payload, 'urgent_reasons') = 'Array',
            JSONLength(payload, 'urgent_reasons'), NULL)) {_SO_FAR} AS reasons_told,
        anyLast(if(is_ticket AND JSONType(payload, 'urgent_reasons') = 'Array',
            JSONExtractRaw(payload, 'urgent_reasons'), NULL)) {_SO_FAR} AS urgent_told,
        anyLast(if(is_ticket, {instant("'due_at'")}, NULL)) {_SO_FAR} AS due_told,
        anyLast(if(is_ticket, {instant("'legal_due_at'")}, NULL)) {_SO_FAR} AS legal_due,
        anyLast(if(is_ticket, JSONExtract(payload, 'upheld', 'Nullable(Bool)'), NULL)) {_SO_FAR}
            AS upheld_told,
        anyLast(if(is_ticket, nullIf(JSONExtractFloat(payload, 'required_fields'), 0), NULL))
            {_SO_FAR} AS required_told,
        anyLast(if(is_ticket, JSONExtract(payload, 'filled_fields', 'Nullable(Float64)'), NULL))
            {_SO_FAR} AS filled_told,
        {_other()} AS is_other,
        {instant("'received_at'")} AS received_told,
        JSONExtractBool(payload, 'auto') AS is_auto
        """,
        """
        ifNull(category_told, '') AS category, ifNull(reasons_told, 0) AS reasons,
        has(JSONExtract(ifNull(urgent_told, '[]'), 'Array(String)'), 'VU1') AS is_threat,
        leadInFrame(toNullable(now)) OVER (
            PARTITION BY shard, entity ORDER BY k
            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS next,
        first_value(now) OVER (PARTITION BY shard, entity ORDER BY k) AS first_now,
        first_value(if(is_ticket, received_told, NULL)) RESPECT NULLS OVER (
            PARTITION BY shard, entity ORDER BY k) AS first_received,
        least(first_now, ifNull(first_received, first_now)) AS opened_at
        """,
    )
