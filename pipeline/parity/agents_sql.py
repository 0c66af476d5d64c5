"""Reports on agents flow in, the time that each state took flows out: `agent_minutes`, as SQL.

- *Reports.* A repeated event id counts only with a higher version than any before it, and of those
  in one domain the highest stands. Of one agent's reports in one domain those count that no
  correction replaces, as for contacts.
- *A span* begins when the report was told, or at its `since` if that lies at most twelve hours
  before, and after the report in front of it. It ends where the next span begins, at the latest
  when its source has been silent for as long as the configuration in force at the report allows.
- *It goes on* over a silence if the next report, of the same state and reason, has held since
  before this one.
- *Time* counts in every minute in which it passed, for the site, the team and the agent; on a
  break, not ready or of a state that nobody knows also for the reason. Offline counts nowhere.
"""

from __future__ import annotations

from pipeline.parity.calls_sql import CONFIGS, FORCE
from pipeline.parity.contacts_sql import PLACE, quoted, stepwise
from schemas.agent_states import STATE_OF

SUMS = (
    *("ready_ms", "ringing_ms", "talking_ms", "holding_ms", "wrap_up_ms", "break_ms"),
    *("not_ready_ms", "unmapped_ms"),
)
DIMENSIONS = ("team", "agent_id", "reason")

REACH_MS = 12 * 3_600_000
AROUND_MS = 2 * 86_400_000
"""How far from a minute the reports may lie that decide on it: a state is believed for a day."""

_STATES = ("ready", "ringing", "talking", "hold", "acw", "break", "not_ready", "unknown")
_WORDS = "[{}], [{}]".format(
    ", ".join(quoted(word) for word in STATE_OF),
    ", ".join(quoted(state) for state in STATE_OF.values()),
)
IS_REPORT = "kind = 'event' AND event_id != '' AND event_type = 'agent.state'"
_SAID = """Tuple(
    occurred_at String, corrects String, agent_id String, state String, reason String, team String,
    since String, source String)"""

_RECORDS = f"""
SELECT shard, domain, event_id, version, payload, {PLACE} AS place,
    max(version) OVER (
        PARTITION BY shard, event_id ORDER BY place
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS highest_before,
    row_number() OVER (PARTITION BY shard, event_id ORDER BY place) AS sending
FROM raw_events FINAL
WHERE site = %(site)s AND {IS_REPORT}
  AND (event_time >= fromUnixTimestamp64Milli(toInt64(%(load_from)s))
       AND event_time < fromUnixTimestamp64Milli(toInt64(%(load_to)s))
       OR version > 0 OR position(payload, '"corrects"') > 0)
  AND (shard, generation, offset) NOT IN (
      SELECT shard, generation, offset FROM dead_letters WHERE event_type = 'agent.state')
"""

_REPORTS = stepwise(
    f"SELECT * FROM ({_RECORDS}) WHERE sending = 1 OR version > highest_before",
    f"JSONExtract(payload, '{_SAID}') AS said",
    """
    said.agent_id AS agent,
    toUnixTimestamp64Milli(
        parseDateTime64BestEffort(said.occurred_at, 6, 'UTC')::DateTime64(3, 'UTC')) AS at,
    if(said.since = '', NULL, toUnixTimestamp64Milli(
        parseDateTime64BestEffort(said.since, 6, 'UTC')::DateTime64(3, 'UTC'))) AS since
    """,
)

_LATEST = f"""
SELECT
    shard, domain, event_id,
    max(version) AS event_version,
    argMax(agent, version) AS agent,
    argMax((at, since, said, place), version) AS stands
FROM ({_REPORTS})
GROUP BY shard, domain, event_id
"""

_STANDING = f"""
SELECT * FROM (
    SELECT *, max(is_valid) OVER of_agent AS is_any_valid
    FROM (
        SELECT
            *,
            stands.3.corrects AS corrects,
            max(stands.4) OVER of_agent AS last_place,
            max((event_version, event_id)) OVER (
                PARTITION BY shard, agent, domain, corrects) AS last_word,
            NOT has(groupUniqArray(corrects) OVER of_agent, event_id)
                AND (corrects = '' OR (event_version, event_id) = last_word) AS is_valid
        FROM ({_LATEST})
        WINDOW of_agent AS (PARTITION BY shard, agent, domain)
    )
    WINDOW of_agent AS (PARTITION BY shard, agent, domain)
)
WHERE is_valid OR NOT is_any_valid
"""

_BELIEVED = f"""
SELECT
    rules,
    any(JSONExtractFloat(content, 'agent_timeouts', 'default_s')) AS usual_s,
    any(JSONExtract(content, 'agent_timeouts', 'sources', 'Map(String, Float64)')) AS own_s
FROM ({CONFIGS}) GROUP BY rules
"""

