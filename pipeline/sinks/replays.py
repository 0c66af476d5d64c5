"""A live store and a window flow in, the database that its replay goes to flows out, and says so.

What a replay is of stands in the checkpoint of its database from before its first record on, so
whoever meets that database again, the same command after a kill or a pipeline by mistake, knows.
It holds where the history ended at that moment: a replay is of the past, not of what is coming in.

**A window** [start, end) is of event time, by the minute. A minute's rows depend on all that was
ever told of whoever counts in them: a call began before it, was corrected a month later, its id was
seen last year. So of everyone who may count in the window all records are read, whenever they came:
of each subject of which anything was told within `REACH_MS` of the window, longer than any wait,
timeout or belief may last; of each of which anything arrived in it, because arrivals are counted
too, and late ones and copies apart; and of each that has ever had a ticket, because tickets stay
open for years. Besides them all that arrived just before it (time passed by that), every tick and
end, and every configuration.

**A topic** of events may be what is read, as far as it is kept: then all of it is, and only what
came before is chosen from raw events.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

from pipeline.contribution import GENERATION_BITS, revision_of
from pipeline.errors import ConfigError, StoreRefused
from pipeline.exchange import PROCESS, REPLAY, CheckpointItem, Flush, RawRow
from pipeline.operators.escalations import Escalation
from pipeline.operators.tasks import Task
from pipeline.operators.tickets import Ticket
from pipeline.sinks.clickhouse import ClickHouseStore
from pipeline.sinks.client import Client
from pipeline.sinks.migrate import migrate, schema_version
from pipeline.sinks.raw import REVISION, Selection
from pipeline.stage1.shard import STATE_VERSION
from schemas.records import LogRecord, RecordKind

DAY_MS = 86_400_000
REACH_MS = 8 * DAY_MS
"""A day in which alerts begin, and the seven that are the most of a duration or a timeout."""
SUBJECTS = "replay_subjects"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_RESERVED = frozenset({"default", "system", "information_schema"})


class Window(NamedTuple):
    """From when until before when, epoch ms; None: without a bound."""

    start_ms: int | None = None
    end_ms: int | None = None

    @property
    def whole(self) -> bool:
        """Whether it is all of history."""
        return self == (None, None)


class Kept(NamedTuple):
    """A topic of events: its name and identity, and by shard the offset of its oldest record."""

    name: str
    identity: str
    first: Sequence[int]


@dataclass(frozen=True, slots=True)
class Replay:
    """What a database was replayed from.

    Attributes:
        source: the live database.
        window: what of it.
        upto: by shard, the revision of the last record.
        kept: the topic that is read; what came before its oldest records, or without a topic
            everything, is read from raw events.
        ticks: those that the live store still holds back: generation, shard, offset, ingest ms,
            domain, payload.
        state_version: of the states in its checkpoint.
        done: all is applied.
    """

    source: str
    window: Window
    upto: tuple[int, ...] = ()
    kept: Kept | None = None
    ticks: tuple[tuple[int, int, int, int, str, str], ...] = ()
    state_version: int = STATE_VERSION
    done: bool = False

    @property
    def stored(self) -> tuple[int, ...]:
        """By shard, the revision of the last record that is read from raw events."""
        if self.kept is None:
            return self.upto
        return tuple(
            min(last, revision_of(generation_of(last), first) - 1)
            for last, first in zip(self.upto, self.kept.first, strict=True)
        )

    def selection(self) -> Selection:
        """The source's raw events that are to be applied."""
        return Selection(
            f"{quoted(self.source)}.raw_events",
            f"{_UPTO} AND {_IN_WINDOW}" if not self.window.whole else _UPTO,
            {"upto": list(self.stored), **_bounds(self.window)},
        )

    def held_ticks(self) -> Mapping[int, list[LogRecord]]:
        """The ticks that neither raw events nor the topic have, by generation."""
        ticks: dict[int, list[LogRecord]] = {}
        stored = self.stored
        for generation, shard, offset, at, domain, payload in self.ticks:
            if revision_of(generation, offset) > stored[shard]:
                continue
            record = LogRecord(shard, offset, RecordKind.TICK, at, domain, "", payload.encode())
            ticks.setdefault(generation, []).append(record)
        return ticks


def generation_of(revision: int) -> int:
    """The generation whose record has that revision; its beginning (offset -1) is in it too."""
    return (revision + 1) >> GENERATION_BITS


