"""What memory lets go of is read back: the results are those of a memory without bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import dedupe
from pipeline.operators import rows
from pipeline.runtimes import engine
from pipeline.sinks.memory import MemoryStore
from pipeline.stage1 import shard
from tests.laws.driving import run
from tests.laws.profile import tried
from tests.laws.scenario import morning
from tests.laws.test_crashes import crash_through
from tests.laws.views import remembered, views

SHARDS = 2
seeds = st.integers(0, 10**6)


def forgetful(patch: pytest.MonkeyPatch) -> None:
    """Keep next to nothing in memory."""
    patch.setattr(rows, "MAX_ROWS", 3)
    patch.setattr(rows, "MAX_PLACES", 2)
    patch.setattr(rows, "HORIZON_MS", 60_000)
    patch.setattr(shard, "CLOSED_KEPT", 1)
    for module in (dedupe, engine):
        patch.setattr(module, "WINDOW_MS", 30_000)
        patch.setattr(module, "MAX_IDS", 5)


@tried(40)
@given(seed=seeds, calls=st.integers(1, 25), every=st.integers(1, 40))
def test_evicting_rows_contacts_and_ids_changes_nothing(seed: int, calls: int, every: int) -> None:
    records = morning(seed, calls=calls).records()
    whole = views(run(records, SHARDS))
    with pytest.MonkeyPatch.context() as patch:
        forgetful(patch)
        evicted = run(records, SHARDS, flush_at=range(every, len(records), every))
    assert views(evicted) == whole


@tried(60)
@given(seed=seeds, calls=st.integers(1, 25), fate=seeds, crashes=st.integers(1, 8))
def test_crashes_change_nothing_with_little_memory(
    seed: int, calls: int, fate: int, crashes: int
) -> None:
    records = morning(seed, calls=calls).records()
    undisturbed = run(records, SHARDS)
    crashed = MemoryStore()
    with pytest.MonkeyPatch.context() as patch:
        forgetful(patch)
        crash_through(crashed, records, SHARDS, fate, crashes)
    assert views(crashed) == views(undisturbed)
    assert remembered(crashed) == remembered(undisturbed)
