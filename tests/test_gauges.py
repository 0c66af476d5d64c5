"""How queues and agents stand now, from hand-made rows on the real engine: none is not nothing."""

from __future__ import annotations

from typing import Any

import pytest
from clickhouse_driver import Client

from pipeline.errors import ConfigError
from pipeline.report import Report, usual_period
from schemas.catalogue import load_catalogue
from schemas.rows import AGENTS_NOW, QUEUES_NOW, RAW_EVENTS, SOURCES_HEARD, TICKETS_NOW

Cells = list[tuple[object, ...]]


@pytest.fixture(scope="module", autouse=True)
def rows(store: Client) -> None:
    queue(store, queue="vip", shard=0, revision=1, waiting=9, talking=9)
    queue(store, queue="vip", shard=0, revision=2, waiting=2, talking=1, ago_s=40)
    queue(store, queue="vip", shard=1, revision=1, waiting=1, talking=0, ago_s=100)
    queue(store, queue="calm", shard=0, revision=1, waiting=0, talking=3)
    agent(store, "a", "ready", ["vip", "calm"])
    agent(store, "b", "ready", ["vip"])
    agent(store, "c", "talking", ["vip"])
    agent(store, "d", "unknown", ["calm"])
    agent(store, "e", "ready", ["vip"], domain="file:x")


def put(client: Client, table: str, row: dict[str, Any], computed: dict[str, str]) -> None:
    names = ", ".join([*row, *computed])
    values = ", ".join([*(f"%({name})s" for name in row), *computed.values()])
    client.execute(f"INSERT INTO {table} ({names}) SELECT {values}", row)


def queue(client: Client, *, ago_s: int | None = None, **row: Any) -> None:
    oldest = "NULL" if ago_s is None else f"now64(3) - INTERVAL {ago_s} SECOND"
    put(client, QUEUES_NOW.name, {"site": "s", **row}, {"oldest_queued_at": oldest})


def agent(client: Client, id_: str, state: str, queues: list[str], domain: str = "live") -> None:
    row = {"site": "s", "id": id_, "agent_id": id_, "agent_state": state, "domain": domain}
    put(client, AGENTS_NOW.name, {**row, "queues": queues, "revision": 1}, {})


def now(store: Client, *metrics: str, group: tuple[str, ...] = (), **more: Any) -> Cells:
    asked: dict[str, Any] = {"site": "s", "zone": "UTC", "catalogue": load_catalogue(), **more}
    table = Report(metrics, group=group, **asked).run(store)
    return [(*row.group, *row.values) for row in table.rows]


def ticket(client: Client, owner: str, *, opened_h: int, again_h: int, forgotten: bool) -> None:
    """An open ticket, opened and last reopened so many hours ago."""
    row = {"site": "s", "ticket_id": f"{owner}{opened_h}{again_h}", "owner": owner, "revision": 1}
    computed = {
        "opened_at": f"now64(3) - INTERVAL {opened_h} HOUR",
        "cycle_at": f"now64(3) - INTERVAL {again_h} HOUR",
        "forget_at": f"now64(3) {'-' if forgotten else '+'} INTERVAL 1 DAY",
    }
    put(client, TICKETS_NOW.name, row, computed)


def test_how_old_open_tickets_are_and_how_evenly_they_lie(store: Client) -> None:
    """Five owners have 1, 2, 3, 4 and 5 tickets of 24, 48, ... 360 h; all were reopened 12 h ago.

    One of 8 days is nobody's. Mean (15 * 16 / 2 + 8) / 16 = 8 days; of sixteen the P90 is
    the 15th, which is 14 days old; the oldest is 15.
    """
    assert now(store, "backlog_age", "load_gini") == []
    assert now(store, "backlog_age", "load_gini", "calls_waiting") == [(None, None, 3)]
    days = iter(range(1, 16))
    for number, owner in enumerate("abcde", start=1):
        for _ in range(number):
            ticket(store, owner, opened_h=24 * next(days), again_h=12, forgotten=False)
    ticket(store, "", opened_h=24 * 8, again_h=12, forgotten=False)  # nobody's: in no spread
    ticket(store, "f", opened_h=999, again_h=999, forgotten=True)
    asked = ("backlog_age", "backlog_age:p90", "backlog_age:oldest", "backlog_age:mean_reopened")
    [values] = now(store, *asked, "load_gini", "n=open_now")
    # 0.2667 = 2 * (1 + 4 + 9 + 16 + 25) / (5 * 15) - 6 / 5.
    assert values == pytest.approx((8, 14, 15, 0.5, 4 / 15, 16), rel=0.01)
    assert now(store, "load_gini", group=("owner",))[0] == ("", None)


