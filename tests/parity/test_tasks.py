"""Tasks: the stream and an SQL of its own say the same, whatever a desk tells, however late."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import clickhouse
from pipeline.parity import tasks_sql
from pipeline.parity.check import Parity, check
from pipeline.sinks.clickhouse import ClickHouseStore
from pipeline.sinks.client import Client
from pipeline.sinks.migrate import migrate
from schemas.records import LogRecord
from schemas.rows import row_families
from tests.laws.driving import run_on
from tests.laws.profile import tried
from tests.laws.scenario import SITES, morning
from tests.laws.tables import empty


@pytest.fixture(scope="module")
def store(server: clickhouse.Server) -> Client:
    admin = Client(lambda: server.url)
    admin.execute("CREATE DATABASE IF NOT EXISTS tasks_parity ENGINE = Atomic")
    admin.close()
    client = Client(lambda: f"{server.url.rpartition('/')[0]}/tasks_parity")
    migrate(client)
    return client


def differing(parity: Parity) -> dict[str, object]:
    return {v.measure: v.examples for v in parity.verdicts if v.different and v.family == "tasks"}


def taken_in(store: Client, records: list[LogRecord]) -> None:
    empty(store)
    run_on(ClickHouseStore(store), records, 2)


def told(seed: int) -> list[LogRecord]:
    """What desks tell of sixty tasks in a morning."""
    return morning(seed, calls=0, tickets=120, agents=0).records()


def test_every_base_measure_and_every_dimension_is_compared() -> None:
    tasks = row_families()["tasks"]
    assert {*tasks_sql.SUMS, *tasks_sql.HISTOGRAMS} == {*tasks.measures}
    assert set(tasks_sql.HISTOGRAMS) == tasks.histograms
    assert tasks.dimensions == tasks_sql.DIMENSIONS


@tried(3)
@given(seed=st.integers(0, 10**6))
def test_tasks_of_every_shape_badly_delivered(store: Client, seed: int) -> None:
    taken_in(store, told(seed))
    for site in SITES:
        assert not differing(check(store, site))


@tried(2)
@given(seed=st.integers(0, 10**6))
def test_what_a_running_log_has_not_counted_yet_is_in_doubt(store: Client, seed: int) -> None:
    records = told(seed)
    taken_in(store, records[: random.Random(seed).randint(0, len(records))])
    for site in SITES:
        assert not differing(check(store, site))


def test_in_parts_and_falsified(store: Client) -> None:
    taken_in(store, told(3))
    whole = check(store, SITES[0])
    counted = {v.measure: v.total for v in whole.verdicts if v.family == "tasks"}
    assert min(counted.values()) > 0  # each measure is there to be compared
    parts = check(store, SITES[0], events_at_once=100)
    assert {v.measure: v.total for v in parts.verdicts if v.family == "tasks"} == counted
    columns = "site, dims, minute, department, interface_person, task_type, shard"
    store.execute(
        f"INSERT INTO task_minutes ({columns}, revision, urges) SELECT {columns}, "
        "revision + 1, urges + 1 FROM task_minutes FINAL "
        "WHERE dims = 'person' AND urges > 0 ORDER BY minute LIMIT 1"
    )
    assert "urges" in differing(check(store, SITES[0]))
