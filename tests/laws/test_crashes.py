"""Law 3: snapshot and restore at any cut change nothing, whatever of a flush was written."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import StoreUnavailable
from pipeline.exchange import Flush, Store
from pipeline.sinks.memory import MemoryStore
from schemas.records import LogRecord
from tests.laws.driving import Died, Mortal, engine_on, run
from tests.laws.profile import tried
from tests.laws.scenario import morning
from tests.laws.views import remembered, views

SHARDS = 2


def crash_through(
    inner: Store, records: Sequence[LogRecord], shards: int, seed: int, crashes: int
) -> None:
    """Apply a log, in any batches, with flushes and crashes anywhere, to its end."""
    random_ = random.Random(seed)
    store = Mortal(inner, random_)
    flush_share = random_.choice([0.02, 0.1, 0.5])
    while True:
        try:
            engine = engine_on(store, records, shards)
            done = engine.position[0] if engine.position else 0
            while done < len(records):
                end = min(done + random_.choice([1, 2, 5, 30]), len(records))
                engine.process(records[done:end])
                done = end
                if crashes and random_.random() < 0.05:
                    crashes -= 1
                    if random_.random() < 0.2:
                        raise Died
                    store.die_in = random_.randint(0, len(Mortal.STEPS))
                    engine.flush([done], records[done - 1].ingest_ms)
                    store.die_in = None
                elif random_.random() < flush_share:
                    engine.flush([done], records[done - 1].ingest_ms)
            engine.flush([done], records[-1].ingest_ms)
        except Died:
            continue
        return


@tried(150)
@given(
    seed=st.integers(0, 10**6),
    calls=st.integers(1, 25),
    fate=st.integers(0, 10**6),
    crashes=st.integers(1, 8),
)
def test_crashes_change_nothing(seed: int, calls: int, fate: int, crashes: int) -> None:
    records = morning(seed, calls=calls).records()
    undisturbed = run(records, SHARDS)
    crashed = MemoryStore()
    crash_through(crashed, records, SHARDS, fate, crashes)
    assert views(crashed) == views(undisturbed)
    assert remembered(crashed) == remembered(undisturbed)


class Unreachable(MemoryStore):
    """A store whose every other write fails, in turn before and after it is carried out."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def write(self, flush: Flush) -> None:
        self.calls += 1
        if self.calls % 4 != 2:
            super().write(flush)
        if self.calls % 2 == 0:
            msg = "cannot be reached"
            raise StoreUnavailable(msg)


@tried(20)
@given(seed=st.integers(0, 10**6), calls=st.integers(1, 25), every=st.integers(1, 40))
def test_a_flush_that_an_outage_ended_is_done_before_the_next_record(
    seed: int, calls: int, every: int
) -> None:
    """Who stops waiting for the store and goes on all the same loses nothing."""
    records = morning(seed, calls=calls).records()
    store = Unreachable()
    engine = engine_on(store, records, SHARDS, patient=False)
    for begin in range(0, len(records), every):
        some = records[begin : begin + every]
        with suppress(StoreUnavailable):
            engine.process(some)
        engine.process(some)  # where it was applied, it is skipped
        with suppress(StoreUnavailable):
            engine.flush([begin + len(some)], some[-1].ingest_ms)
    engine.flush([len(records)], records[-1].ingest_ms)
    assert views(store) == views(run(records, SHARDS))
