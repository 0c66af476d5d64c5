"""Contacts with their stays flow in, what each counts as flows out: rows of `call_minutes`, as SQL.

What counts when:

    contacts, callers    the contact's first event; a caller with his first contact of a local day
    offered, unmatched   the entry into the queue
    sl_offered           the exit, or the moment at which the wait passed the threshold, if earlier
    exits and waits      the exit
    handled, durations   the end of the after-call work, else of the talk
    callbacks_done       the answer that follows a callback request
    nonresponses         the end of a ring that the agent did not answer, each time anew

What counts where: a contact's only stay counts for its queue and for the site. Of several stays,
each counts for its own queue, and the contact once for the site: in with its first entry, out with
its first answered stay (else its last), having waited from the first entry to that exit, with the
talk and work of all. A stay that failed in dispatch is a route loss and nothing else; outbound
contacts count when they are handled. What an agent did counts for the agent too, and what those did
who took over from him counts for him. In one stay each agent's talk and work end once; an end that
names nobody is that of whoever answered last.

Thresholds are those of the configuration that was in force on the shard at the contact's first
record.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pipeline.parity.contacts_sql import CONTACTS, PLACE, quoted, stepwise

SUMS = (
    *("contacts", "callers", "offered", "unmatched", "sl_offered", "answered"),
    *("answered_in_threshold", "answered_20s", "abandoned", "short_abandoned"),
    *("abandoned_in_threshold", "queue_loss", "ring_loss", "route_loss", "flow_out"),
    *("callbacks_requested", "callbacks_in_threshold", "callbacks_done", "ivr_abandoned"),
    *("wait_answered_ms", "wait_abandoned_ms", "wait_short_ms", "nonresponses", "handled"),
    *("talk_ms", "hold_ms", "acw_ms", "held", "transferred", "hold_abandoned"),
)
HISTOGRAMS = (
    *("wait_answered_bins", "wait_exit_bins", "talk_bins", "hold_bins", "acw_bins"),
    "handle_bins",
)
DIMENSIONS = (
    *("queue", "channel", "direction", "call_type", "priority", "agent_id", "team", "product"),
    "region",
)

CONFIGS = f"""
SELECT
    toUInt16(shard) AS shard, {PLACE} AS place, JSONExtractString(payload, 'content_hash') AS rules,
    JSONExtractString(payload, 'content') AS content
FROM raw_events FINAL
WHERE site = %(site)s AND kind = 'event' AND event_type = 'config.changed' AND event_id != ''
  AND (shard, generation, offset) NOT IN (
      SELECT shard, generation, offset FROM dead_letters WHERE event_type = 'config.changed')
"""
FORCE = f"SELECT shard, place, rules FROM ({CONFIGS}) ORDER BY shard, place"
"""Which configuration is in force on a shard from which record on."""
_LIMITS = f"""
SELECT
    rules,
    any(JSONExtractFloat(content, 'defaults', 'service_level', 'threshold_s')) AS usual_threshold_s,
    any(JSONExtractFloat(content, 'defaults', 'short_abandon_s')) AS usual_short_s,
    any(JSONExtract(content, 'queues', 'Map(String, Tuple(
        threshold_s Nullable(Float64), short_abandon_s Nullable(Float64)))')) AS own