_UPTO = f"{REVISION} <= arrayElement(%(upto)s, shard + 1)"
_FROM_MS = "fromUnixTimestamp64Milli(%({})s, 'UTC')"
_IN_WINDOW = (
    "(kind != 'event' OR event_type = 'config.changed' "
    f"OR (ingest_time >= {_FROM_MS.format('near')} AND ingest_time < {_FROM_MS.format('end')}) "
    f"OR subject IN (SELECT subject FROM {SUBJECTS}))"
)
_MAY_COUNT = (
    "kind = 'event' AND subject != '' AND (event_type IN %(tickets)s "
    f"OR (event_time >= {_FROM_MS.format('near')} AND event_time < {_FROM_MS.format('far')}) "
    f"OR (ingest_time >= {_FROM_MS.format('start')} AND ingest_time < {_FROM_MS.format('end')}))"
)
_LAST_MS = 4_102_444_800_000
"""2100: later than any event, and what the engine's instants can hold."""


def _bounds(window: Window) -> dict[str, Any]:
    start = 0 if window.start_ms is None else window.start_ms
    end = _LAST_MS if window.end_ms is None else window.end_ms
    return {
        "start": start,
        "end": end,
        "near": max(0, start - REACH_MS),
        "far": min(_LAST_MS, end + REACH_MS),
        "tickets": (*Ticket.types, *Escalation.types, *Task.types),
    }


def check_name(into: str, source: str) -> None:
    """Refuse a name that cannot be that of a replay's database.

    Raises:
        ConfigError: it is not a name, is the engine's own, or is the live database itself.
    """
    if not _NAME.fullmatch(into):
        msg = f"--into {into!r}: name a database in letters, digits and _, such as march_again"
        raise ConfigError(msg)
    if into == source:
        msg = f"--into {into}: that is the live database itself; name another, it is made anew"
        raise ConfigError(msg)
    if into.lower() in _RESERVED:
        msg = f"--into {into}: that one belongs to ClickHouse; name another, it is made anew"
        raise ConfigError(msg)


def prepare(
    live: Client,
    into: Client,
    source: str,
    name: str,
    window: Window,
    *,
    kept: Kept | None = None,
) -> Replay:
    """Make the database of a replay, or find it as a replay that was interrupted has left it.

    Args:
        live: the store that history is taken from.
        into: the database called `name` of the same server, which need not exist yet.
        source: what the live store's database is called.
        name: checked by `check_name`.
        window: what to replay.
        kept: the topic to read it from, as far as that goes back; None: raw events alone.

    Raises:
        ConfigError: there is nothing in the window.
        StoreRefused: the database holds something else, or has a newer schema; or the live store
            was not filled from that topic.
    """
    wanted = _history(live, source, window, kept)
    live.execute(f"CREATE DATABASE IF NOT EXISTS {quoted(name)}")
    if not schema_version(into) and into.execute("SHOW TABLES LIMIT 1"):
        msg = f"--into {name}: holds tables that are not Goldpan's; name another database"
        raise StoreRefused(msg)
    migrate(into)
    known = found(into)
    if known is not None:
        _check_same(known, wanted, name)
        return known
    if into.execute("SELECT 1 FROM raw_events LIMIT 1") or into.execute(
        "SELECT 1 FROM checkpoint LIMIT 1"
    ):
        msg = f"--into {name}: a pipeline writes to that database; name another, it is made anew"
        raise StoreRefused(msg)
    if not window.whole:
        _choose(into, wanted)
    _mark(into, wanted, 1)
    return wanted


def finish(into: Client, replay: Replay) -> None:
    """Note that all is applied."""
    _mark(into, replace(replay, done=True), 2)
    into.execute(f"DROP TABLE IF EXISTS {SUBJECTS}")


def found(client: Client) -> Replay | None:
    """What a database is the replay of; None if of nothing."""
    rows = client.execute(
        "SELECT state FROM checkpoint FINAL WHERE shard = %(shard)s AND family = %(family)s",
        {"shard": PROCESS, "family": REPLAY},
    )
    if not rows:
        return None
    said = json.loads(rows[0][0])
    return Replay(
        **{
            **said,
            "window": Window(*said["window"]),
            "upto": tuple(said["upto"]),
            "kept": Kept(*said["kept"]) if said["kept"] else None,
            "ticks": tuple(tuple(tick) for tick in said["ticks"]),
        }
    )


