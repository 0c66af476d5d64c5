"""Stage 2 behind a topic: split by site, repeated, cut off anywhere, it decides the same."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from pipeline.exchange import Checkpoint, CheckpointItem, TransitionRow
from pipeline.log.kafka import headers_of, record_of
from pipeline.log.partition import shard_of
from pipeline.runtimes.partials import encode
from pipeline.runtimes.sites import Sites
from pipeline.sinks.memory import MemoryStore
from pipeline.stage2 import Stage2
from pipeline.topology import Stage1, TopologySettings
from schemas.records import LIVE, LogRecord, RecordKind
from tests.laws.scenario import SITES, morning

PARTITIONS = 3


@dataclass
class Given:
    """A message as a client gives it."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]] | None
    partition: int = 1
    offset: int = 7
    timestamp: int = 5


def apply(stage1: Stage1, store: MemoryStore, records: list[LogRecord]) -> None:
    work = stage1.process(records)
    try:
        lookup = next(work)
        while True:
            lookup = work.send(store.lookup(lookup))
    except StopIteration:
        pass


def test_partials_may_be_split_repeated_and_cut_off_anywhere() -> None:
    decided = 0
    for seed in range(3):
        random_ = random.Random(seed)
        records = morning(seed, calls=250).records()
        stage1 = Stage1(TopologySettings(shards=2, default_site=SITES[0]))
        for shard in range(2):
            stage1.open(shard, 1, Checkpoint())
        direct = Stage2(2, stage1.rules)
        expected: set[TransitionRow] = set()
        topic: list[list[bytes]] = [[] for _ in range(PARTITIONS)]
        while records:
            size = random_.randint(1, 200)
            some, records = records[:size], records[size:]
            apply(stage1, MemoryStore(), some)
            expected.update(direct.take(stage1.partials))
            upto = {s.shard: s.revision(s.offset) for s in stage1.shards.values()}
            configs = {c.hash: c.content for c in stage1.ledger.configs}
            for _, partition, content in encode(stage1.partials, upto, configs, PARTITIONS):
                topic[partition].extend([content] * random_.choice([1, 1, 2]))
            stage1.partials.clear()
            stage1.ledger.settled()
        found = [
            transition
            for partition, messages in enumerate(topic)
            for transition in taken(partition, messages, random_)
        ]
        assert set(found) == expected
        decided += len(expected)
    assert decided


def taken(partition: int, messages: list[bytes], random_: random.Random) -> list[TransitionRow]:
    """Take messages in, killed now and then: what was taken since the checkpoint comes again."""
    kept: dict[tuple[int, str, str], CheckpointItem] = {}
    transitions: list[TransitionRow] = []
    sites, at = Sites(partition, 2, Checkpoint()), 0
    while at < len(messages):
        transitions.extend(sites.take(at, messages[at]))
        at += 1
        chance = random_.random()
        if chance < 0.3:
            kept.update({item[:3]: item for item in sites.snapshot()})
        elif chance < 0.4:
            sites = Sites(partition, 2, Checkpoint(kept.values()))
            at = sites.offset + 1
    assert {shard_of(transition.site, PARTITIONS) for transition in transitions} <= {partition}
    return transitions


def test_a_record_comes_back_from_its_headers() -> None:
    for kind, domain, payload in (
        (RecordKind.EVENT, LIVE, b"{}"),
        (RecordKind.TICK, LIVE, b""),
        (RecordKind.TICK, "file:a", b"-12"),
        (RecordKind.END, "file:a", b""),
    ):
        given = Given(b"customer:u", payload, headers_of(kind, domain))
        assert record_of(given, 5) == LogRecord(1, 7, kind, 5, domain, "customer:u", payload)


@pytest.mark.parametrize(
    "given",
    [
        Given(None, None, None),
        Given(b"\xff", b"\xff", [("kind", b"\xff")]),
        Given(None, b"x", [("kind", b"OF_A_LATER_VERSION")]),
        Given(None, b"soon", [("kind", b"TICK"), ("domain", b"file:a")]),
    ],
)
def test_what_another_wrote_is_an_event_for_decode_to_judge(given: Given) -> None:
    record = record_of(given, 5)
    assert record.kind == RecordKind.EVENT
    assert record.payload == (given.value or b"")