FROM ({CONFIGS}) GROUP BY rules
"""
ZONES = f"""
SELECT DISTINCT rules, JSONExtractString(content, 'time_zone') AS zone FROM ({CONFIGS})
"""

_STAY = """Tuple(
    queue String, entry Int64, exit String, exit_at Int64, wait Nullable(Int64),
    phase String, agent String, team String, reached_at Int64, holds UInt32, hold Int64,
    hung_up_on_hold UInt8, transfers UInt32, talk Int64, acw Nullable(Int64), done_at Int64,
    ended_at Int64)"""

_CARRIED = (
    *("identified", "started_at", "channel", "direction", "call_type", "priority", "product"),
    *("region", "began_at_place", "last_place", "domains", "subject", "gave_up_in_menu", "failed"),
    *("rings", "root", "topics"),
)

_STAYS = stepwise(
    f"""
    SELECT
        shard, contact, {", ".join(_CARRIED)}, stays, closings, closes, stay, k,
        stay[1] AS opening, exits[k] AS leaving, answers[k] AS its_answers,
        arrayFilter(e -> e.type = 'call.held', stay) AS helds
    FROM ({CONTACTS})
    LEFT ARRAY JOIN stays AS stay, arrayEnumerate(stays) AS k
    """,
    "its_answers[1] AS taking",
    """
    opening.type = 'call.queued' AS is_entered,
    arrayFilter((c, owner) -> owner = k AND taking.n > 0 AND c.n > taking.n, closings, closes)
        AS mine,
    multiIf(
        leaving.n > 0, replaceOne(leaving.type, 'call.', ''), k < length(stays), 'flow_out', ''
    ) AS exit,
    multiIf(leaving.n > 0, leaving.at, k < length(stays), stays[k + 1][1].at, 0) AS exit_at
    """,
    """
    if(is_entered OR opening.queue != '', opening.queue,
       arrayFirst(e -> e.type = 'call.queued', stay).queue) AS queue,
    if(is_entered, opening.at, opening.at - ifNull(opening.wait_ms, 0)) AS entry,
    arrayFilter(c -> c.type = 'call.ended', mine) AS ends,
    arrayFilter(c -> c.type = 'call.acw_ended', mine) AS works
    """,
    """
    arrayMap(
        c -> if(c.agent != '', c.agent, arrayLast(a -> a.n < c.n, its_answers).agent), ends
    ) AS enders,
    works.agent AS workers
    """,
    # Of each agent the first.
    """
    arrayFilter((c, i) -> indexOf(enders, enders[i]) = i, ends, arrayEnumerate(ends)) AS endings,
    arrayFilter((c, i) -> indexOf(workers, workers[i]) = i, works, arrayEnumerate(works))
        AS wrappings
    """,
    "endings[-1] AS ending, endings[-2].n AS ended_before",
    "arrayLast(e -> e.n > ended_before AND e.n < ending.n, helds) AS last_held",
    f"""
    CAST((
        queue, entry, exit, exit_at,
        if(exit = '', NULL, ifNull(leaving.wait_ms, greatest(0, exit_at - entry))),
        leaving.phase, taking.agent, taking.team,
        if(exit = 'callback', taking.at, 0),
        length(helds) + arrayCount(c -> ifNull(c.hold_ms, 0) > 0, endings),
        if(arrayExists(c -> c.hold_ms IS NOT NULL, endings),
           arraySum(arrayMap(c -> ifNull(c.hold_ms, 0), endings)),
           arraySum(arrayMap(e -> ifNull(e.hold_ms, 0), helds))),
        last_held.n > 0 AND last_held.hold_ms IS NULL AND ending.ended_by IN ('customer', 'caller'),
        arrayCount(e -> e.handed_over, stay),
        arraySum(arrayMap(c -> ifNull(c.talk_ms, 0), endings)),
        if(empty(wrappings), NULL, arraySum(arrayMap(c -> ifNull(c.acw_ms, 0), wrappings))),
        if(ending.n > 0, greatest(ending.at, wrappings[-1].at), 0),
        if(ending.n > 0, ending.at, 0)
    ) AS {_STAY}) AS one
    """,
)

_COUNTED = stepwise(
    f"""
    SELECT
        shard, contact,
        {", ".join(f"any({name}) AS {name}" for name in _CARRIED)},
        arraySort(s -> s.k, groupArrayIf(
            CAST((k, one) AS Tuple(k UInt32, stay {_STAY})), k > 0)).stay AS all_stays
    FROM ({_STAYS})
    GROUP BY shard, contact
    """,
    """
    if(arrayExists(s -> s.exit = 'answered', all_stays),
       arrayFirst(s -> s.exit = 'answered', all_stays), all_stays[-1]) AS deciding,
    arrayFilter(s -> s.done_at > 0, all_stays) AS done
    """,
    f"""
    CAST((
        deciding.queue, all_stays[1].entry, deciding.exit, deciding.exit_at,
        deciding.wait + deciding.entry - all_stays[1].entry,
        deciding.phase, deciding.agent, deciding.team,
        arrayFirst(s -> s.reached_at > 0, all_stays).reached_at,
        arraySum(done.holds), arraySum(done.hold), has(done.hung_up_on_hold, 1),
        arraySum(done.transfers), arraySum(done.talk),
        if(arrayExists(s -> s.acw IS NOT NULL, done),
           arraySum(arrayMap(s -> ifNull(s.acw, 0), done)), NULL),
        arrayMax(arrayPushBack(done.done_at, 0)), 0
    ) AS {_STAY}) AS whole
    """,
    "if(length(all_stays) < 2, all_stays, arrayPushFront(all_stays, whole)) AS counted",
)


def _bin(value: str) -> str:
    """DDSketch with 1 %: bin k holds (gamma^(k-1), gamma^k], gamma = 1.01 / 0.99."""
    return f"if({value} <= 0, 0, greatest(1, ceil(log({value}) / log(1.01 / 0.99))))"


IN_DOUBT = "sl_offered?"
"""Of contacts that still wait: whether their time has come by the stream's clock is not known."""


