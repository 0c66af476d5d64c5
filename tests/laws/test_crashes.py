"""Law 3: snapshot and restore at any cut change nothing, whatever of a flush was written."""

from __future__ import annotations

import random
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from schemas.records import LogRecord
from tests.laws.driving import Died, Mortal, engine_on, run
from tests.laws.profile import tried
from tests.laws.scenario import morning
from tests.laws.views import remembered, views

SHARDS = 2


def run_with_crashes(records: Sequence[LogRecord], seed: int, crashes: int) -> Mortal:
    """Apply a log, in any batches, with flushes and crashes anywhere, to its end."""
    random_ = random.Random(seed)
    store = Mortal()
    store.random_ = random_
    flush_share = random_.choice([0.02, 0.1, 0.5])
    while True:
        try:
            engine = engine_on(store, records, SHARDS)
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
        return store


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
    crashed = run_with_crashes(records, fate, crashes)
    assert views(crashed) == views(undisturbed)
    assert remembered(crashed) == remembered(undisturbed)
