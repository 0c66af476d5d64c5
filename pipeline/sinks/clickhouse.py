"""Flushes flow in, tables grow; lookups flow in, answers flow out: the store behind `Store`.

One insert per table and flush, for all shards of the process. The order is that of `Flush`: first
what completes the last checkpoint, at the end the next one, each as one block into one table
without partitions, which readers see whole or not at all. Every table replaces by identity, so a
flush written twice leaves every view unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from pipeline.contribution import GENERATION_BITS, CallerKey, Measure
from pipeline.dedupe import EventKey
from pipeline.entity import EntityKey
from pipeline.entries import HistoryKey
from pipeline.exchange import (
    PROCESS,
    SINCE,
    Checkpoint,
    CheckpointItem,
    Flush,
    Found,
    Lookup,
    RecentId,
    Stored,
)
from pipeline.operators.rows import RowKey
from pipeline.sinks import tables
from pipeline.sinks.client import Client
from schemas import rows as schema

ASKED_AT_ONCE = 10_000
_OFFSET_MASK = (1 << GENERATION_BITS) - 1
_AT = f"(bitShiftLeft(toUInt64(generation), {GENERATION_BITS}) + offset)"
_LETTERS = "SELECT shard, generation, offset FROM dead_letters WHERE shard = %(shard)s"


class ClickHouseStore:
    """The store of one process, over one connection.

    Args:
        client: the connection.
        allowed: raises where this process may not write any more; asked before every insert.
    """

    def __init__(self, client: Client, allowed: Callable[[], None] = lambda: None) -> None:
        self._client = client
        self._allowed = allowed

    # -- reading ----------------------------------------------------------------------------

    def identity(self) -> str:
        """Which store it is, however it is reached: its own id of the checkpoint's table.

        Raises:
            SinkError: it cannot be asked.
        """
        return str(
            self._client.execute(
                "SELECT toString(uuid) FROM system.tables "
                "WHERE database = currentDatabase() AND name = 'checkpoint'"
            )[0][0]
        )

    def load(self, shards: Sequence[int]) -> Checkpoint:
        """See `Store.load`."""
        rows = self._client.execute(
            "SELECT shard, family, key, state, revision FROM checkpoint FINAL "
            "WHERE shard IN %(shards)s",
            {"shards": (*shards, PROCESS)},
        )
        since = {shard: int(state) for shard, family, _, state, _ in rows if family == SINCE}
        valid = [row for row in rows if row[4] >= since.get(row[0], 0)]
        number = max((row[4] for row in valid), default=0)
        return Checkpoint([CheckpointItem(*row[:4]) for row in valid], number)

    def highest_generation(self) -> int:
        """See `Store.highest_generation`."""
        families = schema.row_families().values()
        tables_ = [schema.CALLERS.name, schema.HISTORIES.name, *(f.table for f in families)]
        tables_ += [table.name for table in schema.FACTS.values()]
        revisions = [
            f"SELECT max(bitShiftRight(revision, {GENERATION_BITS})) AS g FROM {table}"
            for table in tables_
        ]
        union = " UNION ALL ".join(["SELECT max(generation) AS g FROM raw_events", *revisions])
        return int(self._client.execute(f"SELECT max(g) FROM ({union})")[0][0])

    def recent_ids(
        self, shard: int, covered: int, window_ms: int, limit: int
    ) -> tuple[list[RecentId], int]:
        """See `Store.recent_ids`."""
        where = f"shard = %(shard)s AND {_AT} <= %(covered)s"
        params = {"shard": shard, "covered": covered, "limit": limit + 1}
        bounds = self._client.execute(
            "SELECT count(), toUnixTimestamp64Milli(min(ingest_time)), "
            f"toUnixTimestamp64Milli(max(ingest_time)) FROM raw_events WHERE {where}",
            params,
        )
        count, first, last = bounds[0]
        if not count:
            return [], 0
        since = last - window_ms
        rows = self._client.execute(
            "SELECT toUnixTimestamp64Milli(ingest_time), site, event_id, version "
            f"FROM raw_events FINAL WHERE {where} AND event_id != '' "
            f"AND (shard, generation, offset) NOT IN ({_LETTERS}) "
            "AND ingest_time >= fromUnixTimestamp64Milli(%(since)s) "
            f"ORDER BY {_AT} DESC LIMIT %(limit)s",
            {**params, "since": since},
        )
        ids = [RecentId(*row) for row in reversed(rows)]
        if len(ids) > limit:
            # The oldest instant may be there in part only, so memory is complete after it.
            return ids[1:], ids[0].ingest_ms + 1
        return ids, 0 if first >= since else since

    def lookup(self, lookup: Lookup) -> Found:
        """See `Store.lookup`."""
        versions, told = self._events(lookup)
        entities = dict(self._entities(lookup.entities))
        callers = dict(self._callers(lookup.callers))
        histories = dict(self._histories(lookup.histories))
        rows = dict(self._rows(lookup.rows))
        return Found(versions, told, entities, callers, histories, rows)

    def _events(
        self, lookup: Lookup
    ) -> tuple[dict[tuple[int, EventKey], int], dict[tuple[int, EventKey], bytes]]:
        """The highest versions; and of those wanted, what they said."""
        versions: dict[tuple[int, EventKey], int] = {}
        told: dict[tuple[int, EventKey], bytes] = {}
        for shard, keys in lookup.event_ids.items():
            for site, ids in _by_site(keys).items():
                wanted = [id_ for id_ in ids if (shard, (site, id_)) in lookup.told]
                for some in _chunks(ids):
                    said = self._last_words("max(version)", lookup, shard, site, some)
                    versions |= {(shard, (site, id_)): version for id_, version in said}
                for some in _chunks(wanted):
                    last = f"argMax(payload, (version, -toInt64({_AT})))"
                    for id_, payload in self._last_words(last, lookup, shard, site, some):
                        told[shard, (site, id_)] = (
                            payload if isinstance(payload, bytes) else payload.encode()
                        )
        return versions, told

    def _last_words(
        self, what: str, lookup: Lookup, shard: int, site: str, ids: Sequence[str]
    ) -> Sequence[Sequence[Any]]:
        """By event id `what` its records up to the checkpoint say, without the dead letters."""
        return self._client.execute(
            f"SELECT event_id, {what} FROM raw_events "
            "WHERE site = %(site)s AND shard = %(shard)s AND event_id IN %(ids)s "
            f"AND {_AT} <= %(covered)s AND (shard, generation, offset) NOT IN "
            f"({_LETTERS} AND event_id IN %(ids)s) GROUP BY event_id",
            {"site": site, "shard": shard, "ids": ids, "covered": lookup.covered[shard]},
        )

    def _entities(self, keys: Iterable[EntityKey]) -> Iterator[tuple[EntityKey, Stored]]:
        by_site: dict[tuple[str, str], list[str]] = {}
        for family, site, id_ in keys:
            by_site.setdefault((family, site), []).append(id_)
        for (family, site), ids in by_site.items():
            table = schema.FACTS[family]
            name = table.columns[1]
            for some in _chunks(ids):
                rows = self._client.execute(
                    f"SELECT {name}, state, revision, shard FROM {table.name} FINAL "
                    f"WHERE site = %(site)s AND {name} IN %(ids)s",
                    {"site": site, "ids": some},
                )
                for id_, state, revision, shard in rows:
                    yield EntityKey(family, site, id_), Stored(state, revision, shard)

    def _callers(self, keys: Sequence[CallerKey]) -> Iterator[tuple[CallerKey, Stored]]:
        by_day: dict[tuple[str, str], list[str]] = {}
        for site, day, caller in keys:
            by_day.setdefault((site, day), []).append(caller)
        for (site, day), callers in by_day.items():
            for some in _chunks(callers):
                rows = self._client.execute(
                    "SELECT caller, state, revision, shard FROM callers FINAL "
                    "WHERE site = %(site)s AND day = %(day)s AND caller IN %(callers)s",
                    {"site": site, "day": day, "callers": some},
                )
                for caller, state, revision, shard in rows:
                    yield CallerKey(site, day, caller), Stored(state, revision, shard)

    def _histories(self, keys: Sequence[HistoryKey]) -> Iterator[tuple[HistoryKey, Stored]]:
        for site, subjects in _by_site(keys).items():
            for some in _chunks(subjects):
                rows = self._client.execute(
                    "SELECT subject, state, revision, shard FROM histories FINAL "
                    "WHERE site = %(site)s AND subject IN %(subjects)s",
                    {"site": site, "subjects": some},
                )
                for subject, state, revision, shard in rows:
                    yield HistoryKey(site, subject), Stored(state, revision, shard)

    def _rows(
        self, wanted: Mapping[int, Sequence[RowKey]]
    ) -> Iterator[tuple[tuple[int, RowKey], tuple[dict[Measure, int], int]]]:
        """Read rows of all shards and dimension sets of a family and site in one query.

        That fetches more rows than were asked for (every set of those minutes), but a query for
        each set and shard took ten times as long.
        """
        asked = {(shard, key) for shard, keys in wanted.items() for key in keys}
        minutes: dict[tuple[str, str], set[int]] = {}
        for _, key in asked:
            minutes.setdefault((key.family, key.site), set()).add(key.minute // 1000)
        for (name, site), some in minutes.items():
            family = schema.row_families()[name]
            sums = [m for m in family.measures if m not in family.histograms]
            bins = [m for m in family.measures if m in family.histograms]
            names = ", ".join([*family.dimensions, *sums, *bins])
            rows = self._client.execute(
                "SELECT shard, dims, toInt64(toUnixTimestamp(minute)), revision, "
                f"{names} FROM {family.table} FINAL WHERE site = %(site)s "
                "AND dims IN %(dims)s AND shard IN %(shards)s AND minute IN %(minutes)s",
                {
                    "site": site,
                    "dims": tuple(sorted({key.dims for _, key in asked if key.family == name})),
                    "shards": tuple(sorted(wanted)),
                    "minutes": tuple(sorted(some)),
                },
            )
            width = len(family.dimensions)
            places = {
                dims: tuple(family.dimensions.index(column) for column in columns)
                for dims, columns in family.sets.items()
            }
            for shard, dims, minute, revision, *rest in rows:
                values = tuple([rest[place] for place in places[dims]])
                key = RowKey(name, site, dims, minute * 1000, values)
                if (shard, key) in asked:
                    yield (shard, key), (_measures(rest[width:], sums, bins), revision)

    # -- writing ----------------------------------------------------------------------------

    def write(self, flush: Flush) -> None:
        """See `Store.write`."""
        self._checkpoint(flush.before, flush.number - 1)
        self._insert(schema.RAW_EVENTS, tables.raw_columns(flush.raw))
        self._insert(schema.DEAD_LETTERS, tables.dead_letter_columns(flush.dead_letters))
        self._insert(schema.CONFIGS, tables.transpose(flush.configs, 5))
        for name, family in schema.row_families().items():
            some = [row for row in flush.rows if row.key.family == name]
            self._insert(
                schema.Table(family.table, family.columns), tables.base_columns(family, some)
            )
        # After the rows: whoever adds an hour up and has read this finds them there.
        self._insert(schema.HOURS_TOUCHED, tables.touched_columns(flush.rows))
        self._insert(schema.CALLERS, tables.caller_columns(flush.callers))
        self._insert(schema.HISTORIES, tables.history_columns(flush.histories))
        for name, table in schema.FACTS.items():
            entities = [entity for entity in flush.entities if entity.family == name]
            self._insert(table, tables.entity_columns(entities, len(table.columns)))
            if now := schema.NOW.get(name):
                self._insert(now, tables.now_columns(entities, len(now.columns)))
        self._insert(schema.QUEUES_NOW, tables.transpose(flush.queues, 7))
        self._insert(schema.SOURCES_HEARD, tables.transpose(flush.sources, 6))
        self._insert(schema.ALERT_TRANSITIONS, tables.transition_columns(flush.transitions))
        self._checkpoint(flush.checkpoint, flush.number)

    def _insert(self, table: schema.Table, columns: tables.Columns) -> None:
        if columns[0]:
            self._allowed()
            self._client.insert(table.name, table.columns, columns)

    def _checkpoint(self, items: Sequence[CheckpointItem], number: int) -> None:
        """Write all items as one block: a reader sees this checkpoint or the one before."""
        if not items:
            return
        columns = tables.transpose(
            [
                (i.shard, i.family, i.key, i.state or "", int(i.state is None), number)
                for i in items
            ],
            6,
        )
        self._allowed()
        self._client.insert(
            schema.CHECKPOINT.name,
            schema.CHECKPOINT.columns,
            columns,
            max_insert_block_size=1_048_576,
            min_insert_block_size_rows=1_048_576,
            min_insert_block_size_bytes=1 << 30,
        )


def _by_site(keys: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    by_site: dict[str, list[str]] = {}
    for site, id_ in keys:
        by_site.setdefault(site, []).append(id_)
    return by_site


def _chunks(values: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """At most as many as one query should carry; an empty tuple never."""
    for start in range(0, len(values), ASKED_AT_ONCE):
        yield tuple(values[start : start + ASKED_AT_ONCE])


def _measures(
    values: Sequence[Any], sums: Sequence[str], bins: Sequence[str]
) -> dict[Measure, int]:
    measures: dict[Measure, int] = {
        name: value for name, value in zip(sums, values, strict=False) if value
    }
    for name, histogram in zip(bins, values[len(sums) :], strict=True):
        for bin_, count in histogram.items():
            if count:
                measures[name, bin_] = count
    return measures