def _one(measure: str, when: str = "1", value: str = "1", bin_: str = "0") -> str:
    return f"('{measure}', toUInt16({bin_}), if({when}, toInt64({value}), 0))"


class _Cell(NamedTuple):
    """What counts at one moment: in which scope, when (epoch ms), if, and what."""

    scope: str
    at: str
    when: str
    measures: tuple[str, ...]


def _cell(scope: str, at: str, when: str, *measures: str) -> _Cell:
    return _Cell(scope, at, when, measures)


_CELLS = (
    _cell("'site'", "started_at", "i < 2", _one("contacts"), _one("callers", "is_new_caller")),
    _cell(
        "'site'",
        "gave_up_in_menu.at",
        "empty(all_stays) AND gave_up_in_menu.n > 0 AND NOT failed",
        _one("ivr_abandoned"),
    ),
    _cell("scope", "s.entry", "is_offered", _one("offered"), _one("unmatched", "NOT identified")),
    _cell("scope", "decided_at", "is_offered AND is_decided", _one("sl_offered")),
    _cell("scope", "due", "is_offered AND NOT is_decided", _one(IN_DOUBT)),
    _cell("scope", "s.exit_at", "s.exit = 'failed'", _one("route_loss")),
    _cell(
        "if(s.exit = 'answered', agent_scope, scope)",
        "s.exit_at",
        "is_offered AND s.exit != ''",
        _one("answered", "s.exit = 'answered'"),
        _one("answered_in_threshold", "s.exit = 'answered' AND wait <= threshold"),
        _one("answered_20s", "s.exit = 'answered' AND wait <= 20000"),
        _one("wait_answered_ms", "s.exit = 'answered'", "wait"),
        _one("wait_answered_bins", "s.exit = 'answered'", bin_=_bin("wait")),
        _one("abandoned", "s.exit = 'abandoned'"),
        _one("abandoned_in_threshold", "s.exit = 'abandoned' AND wait <= threshold"),
        _one("short_abandoned", "s.exit = 'abandoned' AND wait <= short"),
        _one("wait_abandoned_ms", "s.exit = 'abandoned'", "wait"),
        _one("wait_short_ms", "s.exit = 'abandoned' AND wait <= short", "wait"),
        _one("ring_loss", "s.exit = 'abandoned' AND s.phase = 'ring'"),
        _one("queue_loss", "s.exit = 'abandoned' AND s.phase != 'ring'"),
        _one("flow_out", "s.exit = 'flow_out'"),
        _one("callbacks_requested", "s.exit = 'callback'"),
        _one("callbacks_in_threshold", "s.exit = 'callback' AND wait <= threshold"),
    ),
    _cell(
        "scope",
        "s.exit_at",
        "is_offered AND s.exit != ''",
        _one("wait_exit_bins", bin_=_bin("wait")),
    ),
    _cell("scope", "s.reached_at", "s.reached_at > 0", _one("callbacks_done")),
    _cell(
        "agent_scope",
        "s.done_at",
        "s.done_at > 0",
        _one("handled"),
        _one("talk_ms", value="s.talk"),
        _one("hold_ms", value="s.hold"),
        _one("acw_ms", value="acw"),
        _one("held", "s.holds > 0"),
        _one("transferred", "s.transfers > 0"),
        _one("hold_abandoned", "s.hung_up_on_hold"),
        _one("talk_bins", bin_=_bin("s.talk")),
        _one("hold_bins", "s.holds > 0", bin_=_bin("s.hold")),
        _one("acw_bins", "s.acw IS NOT NULL", bin_=_bin("acw")),
        _one("handle_bins", bin_=_bin("(s.talk + s.hold + acw)")),
    ),
)


