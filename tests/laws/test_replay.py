"""Law 10, and more: a replay into another database gives every view that the live one has."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra import clickhouse
from pipeline.alerts import service_level
from pipeline.exchange import Store
from pipeline.runtimes.history import Stored
from pipeline.runtimes.patience import Patience
from pipeline.runtimes.replay import replay
from pipeline.sinks import raw
from pipeline.sinks.clickhouse import ClickHouseStore
from pipeline.sinks.client import Client
from pipeline.sinks.migrate import migrate
from pipeline.sinks.raw import RawEvents
from pipeline.sinks.replays import DAY_MS, Replay, Window, finish, prepare
from schemas.records import LIVE, LogRecord
from schemas.rows import FACTS
from tests.laws.driving import Died, Mortal, run_on
from tests.laws.scenario import SITES, START, Scenario, Sent, morning
from tests.laws.tables import tables
from tests.laws.views import Views

SHARDS = 2
APART_MS = 30 * DAY_MS
PATIENCE = Patience(lambda _: None)


Connect = Callable[[str], Client]


@pytest.fixture(name="connect")
def _connect(server: clickhouse.Server) -> Iterator[Connect]:
    """Connections to new databases, which are gone after the test."""
    with connected(server) as connect:
        yield connect


@contextmanager
def connected(server: clickhouse.Server) -> Iterator[Connect]:
    """Connections to new databases, which are gone afterwards."""
    opened: dict[str, Client] = {}
    base = server.url.rpartition("/")[0]
    with Client(lambda: f"{base}/default") as admin:

        def open_(name: str) -> Client:
            admin.execute(f"CREATE DATABASE {name}")
            opened[name] = Client(lambda: f"{base}/{name}")
            return opened[name]

        yield open_
        for name, client in opened.items():
            client.close()
            admin.execute(f"DROP DATABASE {name} SYNC")


@pytest.fixture
def live(connect: Connect) -> Client:
    """The live database, of this version's schema."""
    client = connect("live_one")
    migrate(client)
    return client


@pytest.fixture
def again(connect: Connect) -> Client:
    """The database to replay into, with nothing in it."""
    return connect("again")


def apply(what: Replay, again: Client, store: Store | None = None) -> None:
    """Replay."""
    store = store or ClickHouseStore(again)
    history = [Stored(what, RawEvents(again, what.selection()), PATIENCE)]
    replay(what, SITES[0], store, history, PATIENCE, progress=lambda *_: None)


def replayed(live: Client, again: Client, window: Window | None = None) -> Views:
    """Replay to the end."""
    what = prepared(live, again, window)
    apply(what, again)
    finish(again, what)
    return tables(again)


def prepared(live: Client, again: Client, window: Window | None = None) -> Replay:
    """Make the database, or find it as it was left."""
    source = str(live.execute("SELECT currentDatabase()")[0][0])
    return prepare(live, again, source, "again", window or Window())


def moved(records: Sequence[LogRecord], by_ms: int) -> list[LogRecord]:
    """The same records, arriving later."""
    return [record._replace(ingest_ms=record.ingest_ms + by_ms) for record in records]


def two_logs(seed: int) -> tuple[list[LogRecord], list[LogRecord]]:
    """A morning, and a log that began anew two days later and tells much of it again."""
    first = morning(seed, calls=30).records()
    second = morning(seed, calls=40).records()
    return first, moved(second, 2 * DAY_MS)


def test_everything_comes_out_as_it_did_live(live: Client, again: Client) -> None:
    first, second = two_logs(1)
    run_on(ClickHouseStore(live), first, SHARDS, flush_at=range(0, len(first), 100))
    run_on(ClickHouseStore(live), second, SHARDS, identity="another")

    found = replayed(live, again)

    expected = tables(live)
    assert expected.transitions
    assert expected.letters
    assert found == expected


def test_a_replay_goes_on_where_it_was_killed(
    live: Client, again: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raw, "AT_ONCE", 60)
    first, second = two_logs(3)
    run_on(ClickHouseStore(live), first, SHARDS)
    run_on(ClickHouseStore(live), second, SHARDS, identity="another")
    random_ = random.Random(3)
    deaths = 0
    what = prepared(live, again)
    while True:
        store = Mortal(ClickHouseStore(again), random_)
        store.spare, store.die_in = random_.randrange(6), random_.randrange(len(Mortal.STEPS))
        try:
            apply(what, again, store)
        except Died:
            deaths += 1
            what = prepared(live, again)
        else:
            break
    assert deaths > 3
    assert tables(again) == tables(live)


