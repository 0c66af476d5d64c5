"""Time by state, computed twice: from made-up shifts of every kind, told badly, and by hand."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import clickhouse
from pipeline.parity.check import Parity, check
from pipeline.sinks.clickhouse import ClickHouseStore
from pipeline.sinks.client import Client
from pipeline.sinks.migrate import migrate
from schemas.records import LogRecord
from tests.laws.driving import run_on
from tests.laws.profile import tried
from tests.laws.scenario import SITES, START, morning
from tests.laws.tables import empty

AGENTS = (
    *("ready_ms", "ringing_ms", "talking_ms", "holding_ms", "wrap_up_ms", "break_ms"),
    *("not_ready_ms", "unmapped_ms"),
)


@pytest.fixture(scope="module")
def store(server: clickhouse.Server) -> Client:
    admin = Client(lambda: server.url)
    admin.execute("CREATE DATABASE IF NOT EXISTS agents_parity ENGINE = Atomic")
    admin.close()
    client = Client(lambda: f"{server.url.rpartition('/')[0]}/agents_parity")
    migrate(client)
    return client


def differing(parity: Parity) -> Mapping[str, object]:
    return {v.measure: v.examples for v in parity.verdicts if v.different and v.family == "agents"}


def taken_in(store: Client, records: list[LogRecord]) -> None:
    empty(store)
    run_on(ClickHouseStore(store), records, 2)


@tried(8)
@given(seed=st.integers(0, 10**6))
def test_shifts_of_every_kind(store: Client, seed: int) -> None:
    taken_in(store, morning(seed, calls=0, tickets=0, agents=8).records())
    for site in SITES:
        parity = check(store, site)
        assert not differing(parity)


@tried(4)
@given(seed=st.integers(0, 10**6))
def test_what_a_running_log_has_not_counted_yet_is_in_doubt(store: Client, seed: int) -> None:
    records = morning(seed, calls=0, tickets=0, agents=8).records()
    cut = random.Random(seed).randint(0, len(records))
    taken_in(store, records[:cut])
    for site in SITES:
        assert not differing(check(store, site))


def test_in_spans_of_a_day_and_in_part(store: Client) -> None:
    taken_in(store, morning(3, calls=0, tickets=0, agents=12).records())
    whole = check(store, SITES[0])
    counted = {v.measure: v.total for v in whole.verdicts if v.family == "agents"}
    assert min(counted[measure] for measure in AGENTS) > 0
    spans = check(store, SITES[0], events_at_once=1)
    assert {v.measure: v.total for v in spans.verdicts if v.family == "agents"} == counted
    part = check(store, SITES[0], start_ms=START, end_ms=START + 1_200_000)
    assert not differing(part)
    assert 0 < sum(v.total for v in part.verdicts if v.measure in AGENTS) < sum(counted.values())


def test_what_is_falsified_is_found(store: Client) -> None:
    taken_in(store, morning(3, calls=0, tickets=0, agents=12).records())
    columns = "site, dims, minute, team, agent_id, reason, shard"
    store.execute(
        f"INSERT INTO agent_minutes ({columns}, revision, ready_ms) SELECT {columns}, "
        "revision + 1, ready_ms + 1 FROM agent_minutes FINAL WHERE dims = 'agent' LIMIT 1"
    )
    assert set(differing(check(store, SITES[0]))) >= {"ready_ms"}
