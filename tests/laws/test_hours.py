"""Hours are the sums of their minutes, however often and whenever they are added up."""

from __future__ import annotations

import random
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from pipeline.exchange import Flush
from pipeline.sinks.clickhouse import ClickHouseStore
from pipeline.sinks.client import Client
from pipeline.sinks.hours import add_up_hours, prepare_hours
from schemas.rollups import PENDING, Rollup, rollups
from tests.laws.driving import run_on
from tests.laws.profile import tried
from tests.laws.scenario import morning
from tests.laws.tables import empty

SHARDS = 3


class AddsUp(ClickHouseStore):
    """Adds up hours between flushes, at any of them, some or all."""

    def __init__(self, client: Client, chance: random.Random) -> None:
        super().__init__(client)
        self.client = client
        self.chance = chance

    def write(self, flush: Flush) -> None:
        super().write(flush)
        if self.chance.random() < 0.5:
            add_up_hours(self.client, most=self.chance.choice([1, 2, None]))


def by_hour(client: Client, rollup: Rollup, source: str) -> Sequence[tuple[object, ...]]:
    """Every dimension set's sums by hour, rows of nothing but zeros left out."""
    family = rollup.family
    key = ", ".join(["site", "dims", "hour", *family.dimensions])
    sums = [f"sum({m}) AS s_{m}" for m in family.measures if m not in family.histograms]
    bins = [f"mapFilter((k, v) -> v != 0, sumMap({m})) AS s_{m}" for m in family.histograms]
    anything = " OR ".join(
        f"notEmpty(s_{m})" if m in family.histograms else f"s_{m} != 0" for m in family.measures
    )
    return client.execute(
        f"SELECT site, dims, toStartOfHour(minute) AS hour, "
        f"{', '.join([*family.dimensions, *sums, *bins])} FROM {source} "
        f"GROUP BY {key} HAVING {anything} ORDER BY {key}"
    )


def same(client: Client) -> bool:
    """Whether every view of hours says what its minutes say, and something is in one."""
    found = [
        (by_hour(client, r, r.view), by_hour(client, r, f"{r.family.table} FINAL"))
        for r in rollups()
    ]
    assert any(minutes for _, minutes in found)
    return all(hours == minutes for hours, minutes in found)


@tried(4)
@given(seed=st.integers(0, 10**6), calls=st.integers(5, 25), flushes=st.integers(2, 8))
def test_hours_are_the_sums_of_their_minutes(
    client: Client, seed: int, calls: int, flushes: int
) -> None:
    empty(client)
    records = morning(seed, calls=calls).records()
    every = len(records) // flushes + 1
    store = AddsUp(client, random.Random(seed))
    run_on(store, records, SHARDS, flush_at=range(every, len(records), every))
    assert same(client)
    add_up_hours(client)
    assert same(client)
    assert client.execute(f"SELECT count() FROM {PENDING}") == [(0,)]


def test_a_table_of_another_definition_is_made_anew(client: Client) -> None:
    empty(client)
    run_on(ClickHouseStore(client), morning(7, calls=10).records(), SHARDS)
    add_up_hours(client)
    rollup = next(r for r in rollups() if r.family.name == "calls")
    client.execute(f"DROP TABLE {rollup.table}")
    client.execute(f"CREATE TABLE {rollup.table} (site String) ENGINE = MergeTree ORDER BY site")

    prepare_hours(client)

    assert same(client)
    assert client.execute(f"SELECT count() FROM {PENDING} WHERE family = 'intake'") == [(0,)]
    add_up_hours(client)
    assert same(client)
    assert client.execute(f"SELECT count() > 0 FROM {rollup.table}") == [(1,)]


def test_an_hour_that_is_not_over_or_has_not_settled_is_left(client: Client) -> None:
    empty(client)
    run_on(ClickHouseStore(client), morning(7, calls=10).records(), SHARDS)
    assert add_up_hours(client, settled_s=3_600) == 0
    client.execute(
        "INSERT INTO hours_touched (site, family, hour, state) "
        "SELECT 'demo', 'calls', toStartOfHour(now()) + 7200, 'touched'"
    )
    add_up_hours(client)
    assert client.execute(f"SELECT site, hour > now() FROM {PENDING}") == [("demo", 1)]