def test_what_comes_in_meanwhile_is_not_replayed(live: Client, again: Client) -> None:
    records = morning(4, calls=30).records()
    some = records[: len(records) // 2]
    run_on(ClickHouseStore(live), some, SHARDS)
    expected = tables(live)
    what = prepared(live, again)
    run_on(ClickHouseStore(live), records, SHARDS)

    apply(what, again)

    assert tables(again) == expected


# -- windows --------------------------------------------------------------------------------


_IDS = frozenset({"event_id", "corrects", "contact_id", "ticket_id", "task_id", "escalation_id"})


def on_day(number: int, one: Sent, random_: random.Random) -> Iterator[Sent]:
    """A delivery as one of the `number`-th morning; of some, a copy or a correction comes then."""
    try:
        content = json.loads(one.payload)
    except ValueError:
        yield one._replace(at=one.at + number * APART_MS)
        return
    for name, value in content.items():
        if name.endswith("_at"):
            moment = datetime.fromisoformat(value) + timedelta(milliseconds=number * APART_MS)
            content[name] = moment.astimezone(UTC).isoformat()
        elif name in _IDS:
            content[name] = f"{value}/{number}"
        elif name == "ticket_ids":
            content[name] = [f"{id_}/{number}" for id_ in value]
    domain = one.domain if one.domain == LIVE else f"{one.domain}/{number}"
    subject = one.subject
    if subject.startswith(("contact:", "ticket:", "escalation:")):
        subject += f"/{number}"
    told = Sent(one.at + number * APART_MS, subject, domain, json.dumps(content).encode())
    yield told
    if domain == LIVE and random_.random() < 0.05:
        later = told.at + APART_MS + 60_000
        yield told._replace(at=later)
        more: dict[str, Any] = {"version": 9}
        more |= {"wait_ms": 1000} if "wait_ms" in content else {}
        yield told._replace(at=later, payload=json.dumps(content | more).encode())


def mornings(seed: int, count: int) -> list[LogRecord]:
    """Mornings, each a month after the last, with people of both, and what is told again later."""
    random_ = random.Random(seed)
    sent: list[Sent] = []
    ticks: list[int] = []
    everywhere = []
    for number in range(count):
        scenario = morning(seed + number, calls=25)
        shift = number * APART_MS
        sent += [told for one in scenario.sent for told in on_day(number, one, random_)]
        ticks += [at + shift for at in scenario.ticks]
        for at, kind, domain, payload in scenario.everywhere:
            if domain != LIVE:
                mark = str(int(payload) + shift).encode() if payload else b""
                everywhere.append((at + shift, kind, f"{domain}/{number}", mark))
            elif not number:
                everywhere.append((at, kind, domain, payload))
    sent.sort(key=lambda one: one.at)
    return Scenario(tuple(sent), tuple(sorted(ticks)), everywhere=tuple(everywhere)).records()


def final(views: Views, begin: int, end: int) -> dict[str, Any]:
    """What is final of a replay of the window [begin, end)."""
    starts = {
        **{"contact": "started_at", "ticket": "opened_at", "escalation": "received_at"},
        "task": "opened_at",
    }

    def is_in(key: tuple[str, ...], row: list[Any]) -> bool:
        columns = [name for name in FACTS[key[0]].columns if name != "revision"]
        return key[0] in starts and begin <= row[columns.index(starts[key[0]])] < end

    return {
        "rows": {
            at: row
            for at, row in views.rows.items()
            if begin <= at[1].minute < end and not at[1].family.endswith("_chains")
        },
        "entities": {key: row for key, row in views.entities.items() if is_in(key, row)},
        "callers": {
            key: called
            for key, called in views.callers.items()
            if any(begin <= at < end for at in called.values())
        },
        "letters": {at: row for at, row in views.letters.items() if begin <= row[4] < end},
        "transitions": {at: row for at, row in views.transitions.items() if begin < row[10] <= end},
    }


@pytest.fixture(scope="module")
def months(server: clickhouse.Server) -> Iterator[Client]:
    """A live database of five mornings."""
    with pytest.MonkeyPatch.context() as patch, connected(server) as connect:
        patch.setattr(service_level, "MIN_SAMPLE", 3)  # as in every law
        client = connect("months")
        migrate(client)
        run_on(ClickHouseStore(client), mornings(12, 5), SHARDS)
        yield client


@pytest.mark.parametrize(("start", "end"), [(20, 30), (None, 30), (20, None)])
def test_a_window_has_everyone_who_counts_in_it(
    months: Client,
    again: Client,
    monkeypatch: pytest.MonkeyPatch,
    start: int | None,
    end: int | None,
) -> None:
    """Ten minutes of the third morning, or all before or after its middle; killed on the way."""
    monkeypatch.setattr(raw, "AT_ONCE", 300)
    third = START + 2 * APART_MS
    window = Window(*(None if m is None else third + m * 60_000 for m in (start, end)))
    store = Mortal(ClickHouseStore(again), random.Random(5))
    store.spare, store.die_in = 1, Mortal.STEPS.index("entities")

    with pytest.raises(Died):
        apply(prepared(months, again, window), again, store)
    found = replayed(months, again, window)

    bounds = window.start_ms or 0, window.end_ms or 2**62
    expected = tables(months)
    assert len(found.raw) < len(expected.raw)
    wanted = final(expected, *bounds)
    assert all(wanted.values())
    assert final(found, *bounds) == wanted
