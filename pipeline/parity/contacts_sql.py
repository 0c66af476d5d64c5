"""Records of `raw_events` flow in, one row per contact with its stays in queues flows out, as SQL.

The definitions, in the order in which the query applies them:

- *Standing events.* Of one event id the highest version stands, of equal ones the first in the log;
  dead letters never. If it names another contact than a lower one did, on the same shard, the lower
  one does not stand in its contact. An event that another one `corrects` does not stand, and of
  several that correct the same one only the highest version does, or else the greatest id. Where
  nothing would stand, because corrections go round in a circle, all do.
- *Order.* Event time, then the natural order of a call's stages, then the id.
- *A stay* begins with an entry into a queue, unless the contact waits in that queue already, and
  ends with the first exit, or with the entry into another queue (it flowed out). A flow-out within
  the millisecond of an entry, but from another queue, is what that entry says. An answer or a
  hang-up that no entry precedes, and an answer after a flow-out, implies an entry of its own, as
  long ago as the wait that it states; the next entry, if it is into its queue and the talk is not
  over, is that very entry, stamped by another clock.
- *The end of a talk, and of the work after it,* belong to the stay that their agent answered or
  took over, even if the caller waits in a second queue by then; without a match, to the stay in
  which they lie, if anybody answered it.
- *A ring without an answer* is a `call.ringing` that says how long it rang, of one agent in one
  instant once; it lies in the queue that it names, else in the one entered last.
"""

from __future__ import annotations

STAGES = (
    *("ivr.started", "ivr.ended", "call.queued", "call.ringing", "call.answered", "call.held"),
    *("call.transferred", "call.flow_out", "call.callback", "call.failed", "call.abandoned"),
    *("call.ended", "call.acw_ended"),
)
"""The events of a contact, in the order that they have within one millisecond."""

_EVENT = """Tuple(
    n UInt32, at Int64, type String, queue String, channel String, direction String,
    call_type String, priority String, product String, region String, agent String, team String,
    phase String, ended_by String, handed_over UInt8, wait_ms Nullable(Int64),
    hold_ms Nullable(Int64), talk_ms Nullable(Int64), acw_ms Nullable(Int64),
    ring_ms Nullable(Int64), root String, topics Array(String))"""

_PAYLOAD = """Tuple(
    occurred_at String, corrects String, customer_id String, phone_hash String, queue String,
    channel String, direction String, call_type String, priority String, product String,
    region String, agent_id String, team String, phase String, ended_by String, consult Bool,
    wait_ms Nullable(Float64), hold_ms Nullable(Float64), talk_ms Nullable(Float64),
    acw_ms Nullable(Float64), ring_ms Nullable(Float64), root_contact_id String,
    topics Array(String))"""

PLACE = "(bitShiftLeft(toInt64(generation), 48) + toInt64(offset))"
"""Where in its shard's whole history a record lies."""

CONTACT = "JSONExtractString(payload, 'contact_id')"
_STAGE_LIST = ", ".join(f"'{stage}'" for stage in STAGES)
IS_STAGE = f"kind = 'event' AND event_id != '' AND event_type IN ({_STAGE_LIST})"

_RECORDS = f"""
SELECT
    shard, domain, subject, event_id, event_type, version, payload,
    {CONTACT} AS contact,
    {PLACE} AS place
FROM raw_events FINAL
WHERE site = %(site)s AND {IS_STAGE}
  AND event_time >= fromUnixTimestamp64Milli(toInt64(%(load_from)s))
  AND event_time < fromUnixTimestamp64Milli(toInt64(%(load_to)s))
  AND (shard, {CONTACT}) IN (
      SELECT shard, {CONTACT} FROM raw_events
      WHERE site = %(site)s AND {IS_STAGE}
        AND event_time >= fromUnixTimestamp64Milli(toInt64(%(touch_from)s))
        AND event_time < fromUnixTimestamp64Milli(toInt64(%(touch_to)s)))
  AND (shard, generation, offset) NOT IN (
      SELECT shard, generation, offset FROM dead_letters WHERE event_type IN ({_STAGE_LIST}))
"""


