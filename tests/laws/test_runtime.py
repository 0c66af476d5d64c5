"""The embedded runtime over the real store: killed anywhere, the store away anywhere, all the same.

The log is written once and copied, so that both sides read the same records.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import StoreUnavailable
from pipeline.exchange import Checkpoint, Flush, Found, Lookup, RecentId, Store
from pipeline.runtimes.embedded import Embedded, EmbeddedSettings
from pipeline.runtimes.engine import Engine
from pipeline.runtimes.patience import Patience
from pipeline.runtimes.publisher import LIFE_MS
from pipeline.sinks.clickhouse import ClickHouseStore
from pipeline.sinks.client import Client
from pipeline.sinks.memory import MemoryStore
from pipeline.topology import TopologySettings
from schemas.records import LIVE, LogRecord
from tests.laws.driving import Died, Mortal
from tests.laws.profile import tried
from tests.laws.scenario import SITES, START, encode, event, morning
from tests.laws.tables import empty, tables
from tests.laws.views import Views, views

SHARDS = 2
T = TypeVar("T")
seeds = st.integers(0, 10**6)


class Clock:
    """Time that passes by being asked for."""

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        self.now_ms += 200
        return self.now_ms


class SmallSteps(Embedded):
    """Reads a few records at a time, so that a small log has many steps and flushes."""

    def step(self, limit: int = 9) -> int:
        return super().step(limit)


def embedded(directory: Path, store: Store, now_ms: int) -> Embedded:
    settings = EmbeddedSettings(directory, shards=SHARDS, segment_bytes=20_000)
    topology = TopologySettings(shards=SHARDS, default_site=SITES[0])
    patience = Patience(lambda _: None, first_s=0.0)
    return SmallSteps(settings, Engine(topology, store, patience), Clock(now_ms))


def write_log(directory: Path, records: Sequence[LogRecord]) -> None:
    """Put the scenario through the front door: subjects, shards and times are the runtime's own."""
    now = [0]
    settings = EmbeddedSettings(directory, shards=SHARDS, segment_bytes=20_000)
    topology = TopologySettings(shards=SHARDS, default_site=SITES[0])
    engine = Engine(topology, MemoryStore(), Patience(print))
    with Embedded(settings, engine, lambda: now[0]) as pipeline:
        for record in records:
            now[0] = record.ingest_ms
            if record.subject:
                pipeline.publish(record.domain, [record.payload])
            elif record.shard == 0:
                pipeline.now()
                pipeline.publish_everywhere(record.kind, record.domain, record.payload)
        pipeline.save_subjects()


def undisturbed(directory: Path, now_ms: int) -> Views:
    store = MemoryStore()
    with embedded(directory, store, now_ms) as pipeline:
        pipeline.start()
        pipeline.settle()
    return views(store)


class Flaky:
    """A store that cannot be reached now and then: before a call is carried out, or after."""

    def __init__(self, inner: Store, random_: random.Random) -> None:
        self._inner = inner
        self._random = random_
        self.outages = 0

    def _try(self, call: Callable[[], T]) -> T:
        if self._random.random() < 0.1:
            self.outages += 1
            msg = "refused"
            raise StoreUnavailable(msg)
        answer = call()
        if self._random.random() < 0.1:
            self.outages += 1
            msg = "the answer was lost"
            raise StoreUnavailable(msg)
        return answer

    def load(self, shards: Sequence[int]) -> Checkpoint:
        return self._try(lambda: self._inner.load(shards))

    def highest_generation(self) -> int:
        return self._try(self._inner.highest_generation)

    def recent_ids(
        self, shard: int, covered: int, window_ms: int, limit: int
    ) -> tuple[list[RecentId], int]:
        return self._try(lambda: self._inner.recent_ids(shard, covered, window_ms, limit))

    def lookup(self, lookup: Lookup) -> Found:
        return self._try(lambda: self._inner.lookup(lookup))

    def write(self, flush: Flush) -> None:
        self._try(lambda: self._inner.write(flush))


