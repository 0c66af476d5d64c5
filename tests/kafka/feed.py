"""A seed flows in, an endless day of a centre flows out onto Kafka, and what was sent is kept.

The sources are unreliable as they are (late, twice, corrected, broken), the clock is theirs, and a
broker that is away is waited for. What was sent can be sent again, to where nothing goes wrong.
"""

from __future__ import annotations

import random
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pipeline.commands.run import DELIVERY_MS
from pipeline.config import canonical_json, content_hash
from pipeline.log.cluster import Cluster, KafkaProducer
from pipeline.runtimes.embedded import Embedded, EmbeddedSettings
from pipeline.runtimes.engine import Engine
from pipeline.runtimes.kafka import KafkaPublisher
from pipeline.runtimes.patience import Patience
from pipeline.simulator.disorder import Disorder, disturbed
from pipeline.sinks.clickhouse import ClickHouseStore
from pipeline.sinks.client import Client
from pipeline.sinks.migrate import migrate
from pipeline.topology import TopologySettings
from schemas.records import LIVE, RecordKind
from tests.simulator.conftest import HOUR_MS, SITE, START, centre

SETTINGS = TopologySettings(default_site=SITE.site)
OPENING = START + 9 * HOUR_MS
_GROUP = 20
_PAUSE_S = 0.25
_YEAR_MS = 365 * 24 * HOUR_MS
_WHO = "the test"
_DISORDER = Disorder(late=0.04, duplicate=0.04, corrected=0.04, bad=0.004)


@dataclass(frozen=True)
class Poison:
    """A record that no publisher of ours wrote: on any shard, with or without a key and a value."""

    shard: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()

    @classmethod
    def drawn(cls, draw: random.Random) -> Poison:
        """One of the kinds that there are."""
        kind = draw.randrange(7)
        key = draw.choice([None, b"customer:u1", b"\xff\xfe", b""])
        junk = draw.randbytes(draw.choice([1, 300, 200_000]))
        values = [junk, None, b"", b"[1, 2", b'{"event_id": "x"}', b"null", b'{"event_type": 7}']
        if values[kind] is None:
            key = key or b"k"  # the broker takes it without both, but our client does not send it
        headers: list[tuple[str, bytes]] = draw.choice([[], [("kind", b"EVNT")], [("other", junk)]])
        return cls(draw.randrange(SETTINGS.shards), key, values[kind], tuple(headers))


@dataclass(frozen=True)
class Step:
    """What was sent at a time: events, or poison."""

    now_ms: int
    payloads: tuple[bytes, ...] = ()
    poison: Poison | None = None


def groups(seed: int) -> Iterator[Step]:
    """Events in the order of their arrival, each group as it has arrived by its time."""
    made_up = centre(seed, 30, heartbeat_s=0)
    now = OPENING

    def until_now() -> Iterator[bytes]:
        nonlocal now
        for at, event in made_up.until(START + _YEAR_MS):
            now = max(now, at)
            if at >= OPENING:
                yield event

    group: list[bytes] = []
    for payload in disturbed(until_now(), seed, _DISORDER):
        group.append(payload)
        if len(group) == _GROUP:
            yield Step(now, tuple(group))
            group.clear()


class Feed(threading.Thread):
    """Publishes as a gateway does, group after group, until it is told to end.

    Attributes:
        sent: what was, in order.
        begun: how many groups it has begun to send.
        ends: after each group and its tick, the end of every shard.
        poison: to be sent before the next group.
        said: of outages.
    """

    def __init__(self, cluster: Cluster, directory: Path, seed: int) -> None:
        super().__init__(name="feed")
        self.sent: list[Step] = []
        self.begun = 0
        self.ends: list[list[int]] = []
        self.poison: deque[Poison] = deque()
        self.said: list[str] = []
        self._end, self._give_up = threading.Event(), threading.Event()
        self._cluster, self._directory, self._seed = cluster, directory, seed
        self._now = OPENING
        self._patience = Patience(self.said.append, self._give_up, longest_s=0.5, what="Kafka")

    def run(self) -> None:
        skew_ms = SETTINGS.max_skew_ms
        with KafkaPublisher(
            self._cluster, self._directory, skew_ms, lambda: self._now, delivery_ms=DELIVERY_MS
        ) as publisher:
            publisher.start()
            publisher.configure(SITE.site, content_hash(SITE), canonical_json(SITE), _WHO)
            for step in groups(self._seed):
                if self._end.is_set():
                    return
                self._now = step.now_ms
                while self.poison:
                    poison = self.poison.popleft()
                    self._patience.insist(partial(self._put, poison))
                    self.sent.append(Step(self._now, poison=poison))
                self.begun += 1
                self._patience.insist(partial(publisher.publish, LIVE, step.payloads))
                self._patience.insist(publisher.tick)
                self.sent.append(step)
                self.ends.append(list(publisher.log.ends))
                self._end.wait(_PAUSE_S)

    @property
    def ended(self) -> bool:
        """Whether it was told to end."""
        return self._end.is_set()

    def end(self) -> None:
        """Return when all that it has begun is sent."""
        self._end.set()
        self.join()

    def kill(self) -> None:
        """Have it end, whatever is away."""
        self._give_up.set()
        self.end()

    def _put(self, poison: Poison) -> None:
        with self._cluster.plainly():
            producer = KafkaProducer(**self._cluster.options(), acks="all", retries=0)
            try:
                producer.send(
                    self._cluster.topics.name_of("events"),
                    key=poison.key,
                    value=poison.value,
                    partition=poison.shard,
                    headers=list(poison.headers),
                    timestamp_ms=self._now,
                ).get(timeout=DELIVERY_MS / 1000)
            finally:
                producer.close()


def undisturbed(sent: list[Step], database: str, directory: Path) -> None:
    """Have the embedded runtime make of it what it comes to."""
    now = OPENING
    client = Client(lambda: database)
    migrate(client)
    engine = Engine(SETTINGS, ClickHouseStore(client), Patience(print))
    with Embedded(EmbeddedSettings(directory), engine, lambda: now) as pipeline:
        pipeline.start()
        pipeline.configure(SITE.site, content_hash(SITE), canonical_json(SITE), _WHO)
        for step in sent:
            now = step.now_ms
            if step.poison:
                subject = (step.poison.key or b"").decode("utf-8", "replace")
                pipeline.log.append(
                    step.poison.shard,
                    RecordKind.EVENT,
                    pipeline.now(),
                    domain=LIVE,
                    subject=subject,
                    payload=step.poison.value or b"",
                )
                pipeline.log.commit()
            else:
                pipeline.publish(LIVE, step.payloads)
                pipeline.tick()
        pipeline.settle()
    client.close()