def test_a_queue_is_the_sum_of_its_shards(store: Client) -> None:
    assert now(store, "calls_waiting", "calls_talking", group=("queue",)) == [
        ("calm", 0, 3),
        ("vip", 3, 1),
    ]
    assert now(store, "calls_waiting", "calls_talking") == [(3, 4)]


def test_who_waits_longest_waits_since_he_came(store: Client) -> None:
    [(calm, nobody), (vip, longest)] = now(store, "oldest_waiting", group=("queue",))
    assert (calm, nobody, vip) == ("calm", 0, "vip")
    assert isinstance(longest, float)
    assert 100 <= longest < 400  # as long as the tests take


def test_an_agent_of_two_queues_counts_for_both_and_once_in_total(store: Client) -> None:
    assert now(store, "agents_ready", "agents_logged_in", "agents_unknown") == [(2, 3, 1)]
    assert now(store, "agents_ready", "agents_unknown", group=("queue",)) == [
        ("calm", 1, 1),
        ("vip", 2, 0),
    ]


def source(client: Client, name: str, shard: int, event_s: int | None, heard_s: int) -> None:
    """A source whose newest event on a shard happened, and was last heard, so many s ago."""
    computed = {
        "newest_event_at": "NULL" if event_s is None else f"now64(3) - INTERVAL {event_s} SECOND",
        "heard_at": f"now64(3) - INTERVAL {heard_s} SECOND",
    }
    row = {"site": "s", "source": name, "shard": shard, "revision": 1}
    put(client, SOURCES_HEARD.name, row, computed)


def test_an_idle_source_is_told_from_a_broken_one_by_its_heartbeat(store: Client) -> None:
    """One has sent nothing but heartbeats: no event of it is new, and none is old."""
    source(store, "busy", 0, 4_000, 4_000)
    source(store, "busy", 1, 1_000, 1_000)
    source(store, "idle", 0, 20_000, 1_000)
    source(store, "broken", 0, 30_000, 30_000)
    source(store, "new", 0, None, 1_000)
    found = {
        str(name): values
        for name, *values in now(store, "freshness", "freshness:last_sign", group=("source",))
    }
    assert found.pop("new") == [None, pytest.approx(1_000, abs=400)]
    assert found == {
        "busy": pytest.approx([1_000, 1_000], abs=400),
        "idle": pytest.approx([20_000, 1_000], abs=400),
        "broken": pytest.approx([30_000, 30_000], abs=400),
    }
    [values] = now(store, "freshness", "freshness:last_sign")
    assert values == pytest.approx((30_000, 30_000), abs=400)  # the worst of them


def test_how_long_it_takes_until_an_event_is_stored(store: Client) -> None:
    """Twenty live events of 1 to 20 s: P95 is the 19th. A file's and an old one do not count."""

    def stored(offset: int, delay_s: int, domain: str = "live", ago_min: int = 0) -> None:
        row = {"site": "s", "shard": 0, "offset": offset, "kind": "event", "domain": domain}
        at = f"now64(3) - INTERVAL {ago_min} MINUTE"
        computed = {
            "ingest_time": at,
            "stored_at": at,
            "event_time": f"{at} - INTERVAL {delay_s} SECOND",
        }
        put(store, RAW_EVENTS.name, {**row, "source": "pbx"}, computed)

    for number in range(1, 21):
        stored(number, number)
    stored(21, 9_999, domain="file:x")
    stored(22, 9_999, ago_min=30)
    assert now(store, "freshness:stored_p95", group=("source",)) == [("pbx", 19)]


def test_where_nothing_was_ever_told_there_is_no_value(store: Client) -> None:
    assert now(store, "calls_waiting", "agents_ready", site="elsewhere") == []


def test_a_report_of_gauges_alone_needs_no_period() -> None:
    catalogue = load_catalogue()
    assert usual_period(["calls_waiting", "agents_ready"], catalogue) == "total"
    assert usual_period(["calls_waiting", "offered"], catalogue) == "day"
    assert usual_period(["calls_waiting", "x=offered"], catalogue) == "day"
    assert usual_period(["nonsense"], catalogue) == "day"


@pytest.mark.parametrize("more", [{"by": "hour"}, {"by": "day"}])
def test_what_is_now_has_no_past(store: Client, more: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="calls_waiting is how things stand now and has no past"):
        now(store, "calls_waiting", **more)
