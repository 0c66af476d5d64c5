"""The raw events of a store flow in, the log records that they were flow out, in their order."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from pipeline.sinks.client import Client
from schemas.records import LogRecord, RecordKind
from schemas.rows import CONFIGS, RAW_EVENTS, row_tables

AT_ONCE = 10_000

DERIVED = tuple(table.name for table in row_tables() if table not in (RAW_EVENTS, CONFIGS))
"""The tables that can be computed again from `raw_events`."""


class Stretch(NamedTuple):
    """The records of one generation that arrived on one day (UTC)."""

    generation: int
    day: date
    records: int


class RawEvents:
    """Reads what `raw_events` keeps; ticks are thinned there, which changes nothing.

    Records come in the order of their ingest time, over all shards, so that the shards advance
    together; each shard's own order is that of its offsets, as ingest times never go back.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def stretches(self) -> list[Stretch]:
        """What there is, in the order in which it came."""
        rows = self._client.execute(
            "SELECT generation, toDate(ingest_time) AS day, uniqExact(shard, offset) "
            "FROM raw_events GROUP BY generation, day ORDER BY generation, day"
        )
        return [Stretch(*row) for row in rows]

    def records(self, stretch: Stretch) -> Iterator[list[LogRecord]]:
        """The stretch's records, some thousand at a time."""
        after = (-1, -1, -1)
        while True:
            rows = self._client.execute(
                "SELECT toUnixTimestamp64Milli(ingest_time) AS at, toInt32(shard) AS which, "
                "toInt64(offset) AS place, kind, domain, subject, payload FROM raw_events FINAL "
                "WHERE generation = %(generation)s AND toDate(ingest_time) = %(day)s "
                "AND (at, which, place) > %(after)s ORDER BY at, which, place LIMIT %(limit)s",
                {
                    "generation": stretch.generation,
                    "day": stretch.day.isoformat(),
                    "after": after,
                    "limit": AT_ONCE,
                },
            )
            if not rows:
                return
            yield [
                LogRecord(
                    shard,
                    offset,
                    RecordKind[kind.upper()],
                    ingest_ms,
                    domain,
                    subject,
                    payload if isinstance(payload, bytes) else payload.encode(),
                )
                for ingest_ms, shard, offset, kind, domain, subject, payload in rows
            ]
            after = rows[-1][:3]

    def clear_derived(self) -> None:
        """Empty every table that is computed from the raw events."""
        for table in DERIVED:
            self._client.execute(f"TRUNCATE TABLE {table}")
