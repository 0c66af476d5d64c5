"""Tickets' events with their states flow in, what they count as flows out: base rows, as SQL.

What counts when is what docs/metrics.md says: a ticket when it was opened; the end of a duration
when it ended; what was due at the time it was due, once it is known whether it was done; levels by
every stretch between two events, entered at its beginning and left at its end. A cycle is the time
from opening or reopening to the next end.
"""

from __future__ import annotations

from pipeline.parity import ticket_promises_sql as promises
from pipeline.parity import ticket_standards_sql as standards
from pipeline.parity.contacts_sql import stepwise
from pipeline.parity.hours_sql import NEVER, after, is_open, opened
from pipeline.parity.ticket_levels_sql import (
    KNOWN,
    levels,
    passed,
)
from pipeline.parity.tickets_sql import (
    ESCALATION,
    ESCALATION_TYPES,
    OPEN,
    instant,
    standing,
)

DIMENSIONS = (
    *("channel", "tier", "priority", "severity", "department", "team", "category", "topic"),
    *("product", "region"),
)
SUMS = (
    *("opened", "complaints", "merged", "acknowledged", "ack_ms", "accepted", "dispatch_ms"),
    *("dispatches", "returns", "responses", "response_ms", "response_due", "response_in_time"),
    *("resolved", "resolution_ms", "resolution_due", "resolution_in_time", "legal_due"),
    *("legal_in_time", "closed", "findings", "upheld", "finished", "reopened", "reopened_14d"),
    *("fields_required", "fields_filled", "very_urgent", "vu_unreasoned", "vu_answered"),
    *("vu_response_ms", "vu_escaped_30d", "escaped_30d", "escalated", "escalated_open"),
    *("escalations_internal", "escalations_external", "escalations_judged"),
    *("escalations_accountable", "followups_due", "followups_attempted", "followups_made"),
    *("followups_reached", "followups_new_issue", "said_resolved", "said_satisfied"),
    *("illegal_transitions", "acknowledged_business", "ack_business_ms", "accepted_business"),
    *("dispatch_business_ms", "responses_business", "response_business_ms", "resolved_business"),
    *("resolution_business_ms", "vu_answered_business", "vu_response_business_ms"),
    *("complaints_calendar", "complaints_offhours", *promises.SUMS, *standards.SUMS),
)
HISTOGRAMS = (
    *("ack_bins", "dispatch_bins", "response_bins", "resolution_bins", "vu_response_bins"),
    *("ack_business_bins", "dispatch_business_bins", "response_business_bins"),
    *("resolution_business_bins", "vu_response_business_bins"),
)
WHOLE = "parity_tickets"
"""A table of what `whole` gives."""

_DAY_MS = 86_400_000

_EVENT = """Tuple(
    k UInt64, now Int64, type String, word String, before String, after String, effect UInt8,
    legal UInt8, auto UInt8, urgent UInt8, other UInt8, payload String)"""
_LAST = (
    *("now", "after", "response_ms", "forget_ms", "due", "legal_due", "reasons", "upheld_told"),
    *("runs_by", "worked_by"),
    *("required_told", "filled_told", *DIMENSIONS, "owner", "contact_id", "customer_id"),
    "is_threat",
)
_FIRST = ("opened_at", "first_received", "running", "last_place", "centre", "subject")


def _bin(value: str) -> str:
    """DDSketch with 1 %: bin k holds (gamma^(k-1), gamma^k], gamma = 1.01 / 0.99."""
    return f"if({value} <= 0, 0, greatest(1, ceil(log({value}) / log(1.01 / 0.99))))"


def _one(measure: str, at: str, when: str = "1", value: str = "1", bin_: str = "0") -> str:
    return f"if({when}, [('{measure}', toUInt16({bin_}), toInt64({at}), toInt64({value}))], [])"


def _took(count: str, name: str, start: str, end: str, when: str) -> str:
    took = f"greatest(0, {end} - {start})"
    return ", ".join(
        [
            _one(count, end, when),
            _one(f"{name}_ms", end, when, took),
            _one(f"{name}_bins", end, when, bin_=_bin(took)),
        ]
    )


def _each(measure: str, when: str) -> str:
    return (
        f"arrayMap(e -> ('{measure}', toUInt16(0), e.now, toInt64(1)), "
        f"arrayFilter(e -> {when}, es))"
    )


