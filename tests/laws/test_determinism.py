"""Laws 1, 10 and 11: the log alone decides, not batches, flushes or which shard was read first."""

from __future__ import annotations

import random
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from schemas.records import LogRecord
from tests.laws.driving import run
from tests.laws.profile import tried
from tests.laws.scenario import morning
from tests.laws.views import remembered, views

SHARDS = 3
seeds = st.integers(0, 10**6)


def interleaved(records: Sequence[LogRecord], seed: int, run_of: int) -> list[LogRecord]:
    """The same records in another order, each shard's own kept, in runs of at most `run_of`."""
    random_ = random.Random(seed)
    queues = [[r for r in records if r.shard == shard] for shard in range(SHARDS)]
    mixed: list[LogRecord] = []
    while waiting := [queue for queue in queues if queue]:
        queue = random_.choice(waiting)
        count = random_.randint(1, run_of)
        mixed.extend(queue[:count])
        del queue[:count]
    return mixed


@tried(15)
@given(seed=seeds, calls=st.integers(1, 30))
def test_a_replay_repeats_everything(seed: int, calls: int) -> None:
    records = morning(seed, calls=calls).over(SHARDS).records()
    first, again = run(records, SHARDS), run(records, SHARDS)
    assert views(again) == views(first)
    assert again.rows == first.rows
    assert again.checkpoint == first.checkpoint


@tried(80)
@given(seed=seeds, calls=st.integers(1, 30), cuts=seeds)
def test_batches_and_flushes_change_nothing(seed: int, calls: int, cuts: int) -> None:
    records = morning(seed, calls=calls).over(SHARDS).records()
    random_ = random.Random(cuts)
    places = range(len(records))
    flush_at = random_.sample(places, k=random_.randint(0, min(60, len(places))))
    batches = random_.sample(places, k=random_.randint(0, len(places)))
    whole = run(records, SHARDS)
    cut = run(records, SHARDS, flush_at=flush_at, batches=batches)
    assert views(cut) == views(whole)
    assert remembered(cut) == remembered(whole)


@tried(80)
@given(seed=seeds, calls=st.integers(1, 30), order=seeds, run_of=st.sampled_from([1, 10, 1000]))
def test_the_interleaving_of_shards_changes_nothing(
    seed: int, calls: int, order: int, run_of: int
) -> None:
    records = morning(seed, calls=calls).over(SHARDS).records()
    mixed = interleaved(records, order, run_of)
    random_ = random.Random(order)
    flush_at = random_.sample(range(len(mixed)), k=random_.randint(0, 30))
    assert views(run(mixed, SHARDS, flush_at=flush_at)) == views(run(records, SHARDS))


@tried(3)
@given(seed=seeds)
def test_the_made_up_mornings_have_alerts(seed: int) -> None:
    """Without any the laws above would say less than they seem to."""
    scenarios = (morning(seed + n, calls=30).over(SHARDS) for n in range(10))
    alerts = [len(run(s.records(), SHARDS).transitions) for s in scenarios]
    assert sum(alerts) >= 10
