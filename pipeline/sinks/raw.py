"""The raw events of a store flow in, the log records that they were flow out, in their order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pipeline.contribution import GENERATION_BITS
from pipeline.sinks.client import Client
from schemas.records import LogRecord, RecordKind
from schemas.rollups import rollups
from schemas.rows import CONFIGS, RAW_EVENTS, row_tables

AT_ONCE = 20_000

DERIVED = (
    *(table.name for table in row_tables() if table not in (RAW_EVENTS, CONFIGS)),
    *(rollup.table for rollup in rollups()),
)
"""The tables that can be computed again from `raw_events`."""

REVISION = f"(bitShiftLeft(toUInt64(generation), {GENERATION_BITS}) + offset)"


class Stretch(NamedTuple):
    """The records of one generation that arrived from `begin_ms` until before `end_ms`."""

    generation: int
    begin_ms: int
    end_ms: int
    records: int


class Place(NamedTuple):
    """Where in a generation a record stands among those of all shards."""

    ingest_ms: int
    shard: int = -1
    offset: int = -1


@dataclass(frozen=True, slots=True)
class Selection:
    """Which records are read: a table, and SQL that says which of its rows."""

    table: str = RAW_EVENTS.name
    where: str = "1"
    params: Mapping[str, Any] = field(default_factory=dict)


class RawEvents:
    """Reads what `raw_events` keeps; ticks are thinned there, which changes nothing.

    Records come in the order of their ingest time, over all shards, so that the shards advance
    together; each shard's own order is that of its offsets, as ingest times never go back. They
    are read by stretches of time, so that no query sorts more than it gives.
    """

    def __init__(self, client: Client, selection: Selection | None = None) -> None:
        self._client = client
        self._of = selection or Selection()

    def stretches(self) -> list[Stretch]:
        """What there is, in the order in which it came; counts may be a little high."""
        rows = self._client.execute(
            "SELECT generation, toInt64(min(minute)) * 1000, toInt64(max(minute)) * 1000 + 60000, "
            "sum(records) FROM (SELECT generation, minute, records, intDiv(sum(records) OVER "
            "(PARTITION BY generation ORDER BY minute ROWS BETWEEN UNBOUNDED PRECEDING "
            "AND CURRENT ROW), %(at_once)s) AS stretch FROM (SELECT generation, "
            "toUnixTimestamp(toStartOfMinute(ingest_time)) AS minute, count() AS records "
            f"FROM {self._of.table} WHERE {self._of.where} GROUP BY generation, minute)) "
            "GROUP BY generation, stretch ORDER BY generation, stretch",
            {**self._of.params, "at_once": AT_ONCE},
        )
        return [Stretch(*row) for row in rows]

    def page(self, stretch: Stretch, after: Place) -> list[LogRecord]:
        """The stretch's next records behind a place, some thousand; none where it ends.

        A record that was written twice is given once. FINAL would see to that as well, but it
        reads the whole table for every page.
        """
        rows = self._client.execute(
            "SELECT toUnixTimestamp64Milli(ingest_time) AS at, toInt32(shard) AS which, "
            "toInt64(offset) AS place, kind, domain, subject, payload "
            f"FROM {self._of.table} WHERE {self._of.where} AND generation = %(generation)s "
            "AND ingest_time >= fromUnixTimestamp64Milli(%(begin_ms)s, 'UTC') "
            "AND ingest_time < fromUnixTimestamp64Milli(%(end_ms)s, 'UTC') "
            "AND (at, which, place) > %(after)s "
            "ORDER BY at, which, place LIMIT 1 BY which, place LIMIT %(at_once)s",
            {
                **self._of.params,
                **stretch._asdict(),
                "begin_ms": max(stretch.begin_ms, after.ingest_ms),
                "after": tuple(after),
                "at_once": AT_ONCE,
            },
        )
        return [
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

    def clear_derived(self) -> None:
        """Empty every table that is computed from the raw events."""
        for table in DERIVED:
            self._client.execute(f"TRUNCATE TABLE {table}")