def _due(name: str, cycles: str) -> str:
    """What one clock of a cycle counts as; cycles are (due, in time, what is known of it)."""
    return f"""
arrayFlatten(arrayMap(d -> arrayFilter(m -> m.4 != 0, [
    (concat('{name}_due', if(d.3 = 2, '?', '')), toUInt16(0), d.1, toInt64(1)),
    (concat('{name}_in_time', if(d.3 = 2, '?', '')), toUInt16(0), d.1, toInt64(d.2))
]), arrayFilter(d -> d.3 > 0, {cycles})))"""


def _by_then(name: str, due: str) -> str:
    """Resolved at that time, or not: of tickets that did not end otherwise."""
    late = f"arrayFilter(c -> c.1 <= {due} AND (c.3 = 0 OR {due} < c.3), cycles)"
    return _due(
        name,
        f"if({due} IS NULL OR has(['merged', 'archived'], cycles[-1].4), [], [("
        f"assumeNotNull({due}), toUInt8(empty({late})), toUInt8(multiIf("
        f"empty({late}) OR {late}[-1].3 > 0, 1, {_over(due)})))])",
    )


def _over(due: str) -> str:
    due = f"assumeNotNull({due})"
    return f"multiIf({due} < now, 1, NOT has({OPEN}, after), 0, {passed(due, 'now')})"


def whole() -> str:
    """SQL for tickets, from `KNOWN`: what each amounts to."""
    actions = "['dispatched', 'accepted', 'resolved', 'closed', 'assigned']"
    return stepwise(
        f"""
        SELECT * FROM (SELECT
            shard, entity, any(rules) AS rules,
            argMax(tuple({", ".join(_LAST)}), k) AS latest,
            argMin(tuple({", ".join(_FIRST)}), k) AS earliest,
            argMin(type, k) AS first_type,
            arraySort(e -> e.k, groupArray(CAST((
                k, now, type, word, before, after, has_effect, is_legal, is_auto, is_urgent,
                is_other, payload
            ) AS {_EVENT}))) AS es
        FROM {KNOWN}
        GROUP BY shard, entity) AS w
        LEFT JOIN ({standards.STANDARDS}) AS r USING (rules)
        """,
        ", ".join(
            [f"latest.{i} AS {name}" for i, name in enumerate(_LAST, 1)]
            + [f"earliest.{i} AS {name}" for i, name in enumerate(_FIRST, 1)]
        ),
        """
        arraySplit(e -> e.type = 'ticket.reopened' AND e.effect AND e.before != '', es) AS spans,
        arrayFirst(e -> e.type = 'ticket.registered' AND e.effect, es).now AS registered_at,
        arrayFirst(e -> e.type = 'ticket.accepted' AND e.effect, es).now AS accepted_at,
        arrayFirst(e -> e.urgent, es) AS flagging,
        arrayFirst(e -> e.type = 'escalation.external', es) AS escalating,
        arrayFilter(e -> e.type IN ('followup.due', 'followup.attempted'), es) AS asked,
        first_received IS NOT NULL OR first_type = 'ticket.received' AS is_received
        """,
        standards.TOLD,
        standards.JUDGED,
        # Start, first human reply, end, how it ended, closing; 0 where it did not happen.
        """
        arrayMap((span, i) -> (
            if(i = 1, opened_at, span[1].now),
            arrayFirst(e -> e.type = 'ticket.replied' AND e.effect AND NOT e.auto, span).now,
            arrayFirst(e -> e.effect AND e.type IN ('ticket.resolved', 'ticket.closed',
                'ticket.archived', 'ticket.merged'), span),
            arrayFirst(e -> e.effect AND e.type = 'ticket.merged', span),
            arrayFirst(e -> e.effect AND e.type = 'ticket.closed', span).now
        ), spans, arrayEnumerate(spans)) AS raw_cycles
        """,
        """
        arrayMap(c -> (
            c.1, c.2, if(c.4.k > 0, c.4.now, c.3.now), if(c.4.k > 0, 'merged', c.3.word), c.5
        ), raw_cycles) AS cycles
        """,
        f"""
        cycles[1] AS opening, cycles[-1] AS present,
        if(has(['resolved', 'closed'], present.4), present.3, 0) AS resolved_at,
        arrayFirst(e -> e.k > flagging.k AND flagging.k > 0 AND (
            e.word = 'replied' AND NOT e.auto OR has({actions}, e.word)), es) AS handling,
        escalating.k > 0 AND escalating.now - opened_at <= {30 * _DAY_MS} AS is_escaped,
        escalating.k > 0 AND escalating.now - flagging.now BETWEEN 0 AND {30 * _DAY_MS}
            AS is_urgent_escaped,
        length(cycles) > 1 AND cycles[2].1 - opening.3 <= {14 * _DAY_MS} AS is_soon,
        has(['resolved', 'closed'], opening.4) AS is_finished,
        if(registered_at > 0, registered_at, opened_at) AS filled_at,
        ifNull(required_told, 0) AS required,
        -- greatest and least pass over NULL.
        if(due IS NULL, NULL, greatest(due, opened_at)) AS resolution_at,
        if(legal_due IS NULL, NULL, greatest(legal_due, opened_at)) AS legal_at,
        arrayMap(c -> (c.1, arrayMin(arrayFilter(a -> a > 0, [
            c.2, if(has(['resolved', 'closed'], c.4), c.3, 0), {NEVER}])), c.3, c.4), cycles)
            AS answers
        """,
    )