def _places(queue: str, agent: str, team: str) -> str:
    """Each declared set of dimensions, with the values that a contact's stay or ring has in it."""
    return f"""[
    ('site', '', '', '', '', '', '', '', '', ''),
    ('queue', {queue}, '', '', '', '', '', '', '', ''),
    ('call_type', {queue}, channel, direction, call_type, priority, '', '', '', ''),
    ('product', '', '', '', '', '', '', '', product, region),
    ('agent', {queue}, '', '', '', '', {agent}, {team}, '', '')]"""


def call_contacts(zones: Sequence[tuple[str, str]]) -> str:
    """SQL for the contacts that may count in a span, with all that is to be counted of them.

    Parameters of the query: `site`; `touch_from`, `touch_to`: a contact with an event in here may
    count in the span; `load_from`, `load_to`: all events of such contacts lie in here. Epoch ms.

    Args:
        zones: (configuration hash, IANA zone).
    """
    return f"""
SELECT
    c.shard AS shard, c.contact AS contact, f.rules AS rules, {", ".join(_CARRIED)},
    all_stays, counted,
    row_number() OVER (
        PARTITION BY identified, {_local_day(zones)}, subject ORDER BY started_at, contact
    ) = 1 AND identified AS is_new_caller
FROM ({_COUNTED}) AS c
ASOF LEFT JOIN ({FORCE}) AS f ON c.shard = f.shard AND c.began_at_place > f.place
"""


