"""Law 4, and laws 1 and 3 again, over the real engine: its tables show what memory shows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.contribution import CallerKey
from pipeline.exchange import Flush, Lookup
from pipeline.sinks.clickhouse import ClickHouseStore
from pipeline.sinks.client import Client
from pipeline.sinks.memory import MemoryStore
from tests.laws.driving import run, run_on
from tests.laws.profile import tried
from tests.laws.scenario import morning
from tests.laws.tables import empty, tables
from tests.laws.test_crashes import crash_through
from tests.laws.views import views

SHARDS = 2
seeds = st.integers(0, 10**6)


class Twice(ClickHouseStore):
    """Writes every flush twice, as a writer does that lost the answer."""

    def write(self, flush: Flush) -> None:
        super().write(flush)
        super().write(flush)


class MemoryTwice(MemoryStore):
    """The same in memory."""

    def write(self, flush: Flush) -> None:
        super().write(flush)
        super().write(flush)


@tried(30)
@given(seed=seeds, calls=st.integers(1, 25), every=st.integers(1, 100))
def test_in_memory_a_flush_written_twice_changes_nothing(seed: int, calls: int, every: int) -> None:
    records = morning(seed, calls=calls).records()
    twice = run(records, SHARDS, flush_at=range(0, len(records), every), store=MemoryTwice())
    assert views(twice) == views(run(records, SHARDS))


@tried(3)
@given(seed=seeds, calls=st.integers(10, 25), flushes=st.integers(1, 6))
def test_in_tables_a_flush_written_twice_changes_nothing(
    client: Client, seed: int, calls: int, flushes: int
) -> None:
    records = morning(seed, calls=calls).records()
    empty(client)
    every = len(records) // flushes + 1
    run_on(Twice(client), records, SHARDS, flush_at=range(every, len(records), every))
    assert tables(client) == views(run(records, SHARDS))


def test_a_batch_of_strangers_is_looked_up_however_long_their_names(client: Client) -> None:
    """10,000 of 200 characters: eight times what a query may have unless it is told otherwise."""
    keys = [CallerKey("demo", "2026-03-02", f"phone:{number:0194x}") for number in range(10_000)]
    assert ClickHouseStore(client).lookup(Lookup(callers=keys)).callers == {}


@tried(3)
@given(seed=seeds, calls=st.integers(5, 20), fate=seeds)
def test_crashes_leave_the_tables_as_if_there_had_been_none(
    client: Client, seed: int, calls: int, fate: int
) -> None:
    records = morning(seed, calls=calls).records()
    empty(client)
    crash_through(ClickHouseStore(client), records, SHARDS, fate, crashes=4)
    assert tables(client) == views(run(records, SHARDS))