def _responses() -> str:
    """SQL for the answers that were due: each cycle's clock, whether it was met, and who knows."""
    dated = opened(
        f"SELECT *, arrayJoin(answers) AS a FROM {WHOLE} WHERE response_ms IS NOT NULL",
        *("runs_by", "a.1", "open_before"),
    )
    dated = after(dated, "runs_by", "a.1", "open_before + response_ms", "due_at")
    judged = stepwise(
        dated,
        "assumeNotNull(due_at) AS answer_due",
        f"""
        a.2 <= answer_due AS is_met,
        toUInt8(multiIf(
            a.2 <= answer_due, 1,
            has(['merged', 'archived'], a.4) AND a.3 <= answer_due, 0,
            {_over("answer_due")})) AS status
        """,
    )
    return _measures(judged, _due("response", "[(answer_due, toUInt8(is_met), status)]"))


def _worked() -> str:
    """SQL for durations in business time, and for arrivals out of hours."""
    spans = """
arrayFilter(s -> s.5, arrayConcat([
    ('acknowledged', 'ack', opened_at, registered_at, is_received AND registered_at > 0),
    ('accepted', 'dispatch', registered_at, accepted_at, registered_at > 0 AND accepted_at > 0),
    ('vu_answered', 'vu_response', flagging.now, handling.now, handling.k > 0),
    ('resolved', 'resolution', opened_at, resolved_at, resolved_at > 0)
], arrayMap(c -> ('responses', 'response', c.1, c.2, c.2 > 0), cycles)))
    ::Array(Tuple(String, String, Int64, Int64, UInt8))"""
    timed = f"SELECT *, arrayJoin({spans}) AS s FROM {WHOLE} WHERE worked_by != ''"
    timed = opened(timed, "worked_by", "s.3", "open_before")
    timed = opened(timed, "worked_by", "s.4", "open_until")
    timed = stepwise(timed, "greatest(0, open_until - open_before) AS took")
    arrived = is_open(
        f"SELECT * FROM {WHOLE} WHERE centre != '' AND after != 'merged'",
        *("centre", "opened_at", "is_open"),
    )
    business = f"""
[(concat(s.1, '_business'), toUInt16(0), s.4, toInt64(1)),
 (concat(s.2, '_business_ms'), toUInt16(0), s.4, toInt64(took)),
 (concat(s.2, '_business_bins'), toUInt16({_bin("took")}), s.4, toInt64(1))]"""
    arrivals = """
[('complaints_calendar', toUInt16(0), toInt64(opened_at), toInt64(1)),
 ('complaints_offhours', toUInt16(0), toInt64(opened_at), toInt64(NOT is_open))]"""
    return f"{_measures(timed, business)} UNION ALL {_measures(arrived, arrivals)}"


def _measures(tickets: str, counts: str) -> str:
    """SQL for what tickets count as: dims values, measure, bin, minute, value."""
    return f"""
SELECT
    'tickets' AS family, [{", ".join(DIMENSIONS)}] AS known,
    counted.1 AS measure, counted.2 AS bin, counted.3 AS at, counted.4 AS value
FROM (SELECT *, {counts} AS counts FROM ({tickets}))
ARRAY JOIN counts AS counted
"""


