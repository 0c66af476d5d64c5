"""Law 8 over the scenarios of the other laws: what the stream counted is what SQL recounts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.parity.check import check
from pipeline.sinks.clickhouse import ClickHouseStore
from pipeline.sinks.client import Client
from tests.laws.driving import run_on
from tests.laws.mood import Mood
from tests.laws.profile import tried
from tests.laws.scenario import SITES, morning
from tests.laws.tables import empty

SHARDS = 2
seeds, shares = st.integers(0, 10**6), st.floats(0.1, 0.9)
ROUNDABOUT = Mood(correct=0.3, raise_version=0.3, circle=0.2)


@tried(1)
@given(seed=seeds, cut=shares)
def test_parity_holds_of_a_morning(client: Client, seed: int, cut: float) -> None:
    parity_holds(client, seed, cut, Mood())


@tried(1)
@given(seed=seeds, cut=shares)
def test_parity_holds_where_corrections_go_round_in_circles(
    client: Client, seed: int, cut: float
) -> None:
    parity_holds(client, seed, cut, ROUNDABOUT)


def parity_holds(client: Client, seed: int, cut: float, mood: Mood) -> None:
    """At the end of all, and in the middle, where callers wait and talk."""
    records = morning(seed, calls=300, mood=mood).records()
    empty(client)
    some = records[: round(cut * len(records))]
    run_on(ClickHouseStore(client), some, SHARDS)
    compare(client, SITES[0])
    run_on(ClickHouseStore(client), records, SHARDS, flush_at=[len(some)])
    compare(client, *SITES)


def compare(client: Client, *sites: str) -> None:
    for site in sites:
        parity = check(client, site)
        assert {v.measure: v.examples for v in parity.verdicts if v.different} == {}
        assert parity.events