def killed_again_and_again(directory: Path, inner: Store, now_ms: int, seed: int) -> int:
    """Run the log to its end through kills in the middle of writing; returns how many."""
    random_ = random.Random(seed)
    kills = 0
    while True:
        store = Mortal(inner, random_)
        try:
            with embedded(directory, store, now_ms) as pipeline:
                if kills < 5:
                    store.die_in = random_.randint(0, len(Mortal.STEPS))
                    store.spare = random_.randint(0, 6)
                pipeline.start()
                pipeline.settle()
        except Died:
            kills += 1
            continue
        return kills


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int, int], tuple[Path, Path, int]]:
    """Write the log of a morning into two directories; says when it is over."""

    def write(seed: int, calls: int) -> tuple[Path, Path, int]:
        records = morning(seed, calls=calls).records()
        one = tmp_path_factory.mktemp("one")
        write_log(one, records)
        other = tmp_path_factory.mktemp("other") / "copy"
        shutil.copytree(one, other)
        return one, other, records[-1].ingest_ms

    return write


def test_one_line_from_the_future_makes_no_other_line_of_its_file_late(tmp_path: Path) -> None:
    chunks = [
        [event("call.queued", START, "c", queue="q"), event("call.held", START + 10**11, "x")],
        [event("call.answered", START + 9_000, "c", agent_id="a", wait_ms=9_000)],
    ]
    store = MemoryStore()
    with embedded(tmp_path, store, START + 86_400_000) as pipeline:
        pipeline.start()
        for chunk in chunks:
            pipeline.publish("file:a", [encode(content) for content in chunk], lateness_ms=0)
        pipeline.settle()
    seen = views(store)
    counted = seen.intake("events", "late", "rejected").items()
    assert {key[-1]: n for key, n in counted if key[1] == "site"} == {"events": 3, "rejected": 1}
    [letter] = seen.letters.values()
    assert "from_the_future" in letter


@tried(8)
@given(seed=seeds, calls=st.integers(8, 20), fate=seeds)
def test_kills_change_nothing_in_memory(
    logs: Callable[[int, int], tuple[Path, Path, int]], seed: int, calls: int, fate: int
) -> None:
    one, other, over_ms = logs(seed, calls)
    store = MemoryStore()
    kills = killed_again_and_again(one, store, over_ms, fate)
    assert kills
    assert views(store) == undisturbed(other, over_ms)


@tried(2)
@given(seed=seeds, calls=st.integers(8, 15), fate=seeds)
def test_kills_change_nothing_in_tables(
    client: Client,
    logs: Callable[[int, int], tuple[Path, Path, int]],
    seed: int,
    calls: int,
    fate: int,
) -> None:
    one, other, over_ms = logs(seed, calls)
    empty(client)
    assert killed_again_and_again(one, ClickHouseStore(client), over_ms, fate)
    assert tables(client) == undisturbed(other, over_ms)


@tried(2)
@given(seed=seeds, calls=st.integers(8, 15), fate=seeds)
def test_outages_of_the_store_change_nothing(
    client: Client,
    logs: Callable[[int, int], tuple[Path, Path, int]],
    seed: int,
    calls: int,
    fate: int,
) -> None:
    one, other, over_ms = logs(seed, calls)
    empty(client)
    store = Flaky(ClickHouseStore(client), random.Random(fate))
    with embedded(one, store, over_ms) as pipeline:
        pipeline.start()
        pipeline.settle()
    assert store.outages
    assert tables(client) == undisturbed(other, over_ms)


def test_who_was_silent_for_long_enough_is_forgotten(tmp_path: Path) -> None:
    with embedded(tmp_path, MemoryStore(), START) as pipeline:
        pipeline.start()
        said = event("call.queued", START, "old", queue="general")
        pipeline.publish(LIVE, [encode(said)])
        pipeline.save_subjects()
        assert pipeline.subjects.entries == {"contact": 1}
    later = START + LIFE_MS + 2 * 3_600_000  # the last touch is known to the hour
    with embedded(tmp_path, MemoryStore(), later) as pipeline:
        pipeline.start()
        pipeline.tick()
        assert pipeline.subjects.entries.get("contact", 0) == 0