def quoted(name: str) -> str:
    """A database's name in SQL."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def _history(live: Client, source: str, window: Window, kept: Kept | None) -> Replay:
    """Where the live store's history stands, as its last checkpoint says."""
    if found(live) is not None:
        msg = f"{source} is a replay itself: replay the live database"
        raise StoreRefused(msg)
    rows: Sequence[tuple[int, str]] = live.execute(
        "SELECT shard, state FROM checkpoint FINAL WHERE family = 'meta'"
    )
    upto = [0] * (1 + max((shard for shard, _ in rows), default=-1))
    ticks: list[tuple[int, int, int, int, str, str]] = []
    for shard, state in rows:
        meta = json.loads(state)
        upto[shard] = revision_of(meta["generation"], meta["offset"])
        for row in map(RawRow._make, meta["held_ticks"]):
            payload = str(row.payload)
            ticks.append((row.generation, shard, row.offset, row.ingest_ms, row.domain, payload))
    if kept is not None and rows:
        _check_topic(live, source, kept, len(upto))
    replay = Replay(source, window, tuple(upto), kept, tuple(sorted(ticks)))
    _check_not_empty(live, replay)
    return replay


def _check_topic(live: Client, source: str, kept: Kept, shards: int) -> None:
    """Refuse a topic whose records are not those that the live store had."""
    owners = live.execute("SELECT shard, state FROM checkpoint FINAL WHERE family = 'owner'")
    identities = {
        json.loads(state).get("identity", "") for shard, state in owners if shard < shards
    }
    if identities != {kept.identity} or len(kept.first) != shards:
        msg = (
            f"{source} was not filled from topic {kept.name} as that is now: leave out --kafka to "
            "replay its raw events"
        )
        raise StoreRefused(msg)


def _check_not_empty(live: Client, replay: Replay) -> None:
    (records, inside, first, last), *_ = live.execute(
        f"SELECT count(), countIf(event_time >= {_FROM_MS.format('start')} "
        f"AND event_time < {_FROM_MS.format('end')}), min(event_time), max(event_time) "
        "FROM raw_events WHERE kind = 'event'",
        _bounds(replay.window),
    )
    if not records or not replay.upto:
        msg = f"{live.place} holds nothing to replay yet"
        raise ConfigError(msg)
    if not inside:
        msg = (
            "there is nothing between --from and --to: events go from "
            f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC"
        )
        raise ConfigError(msg)


def _check_same(known: Replay, wanted: Replay, name: str) -> None:
    topic, other = known.kept, wanted.kept
    is_same_topic = (topic and topic.identity) == (other and other.identity)
    if (known.source, known.window) != (wanted.source, wanted.window) or not is_same_topic:
        what = "all of" if known.window.whole else "another window of"
        if (known.source, known.window) == (wanted.source, wanted.window):
            what = "another topic of" if topic else "the raw events of"
        msg = (
            f"--into {name}: holds a replay of {what} {known.source}; name another database, or "
            f"remove that one with DROP DATABASE {name}"
        )
        raise StoreRefused(msg)
    if known.state_version != wanted.state_version and not known.done:
        msg = (
            f"--into {name}: holds an unfinished replay by another version of Goldpan; remove it "
            f"with DROP DATABASE {name}, or go back to that version"
        )
        raise StoreRefused(msg)


def _choose(into: Client, replay: Replay) -> None:
    """Keep who may count in the window, until the replay is done."""
    source = replay.selection()
    everyone = {**source.params, "upto": list(replay.upto)}
    into.execute(
        f"CREATE TABLE IF NOT EXISTS {SUBJECTS} (subject String) "
        "ENGINE = MergeTree ORDER BY subject"
    )
    into.execute(f"TRUNCATE TABLE {SUBJECTS}")
    into.execute(
        f"INSERT INTO {SUBJECTS} SELECT DISTINCT subject FROM {source.table} "
        f"WHERE {_UPTO} AND {_MAY_COUNT}",
        everyone,
    )


def _mark(into: Client, replay: Replay, number: int) -> None:
    item = CheckpointItem(PROCESS, REPLAY, "", json.dumps(asdict(replay)))
    ClickHouseStore(into).write(Flush(number=number, checkpoint=[item]))
