"""Laws 2, 9 and 12: order within the allowed lateness, the number of shards, and thinned ticks."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.records import RecordKind
from schemas.rows import FACTS, row_families
from tests.laws.driving import run
from tests.laws.mood import TIDY
from tests.laws.profile import tried
from tests.laws.scenario import LATENESS_MS, Scenario, morning
from tests.laws.views import Views, views

SHARDS = 2
seeds = st.integers(0, 10**6)
CORRECTED = replace(TIDY, correct=0.2, raise_version=0.2, lose=0.1)


def jostled(scenario: Scenario, seed: int) -> Scenario:
    """The same deliveries, each up to the allowed lateness later, so in another order."""
    random_ = random.Random(seed)
    # 50 ms pass from the event to its delivery at the earliest; what is late anyway stays so.
    room = LATENESS_MS - 100
    moved = [sent._replace(at=sent.at + random_.randint(0, room)) for sent in scenario.sent]
    return replace(scenario, sent=tuple(sorted(moved, key=lambda sent: sent.at)))


def known(seen: Views) -> dict[tuple[str, ...], list[Any]]:
    """All that is known of things, but for the last of their deadlines that has passed.

    A version that was replaced may have had one that no other has, and it passed or not as the
    version came first or last. Whatever it brought stands in the other columns.
    """
    found = {}
    for key, row in seen.entities.items():
        at = [name for name in FACTS[key[0]].columns if name != "revision"].index("state")
        subject, domain, rules, _, *rest = json.loads(row[at])
        found[key] = [*row[:at], [subject, domain, rules, *rest], *row[at + 1 :]]
    return found


@tried(80)
@given(seed=seeds, calls=st.integers(1, 30), order=seeds)
def test_order_within_the_allowed_lateness_changes_nothing(
    seed: int, calls: int, order: int
) -> None:
    # Without changes of configuration: which one a contact begins under is a matter of order.
    scenario = morning(seed, calls=calls, mood=CORRECTED, files=False, configs=False)
    straight = views(run(scenario.records(), SHARDS))
    mixed = views(run(jostled(scenario, order).records(), SHARDS))
    for family in row_families().keys() - {"intake"}:
        assert mixed.merged(family) == straight.merged(family)
    assert known(mixed) == known(straight)
    assert mixed.callers == straight.callers
    assert mixed.histories == straight.histories
    # Intake counts in the minute of arrival, which has changed, and a lower version that comes
    # after a higher one is a duplicate: only their number is the same. Nothing became late that
    # was not late before (corrections are, by minutes).
    assert mixed.intake("events", "rejected", "repaired") == straight.intake(
        "events", "rejected", "repaired"
    )


@tried(20)
@given(seed=seeds, calls=st.integers(1, 30), order=seeds)
def test_nothing_is_late_within_the_allowed_lateness(seed: int, calls: int, order: int) -> None:
    scenario = morning(seed, calls=calls, mood=TIDY, files=False)
    assert not views(run(jostled(scenario, order).records(), SHARDS)).intake("late")


@tried(20)
@given(seed=seeds, calls=st.integers(1, 30))
def test_the_sum_over_shards_is_one_shard(seed: int, calls: int) -> None:
    scenario = morning(seed, calls=calls)
    alone = views(run(scenario.over(1).records(), 1))
    for shards in (2, 8):
        split = views(run(scenario.over(shards).records(), shards))
        for family in row_families().keys() - {"intake"}:
            assert split.merged(family) == alone.merged(family)
        assert split.people() == alone.people()
        assert split.callers == alone.callers
        assert split.histories == alone.histories
        # Of the copies of a configuration every shard counts its own, and each shard's watermark
        # says for itself what is late.
        for seen in (split, alone):
            for key in [key for key in seen.rows if "config.changed" in key[1].values]:
                del seen.rows[key]
        fields = ("events", "duplicates", "rejected", "repaired")
        by_source = {key: n for key, n in split.intake(*fields).items() if key[1] == "source"}
        assert by_source == {k: n for k, n in alone.intake(*fields).items() if k[1] == "source"}


@tried(80)
@given(seed=seeds, calls=st.integers(1, 30), keep=st.floats(0, 1), order=seeds)
def test_ticks_with_nothing_between_may_be_thinned(
    seed: int, calls: int, keep: float, order: int
) -> None:
    scenario = morning(seed, calls=calls, tick_ms=5_000)
    records = scenario.records()
    random_ = random.Random(order)
    thinned = []
    for shard in range(SHARDS):
        own = [record for record in records if record.shard == shard]
        for record, following in zip(own, [*own[1:], None], strict=True):
            idle = (
                following is not None
                and record.kind == following.kind == RecordKind.TICK
                and record.domain == following.domain
            )
            if not idle or random_.random() < keep:
                thinned.append(record)
    thinned.sort(key=lambda record: (record.ingest_ms, record.shard, record.offset))
    every, fewer = views(run(records, SHARDS)), views(run(thinned, SHARDS))
    assert fewer == every