def calls_rows(contacts: str, clocks: str) -> str:
    """SQL for every count of the family `calls` whose minute lies in the span.

    Parameters of the query: `site`; `row_from`, `row_to`: the span, epoch ms.

    Args:
        contacts: a table that holds what `call_contacts` gives.
        clocks: SQL for an array of (shard, domain, watermark, place of the record that moved it
            there) with one element for each domain that has not ended.

    Returns:
        A query with the columns of a row's key but the shard, then `measure`, `bin` and `value`.
    """
    counted = f"""
SELECT
    shard, contact, rules, {", ".join(_CARRIED)}, all_stays, is_new_caller, s, i,
    own[s.queue] AS limits, usual_threshold_s, usual_short_s
FROM (
    SELECT *, s, i FROM {contacts} LEFT ARRAY JOIN counted AS s, arrayEnumerate(counted) AS i
) AS c
LEFT JOIN ({_LIMITS}) AS l USING (rules)
"""
    cells = stepwise(
        counted,
        f"""
        multiIf(length(all_stays) < 2, 'alone', i = 1, 'site', 'part') AS scope,
        round(coalesce(limits.threshold_s, if(rules = '', 20, usual_threshold_s)) * 1000)::Int64
            AS threshold,
        round(coalesce(limits.short_abandon_s, if(rules = '', 5, usual_short_s)) * 1000)::Int64
            AS short,
        ifNull(s.wait, 0) AS wait,
        ifNull(s.acw, 0) AS acw,
        i > 0 AND s.exit != 'failed' AND direction != 'outbound' AS is_offered,
        arrayMap(d -> arrayFirst(c -> c.1 = shard AND c.2 = d, {clocks}), domains) AS running
        """,
        """
        if(s.agent = '', scope, concat(scope, '+agent')) AS agent_scope,
        s.entry + threshold AS due
        """,
        # Whoever still waits has passed the threshold once the time of his domain has.
        """
        s.exit != '' OR arrayExists(c -> c.2 = '' OR due < c.3 AND last_place < c.4, running)
            AS is_decided,
        multiIf(s.exit = '', due, wait <= threshold, s.exit_at, least(s.exit_at, due)) AS decided_at
        """,
        ", ".join(
            f"if({cell.when}, [{', '.join(cell.measures)}], []) AS measures_{number}"
            for number, cell in enumerate(_CELLS)
        ),
        ", ".join(
            [
                f"{_places('s.queue', 's.agent', 's.team')} AS places",
                "[{}] AS cells".format(
                    ", ".join(
                        f"({cell.scope}, {cell.at}, measures_{number})"
                        for number, cell in enumerate(_CELLS)
                    )
                ),
            ]
        ),
    )
    rings = stepwise(
        f"SELECT *, arrayJoin(rings) AS ring FROM {contacts} WHERE direction != 'outbound'",
        f"{_places('ring.2', 'ring.3', 'ring.4')} AS places",
    )
    return f"""
SELECT
    place.1 AS dims,
    toInt64(intDiv(cell.2, 60000) * 60) AS minute,
    {", ".join(f"place.{i} AS {name}" for i, name in enumerate(DIMENSIONS, 2))},
    counted.1 AS measure, counted.2 AS bin, counted.3 AS value
FROM ({cells})
ARRAY JOIN cells AS cell
ARRAY JOIN arrayFilter(p -> multiIf(
    p.1 = 'site', NOT startsWith(cell.1, 'part'),
    p.1 = 'agent', endsWith(cell.1, '+agent') AND NOT startsWith(cell.1, 'site'),
    NOT startsWith(cell.1, 'site')), places) AS place
ARRAY JOIN arrayFilter(m -> m.3 != 0, cell.3) AS counted
WHERE cell.2 >= %(row_from)s AND cell.2 < %(row_to)s
UNION ALL
SELECT
    place.1 AS dims,
    toInt64(intDiv(ring.1, 60000) * 60) AS minute,
    {", ".join(f"place.{i} AS {name}" for i, name in enumerate(DIMENSIONS, 2))},
    'nonresponses' AS measure, 0::UInt16 AS bin, 1::Int64 AS value
FROM ({rings})
ARRAY JOIN arrayFilter(p -> p.1 != 'agent' OR p.7 != '', places) AS place
WHERE ring.1 >= %(row_from)s AND ring.1 < %(row_to)s
"""


def _local_day(zones: Sequence[tuple[str, str]]) -> str:
    """The local day of `started_at`: a zone must be a constant, so there is a branch for each."""
    moment = "fromUnixTimestamp64Milli(started_at, 'UTC')"
    branches = ""
    for zone in sorted({zone for _, zone in zones}):
        rules = ", ".join(quoted(rules) for rules, its_zone in zones if its_zone == zone)
        branches += f"rules IN ({rules}), toDate({moment}, {quoted(zone)}), "
    utc = f"toDate({moment}, 'UTC')"
    return f"multiIf({branches}{utc})" if branches else utc


def stored_calls() -> str:
    """SQL for the same counts as they are stored, merged over shards; parameters as above."""
    keys = ", ".join(DIMENSIONS)
    sums = ", ".join(f"('{name}', 0::UInt16, {name})" for name in SUMS)
    bins = ", ".join(
        f"arrayMap((bin, n) -> ('{name}', bin, n), mapKeys({name}), mapValues({name}))"
        for name in HISTOGRAMS
    )
    return f"""
SELECT
    dims, toInt64(toUnixTimestamp(minute)) AS minute, {keys},
    counted.1 AS measure, counted.2 AS bin, counted.3 AS value
FROM call_minutes FINAL
ARRAY JOIN arrayFilter(m -> m.3 != 0, arrayConcat([{sums}], {bins})) AS counted
WHERE site = %(site)s
  AND toUnixTimestamp(minute) >= intDiv(%(row_from)s, 1000)
  AND toUnixTimestamp(minute) < intDiv(%(row_to)s, 1000)
"""