_KNOWN = stepwise(
    f"""
    SELECT shard, agent, domain, event_id, last_place, stands.1 AS at, stands.2 AS since,
        stands.3 AS said, stands.4 AS place, rules
    FROM ({_STANDING}) AS r
    ASOF LEFT JOIN ({FORCE}) AS f ON r.shard = f.shard AND r.stands.4 > f.place
    """,
    f"""
    transform(
        trim(lowerUTF8(replaceRegexpAll(said.state, '[-_\\\\s\\\\pZ]+', ' '))), {_WORDS}, ''
    ) AS known
    """,
    """
    if(known = '', 'unknown', known) AS state,
    if(known = '' AND said.reason = '', said.state, said.reason) AS reason
    """,
)

_SPANS = stepwise(
    f"SELECT * FROM ({_KNOWN}) AS k LEFT JOIN ({_BELIEVED}) AS b USING (rules)",
    """
    round(multiIf(
        mapContains(own_s, said.source), own_s[said.source], usual_s > 0, usual_s, 60
    ) * 1000)::Int64 AS hold,
    row_number() OVER in_time AS n,
    lagInFrame(at, 1) OVER in_time AS before_at,
    (lagInFrame(state, 1) OVER in_time, lagInFrame(reason, 1) OVER in_time) = (state, reason)
        AS is_same
    """,
    f"""
    since IS NOT NULL AND since < at AND since >= at - {REACH_MS} AS has_since,
    has_since AND n > 1 AND since <= before_at AND is_same AS goes_on,
    if(has_since AND (n = 1 OR since > before_at), assumeNotNull(since), at) AS start
    """,
    """
    leadInFrame(start, 1) OVER in_time AS next_start,
    leadInFrame(goes_on, 1) OVER in_time AS is_continued,
    count() OVER (PARTITION BY shard, agent, domain) AS reports
    """,
    """
    multiIf(n = reports, at + hold, is_continued, next_start, least(next_start, at + hold)) AS end
    """,
).replace(
    "OVER in_time",
    """OVER (PARTITION BY shard, agent, domain ORDER BY at, event_id
        ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)""",
)

_NAMES = "[{}], [{}]".format(
    ", ".join(quoted(state) for state in _STATES), ", ".join(quoted(name) for name in SUMS)
)


def agents_rows(clocks: str) -> str:
    """SQL for every count of the family `agents` whose minute lies in the span.

    Parameters of the query: `site`; `row_from`, `row_to`: the span; `load_from`, `load_to`: at
    least `AROUND_MS` more on either side. Epoch ms.

    A minute is counted when the time of its domain has passed it. Of what was told since the clock
    was last seen to move, only the stream knows: that is in doubt.

    Args:
        clocks: SQL for an array of (shard, domain, watermark, place of the record that moved it
            there) with one element for each domain that has not ended.
    """
    minutes = stepwise(
        f"""
        SELECT *, arrayJoin(range(
            toUInt64(greatest(intDiv(start, 60000), intDiv(%(row_from)s, 60000))),
            toUInt64(greatest(0, least(
                intDiv(end + 59999, 60000), intDiv(%(row_to)s + 59999, 60000)))))) AS number
        FROM ({_SPANS})
        WHERE state != 'offline' AND start < end
          AND end > %(row_from)s AND start < %(row_to)s
        """,
        f"arrayFirst(c -> c.1 = shard AND c.2 = domain, {clocks}) AS clock",
        f"""
        toInt64(number) * 60000 AS minute_ms,
        least(end, minute_ms + 60000) - greatest(start, minute_ms) AS ms,
        clock.2 = '' OR minute_ms + 60000 < clock.3 AND last_place < clock.4 AS is_passed,
        concat(transform(state, {_NAMES}, ''), if(is_passed, '', '?')) AS measure,
        arrayConcat(
            [('site', '', '', ''), ('team', said.team, '', ''), ('agent', said.team, agent, '')],
            if(state IN ('break', 'not_ready', 'unknown'), [('reason', said.team, '', reason)], [])
        ) AS places
        """,
    )
    return f"""
SELECT
    place.1 AS dims, intDiv(minute_ms, 1000) AS minute,
    {", ".join(f"place.{i} AS {name}" for i, name in enumerate(DIMENSIONS, 2))},
    measure, 0::UInt16 AS bin, toInt64(ms) AS value
FROM ({minutes})
ARRAY JOIN places AS place
"""


def stored_agents() -> str:
    """SQL for the same counts as they are stored, merged over shards; parameters as above."""
    sums = ", ".join(f"('{name}', {name})" for name in SUMS)
    return f"""
SELECT
    dims, toInt64(toUnixTimestamp(minute)) AS minute, {", ".join(DIMENSIONS)},
    counted.1 AS measure, 0::UInt16 AS bin, counted.2 AS value
FROM agent_minutes FINAL
ARRAY JOIN arrayFilter(m -> m.2 != 0, [{sums}]) AS counted
WHERE site = %(site)s
  AND toUnixTimestamp(minute) >= intDiv(%(row_from)s, 1000)
  AND toUnixTimestamp(minute) < intDiv(%(row_to)s, 1000)
"""
