"""Records flow in, what reached the log flows out: rows of `intake_minutes`, as SQL.

Every event record counts in the minute of its ingest. It is `rejected` if it is a dead letter; else
a `duplicate` if its shard has had the same id of its site before, not as a dead letter, with no
lower version; else `late` if its event time lay behind its domain's watermark. The watermark is
found again from the records: live, the latest of min(event time, ingest time) and of the ticks,
less two seconds; in a file's domain, what the file's ticks say. `repaired` counts events kept of
which a source mended something.
"""

from __future__ import annotations

from pipeline.parity.contacts_sql import PLACE, stepwise

SUMS = ("events", "duplicates", "late", "rejected", "repaired")
DIMENSIONS = ("source", "event_type", "domain")

LIVE_LATENESS_MS = 2_000

_MS = "toUnixTimestamp64Milli"

# A dead letter that could not be read has no id and no event time, so it moves no watermark.
CLOCK = f"""
multiIf(
    kind = 'tick' AND domain = 'live', {_MS}(ingest_time) - {LIVE_LATENESS_MS},
    kind = 'tick', toInt64OrZero(payload),
    domain = 'live' AND event_id != '',
        least({_MS}(event_time), {_MS}(ingest_time)) - {LIVE_LATENESS_MS},
    -4611686018427387904)"""
"""How far a record moves its domain's watermark on its shard, epoch ms; the past if not at all."""

RUNNING_CLOCKS = f"""
SELECT shard, domain, max((clock, -place)).1 AS watermark, -max((clock, -place)).2 AS moved_at
FROM (
    SELECT shard, domain, kind, {PLACE} AS place, {CLOCK} AS clock
    FROM raw_events FINAL
)
GROUP BY shard, domain
HAVING countIf(kind = 'end') = 0
"""
"""The watermark of each domain on each shard that has not ended, and the record that moved it."""


def intake_rows() -> str:
    """SQL for every count of the family `intake` whose minute lies in the span.

    Parameters: `site`; `row_from`, `row_to`: the span of ingest time, epoch ms. Earlier records are
    read without their payload, for duplicates and watermarks look back.
    """
    records = f"""
SELECT
    site, shard, kind, domain, source, event_type, event_id, version, {PLACE} AS place,
    (shard, place) IN (SELECT shard, {PLACE} FROM dead_letters) AS is_rejected,
    {_MS}(ingest_time) AS ingest, {_MS}(event_time) AS happened, {CLOCK} AS clock,
    ingest >= %(row_from)s AND JSONLength(payload, 'repairs') > 0 AS is_mended
FROM raw_events FINAL
WHERE ingest_time < fromUnixTimestamp64Milli(toInt64(%(row_to)s))
"""
    looking_back = f"""
SELECT
    *,
    max(clock) OVER (
        PARTITION BY shard, domain ORDER BY place
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS watermark,
    countIf(NOT is_rejected) OVER same_before > 0 AS is_known,
    maxIf(version, NOT is_rejected) OVER same_before AS highest_before
FROM ({records})
WINDOW same_before AS (
    PARTITION BY site, shard, event_id ORDER BY place
    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
"""
    judged = stepwise(
        f"SELECT * FROM ({looking_back})"
        " WHERE kind = 'event' AND site = %(site)s AND ingest >= %(row_from)s",
        """
        NOT is_rejected AND event_id != '' AND is_known AND highest_before >= version
            AS is_repeated
        """,
        "NOT is_rejected AND NOT is_repeated AS is_kept",
        """
        [('site', '', '', ''), ('source', source, event_type, domain)] AS keys,
        [
            ('events', 1), ('rejected', is_rejected), ('duplicates', is_repeated),
            ('late', is_kept AND happened < watermark), ('repaired', is_kept AND is_mended)
        ] AS counts
        """,
    )
    return f"""
SELECT
    key.1 AS dims, toInt64(intDiv(ingest, 60000) * 60) AS minute,
    {", ".join(f"key.{i} AS {name}" for i, name in enumerate(DIMENSIONS, 2))},
    counted.1 AS measure, 0::UInt16 AS bin, toInt64(counted.2) AS value
FROM ({judged})
ARRAY JOIN keys AS key
ARRAY JOIN arrayFilter(c -> c.2 > 0, counts) AS counted
"""


def stored_intake() -> str:
    """SQL for the same counts as they are stored, merged over shards; parameters as above."""
    sums = ", ".join(f"('{name}', {name})" for name in SUMS)
    return f"""
SELECT
    dims, toInt64(toUnixTimestamp(minute)) AS minute, {", ".join(DIMENSIONS)},
    counted.1 AS measure, 0::UInt16 AS bin, counted.2 AS value
FROM intake_minutes FINAL
ARRAY JOIN arrayFilter(m -> m.2 != 0, [{sums}]) AS counted
WHERE site = %(site)s
  AND toUnixTimestamp(minute) >= intDiv(%(row_from)s, 1000)
  AND toUnixTimestamp(minute) < intDiv(%(row_to)s, 1000)
"""