def quoted(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def stepwise(source: str, *steps: str) -> str:
    """Add columns to a query, each step's from those of the steps before.

    One SELECT whose aliases use each other would be shorter, but the engine copies an alias to
    wherever it is used, and copies of copies took it twelve seconds before the first row.
    """
    for step in steps:
        source = f"SELECT *, {step} FROM ({source})"
    return source


MOVED = "parity_moved"
"""A table of the events that stand in another contact: shard, event_id, and each former contact."""

MOVES = f"""
SELECT shard, event_id, arrayJoin(arrayFilter(c -> c != stands_in, contacts)) AS contact
FROM (
    SELECT
        shard, event_id, groupUniqArray(contact) AS contacts,
        argMax(contact, (version, -place)) AS stands_in
    FROM (
        SELECT
            shard, event_id, version, {PLACE} AS place,
            if(event_type IN ({_STAGE_LIST}), {CONTACT}, '') AS contact
        FROM raw_events FINAL
        WHERE site = %(site)s AND kind = 'event' AND event_id IN (
            SELECT event_id FROM raw_events
            WHERE site = %(site)s AND kind = 'event' AND event_id != '' AND version > 0)
          AND (shard, generation, offset) NOT IN (
              SELECT shard, generation, offset FROM dead_letters)
    )
    GROUP BY shard, event_id
    HAVING length(contacts) > 1
)
"""

_EVENTS = stepwise(
    f"""
    SELECT
        shard, contact, event_id,
        max(version) AS event_version,
        min(place) AS first_place,
        argMax((event_type, subject, domain, place, payload), (version, -place)) AS stands
    FROM ({_RECORDS})
    GROUP BY shard, contact, event_id
    """,
    f"""
    stands.1 AS type, stands.2 AS event_subject, stands.3 AS event_domain, stands.4 AS event_place,
    JSONExtract(stands.5, '{_PAYLOAD}') AS said
    """,
    f"""
    toUnixTimestamp64Milli(
        parseDateTime64BestEffort(said.occurred_at, 6, 'UTC')::DateTime64(3, 'UTC')) AS at,
    startsWith(type, 'call.') AS is_call,
    type = 'call.queued' AS is_entry,
    (shard, event_id, contact) IN (SELECT shard, event_id, contact FROM {MOVED}) AS is_moved
    """,
)

_STANDING = f"""
SELECT
    *,
    row_number() OVER (
        PARTITION BY shard, contact ORDER BY at, indexOf([{_STAGE_LIST}], type), event_id
    ) AS n,
    argMaxIf(said.queue, event_id, is_entry) OVER (PARTITION BY shard, contact, at) AS entered
FROM (
    SELECT *, max(is_valid) OVER (PARTITION BY shard, contact) AS is_any_valid
    FROM (
        SELECT
            *,
            -- What is replaced was there all the same: it may have come first, or last.
            min(first_place) OVER whole AS began_at_place,
            max(event_place) OVER whole AS last_place,
            groupUniqArray(event_domain) OVER whole AS domains,
            argMin(event_subject, first_place) OVER whole AS subject,
            maxIf((event_version, event_id), NOT is_moved) OVER (
                PARTITION BY shard, contact, said.corrects) AS last_word,
            NOT is_moved
                AND NOT has(groupUniqArrayIf(said.corrects, NOT is_moved) OVER whole, event_id)
                AND (said.corrects = '' OR (event_version, event_id) = last_word) AS is_valid
        FROM ({_EVENTS})
        WINDOW whole AS (PARTITION BY shard, contact)
    )
)
WHERE is_valid OR NOT is_any_valid AND NOT is_moved
"""

_WHOLE = f"""
SELECT
    shard, contact,
    any(began_at_place) AS began_at_place,
    any(last_place) AS last_place,
    any(domains) AS domains,
    any(subject) AS subject,
    max(said.customer_id != '' OR said.phone_hash != '') AS identified,
    arraySort(e -> e.n, groupArray(CAST((
        n, at,
        if(type = 'call.flow_out' AND '' NOT IN (entered, said.queue) AND entered != said.queue,
           'entered elsewhere', type),
        if(is_call, said.queue, ''),
        if(is_call, said.channel, ''),
        if(is_entry, said.direction, ''),
        if(is_entry, said.call_type, ''),
        if(is_entry, said.priority, ''),
        if(is_entry, said.product, ''),
        if(is_entry, said.region, ''),
        said.agent_id, said.team, said.phase, said.ended_by,
        type = 'call.transferred' AND NOT said.consult,
        toInt64(said.wait_ms), toInt64(said.hold_ms), toInt64(said.talk_ms), toInt64(said.acw_ms),
        toInt64(said.ring_ms), said.root_contact_id, said.topics
    ) AS {_EVENT}))) AS events
FROM ({_STANDING})
GROUP BY shard, contact
"""

_IS_EXIT = (
    "e.type IN ('call.answered', 'call.abandoned', 'call.flow_out', 'call.callback', 'call.failed')"
)

CONTACTS = stepwise(
    _WHOLE,
    f"""
    events[1].at AS started_at,
    arrayFirst(e -> e.channel != '', events).channel AS channel,
    arrayFirst(e -> e.direction != '', events).direction AS direction,
    arrayFirst(e -> e.call_type != '', events).call_type AS call_type,
    arrayFirst(e -> e.priority != '', events).priority AS priority,
    arrayFirst(e -> e.product != '', events).product AS product,
    arrayFirst(e -> e.region != '', events).region AS region,
    arrayFirst(e -> e.root != '', events).root AS root,
    arrayDistinct(arrayFlatten(arrayFilter(e -> e.type = 'call.ended', events).topics)) AS topics,
    arrayFirst(e -> e.type = 'call.abandoned' AND e.phase = 'ivr', events) AS gave_up_in_menu,
    arrayExists(e -> e.type = 'call.failed', events) AS failed,
    arrayFilter(e -> e.type = 'call.ended', events).n AS ends,
    arrayFilter(e -> e.type IN ('call.ended', 'call.acw_ended'), events) AS closings,
    arrayFilter(e -> e.type = 'call.ringing' AND e.ring_ms IS NOT NULL, events) AS unanswered,
    -- Entries and exits alone.
    arrayFilter(e -> e.type = 'call.queued' OR {_IS_EXIT}, events) AS moves
    """,
    "arrayMap(e -> (e.at, e.agent), unanswered) AS rung",
    """
    arrayMap(
        e -> (e.at, if(e.queue != '', e.queue, arrayLast(
            m -> m.type = 'call.queued' AND m.n < e.n, moves).queue), e.agent, e.team),
        arrayFilter((e, i) -> indexOf(rung, rung[i]) = i, unanswered, arrayEnumerate(unanswered))
    ) AS rings
    """,
    # Cut before each entry: a span is an entry and the exits that follow it.
    "if(empty(moves), [], arraySplit(e -> e.type = 'call.queued', moves)) AS spans",
    # The exit of each span that implies an entry of its own, if there is one (else n is 0).
    f"""
    arrayMap(
        span -> if(
            span[1].type = 'call.queued',
            if(arrayFirst(e -> {_IS_EXIT}, span).type = 'call.flow_out',
               arrayFirst(e -> e.type = 'call.answered', span),
               defaultValueOfArgumentType(span[1])),
            arrayFirst(
                e -> e.type = 'call.answered' OR e.type = 'call.abandoned' AND e.phase != 'ivr',
                span)),
        spans) AS implied
    """,
    # Whether a span's entry may be the one that was implied before it, or that one's repetition.
    """
    arrayMap(
        (span, before, exit) -> (
            assumeNotNull(
                exit.n > 0 AND exit.queue IN ('', span[1].queue)
                AND NOT arrayExists(n -> n > exit.n AND n < span[1].n, ends)),
            before[1].type = 'call.queued' AND length(before) = 1
                AND before[1].queue = span[1].queue),
        arrayPopFront(spans), arrayPopBack(spans), arrayPopBack(implied)) AS may
    """,
    # An entry that was implied is over already: what belongs to it implies nothing and is no entry
    # that could be repeated.
    """
    arraySlice(
        arrayFold(
            (roles, m) -> arrayPushBack(roles, multiIf(
                roles[-1] = 'belongs', 'opens', m.1, 'belongs', m.2, 'repeats', 'opens')),
            may, ['opens']),
        1, length(spans)) AS roles
    """,
    """
    arraySort(arrayFilter(n -> n > 0, arrayConcat(
        arrayMap(
            (span, role) -> if(span[1].type = 'call.queued' AND role = 'opens', span[1].n, 0),
            spans, roles),
        arrayMap((exit, role) -> if(role = 'belongs', 0, exit.n), implied, roles)))) AS openings
    """,
    # All events, cut at those openings; what precedes the first is no stay.
    """
    arrayFilter(
        stay -> has(openings, stay[1].n),
        if(empty(openings), [], arraySplit(e -> has(openings, e.n), events))) AS stays
    """,
    f"""
    arrayMap(
        stay -> if(stay[1].type = 'call.queued', arrayFirst(e -> {_IS_EXIT}, stay), stay[1]),
        stays) AS exits
    """,
    """
    arrayMap(
        (stay, exit) -> arrayFilter(
            e -> e.type = 'call.answered' AND exit.type IN ('call.answered', 'call.callback'),
            stay),
        stays, exits) AS answers
    """,
    # The stay whose talk, or whose work after it, each closing event ends.
    """
    arrayMap(
        c -> (
            arrayLastIndex(
                its -> arrayExists(a -> a.n < c.n AND a.agent = c.agent AND c.agent != '', its),
                answers),
            arrayLastIndex(n -> n <= c.n, openings)),
        closings) AS his_or_here
    """,
    "arrayMap(c -> if(c.1 > 0, c.1, c.2), his_or_here) AS closes",
)
"""One row per contact: its attributes, and arrays with one element per stay or closing event."""