def _counts() -> str:
    """SQL for what tickets count as in calendar time, but for answers that were due."""
    said = "JSONExtractString(e.payload, '{}') = 'yes'"
    ones = ", ".join(
        [
            _one("opened", "opened_at"),
            _one("complaints", "opened_at", "after != 'merged'"),
            _one("escaped_30d", "opened_at", "is_escaped"),
            _took(
                "acknowledged",
                "ack",
                "opened_at",
                "registered_at",
                "is_received AND registered_at > 0",
            ),
            _one("fields_required", "filled_at", "required > 0", "required"),
            _one(
                "fields_filled",
                "filled_at",
                "required > 0",
                "least(ifNull(filled_told, 0), required)",
            ),
            _took(
                "accepted",
                "dispatch",
                "registered_at",
                "accepted_at",
                "registered_at > 0 AND accepted_at > 0",
            ),
            _one("very_urgent", "flagging.now", "flagging.k > 0"),
            _one("vu_unreasoned", "flagging.now", "flagging.k > 0 AND reasons = 0"),
            _one("vu_escaped_30d", "flagging.now", "flagging.k > 0 AND is_urgent_escaped"),
            _took("vu_answered", "vu_response", "flagging.now", "handling.now", "handling.k > 0"),
            _one("escalated", "escalating.now", "escalating.k > 0"),
            _one(
                "escalated_open",
                "escalating.now",
                f"escalating.k > 0 AND has({OPEN}, escalating.after)",
            ),
            _one("finished", "opening.3", "is_finished"),
            _one("reopened_14d", "opening.3", "is_finished AND is_soon"),
            _took("resolved", "resolution", "opened_at", "resolved_at", "resolved_at > 0"),
            _one("closed", "present.5", "present.5 > 0"),
            _one("findings", "present.5", "present.5 > 0 AND upheld_told IS NOT NULL"),
            _one("upheld", "present.5", "present.5 > 0 AND ifNull(upheld_told, 0)"),
            *(_one(*counted) for counted in standards.COUNTS),
        ]
    )
    lists = ", ".join(
        [
            f"arrayFlatten([{ones}])",
            "arrayFlatten(arrayMap(c -> [('responses', toUInt16(0), c.2, toInt64(1)), "
            "('response_ms', toUInt16(0), c.2, greatest(0, c.2 - c.1)), ('response_bins', "
            f"toUInt16({_bin('greatest(0, c.2 - c.1)')}), c.2, toInt64(1))], "
            "arrayFilter(c -> c.2 > 0, cycles)))",
            _by_then("resolution", "resolution_at"),
            _by_then("legal", "legal_at"),
            _each(
                "dispatches",
                "e.type = 'task.assigned' OR e.type = 'ticket.dispatched' AND e.effect",
            ),
            _each("returns", "e.type = 'task.returned' OR e.type = 'ticket.returned' AND e.effect"),
            _each("merged", "e.type = 'ticket.merged' AND e.effect"),
            _each("reopened", "e.type = 'ticket.reopened' AND e.effect AND e.before != ''"),
            _each("illegal_transitions", "NOT e.legal"),
            *(
                _each(f"followups_{word}", f"e.type = 'followup.{word}'")
                for word in ("due", "attempted", "reached")
            ),
            "arrayMap(e -> ('followups_made', toUInt16(0), e.1.now, toInt64(1)), arrayFilter("
            "e -> e.1.word = 'attempted' AND e.2.word = 'due', "
            "arrayZip(arrayPopFront(asked), arrayPopBack(asked))))",
            _each(
                "followups_new_issue",
                "e.type = 'followup.reached' AND JSONExtractBool(e.payload, 'new_issue')",
            ),
            _each(
                "said_resolved", f"e.type = 'followup.reached' AND {said.format('resolved_answer')}"
            ),
            _each(
                "said_satisfied",
                f"e.type = 'followup.reached' AND {said.format('satisfied_answer')}",
            ),
        ]
    )
    return _measures(f"SELECT * FROM {WHOLE}", f"arrayConcat({lists})")


_ESCALATIONS = f"""
SELECT
    'escalations' AS family, arrayResize(emptyArrayString(), 10, '') AS known,
    counted.1 AS measure, 0::UInt16 AS bin, at, counted.2 AS value
FROM (
    SELECT
        ifNull(argMax(received, n), argMin(event_at, n)) AS at,
        argMax(type, n) AS last_type,
        argMaxIf(tuple(judged), n, judged IS NOT NULL).1 AS verdict,
        arrayFilter(m -> m.2 > 0, [
            (concat('escalations_', substring(last_type, 12)), toInt64(1)),
            ('escalations_judged', toInt64(verdict IS NOT NULL)),
            ('escalations_accountable', toInt64(ifNull(verdict, 0)))
        ]) AS counts
    FROM (
        SELECT
            shard, entity, n, type, at AS event_at, {instant("'received_at'")} AS received,
            JSONExtract(payload, 'accountable', 'Nullable(Bool)') AS judged
        FROM ({standing(ESCALATION_TYPES, ESCALATION)})
    )
    GROUP BY shard, entity
)
ARRAY JOIN counts AS counted
"""

COUNTS = {
    "ticket_levels": (levels,),
    "tickets": (_counts, _responses, _worked, lambda: promises.promises(KNOWN, DIMENSIONS)),
    "escalations": (lambda: _ESCALATIONS,),
}
