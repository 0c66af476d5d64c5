"""Workers, broker and store killed and stopped again and again while events are published.

A seed, `GOLDPAN_SEED`, decides what comes when, and whether the next fault waits until the one
before is over. Afterwards every view is that of the embedded runtime, which nothing has disturbed,
every record of the topic is there once, and the numbers are proved from the raw events.
"""

from __future__ import annotations

import os
import random
import signal
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from clickhouse_driver import Client
from clickhouse_driver.errors import Error

from infra import clickhouse, kafka
from pipeline.__main__ import main
from pipeline.log.cluster import Cluster
from pipeline.log.kafka import KafkaReader
from pipeline.log.topics import create
from schemas.kafka import KafkaConfig
from schemas.records import RecordKind
from tests.faults.support import Running, assert_same, letters_once, only, views_of
from tests.kafka.feed import SETTINGS, Feed, Poison, undisturbed
from tests.kafka.support import Workers, wait_for

SEED = int(os.environ.get("GOLDPAN_SEED", "1"))
DECK = {
    "worker killed": 4,
    "worker joins": 3,
    "worker stopped": 3,
    "broker killed": 1,
    "broker stopped": 1,
    "store killed": 3,
    "poison": 5,
}
"""Of twenty faults, how many are of which kind."""
MOST_WORKERS = 3
_APPLIED = (
    "SELECT shard, JSONExtractInt(state, 'offset') FROM checkpoint FINAL "
    f"WHERE family = 'meta' AND shard < {SETTINGS.shards}"
)
_RECORDS = "SELECT shard, offset FROM raw_events FINAL WHERE kind = 'event' ORDER BY ALL"


@dataclass
class Fault:
    """What was done, and when all was well again: moments of the clock, in seconds.

    It is over once the group that was sent after it, a tick on every shard with it, is in the store
    to its end, and whatever lay before it; where a worker was started, it has its share as well.
    """

    kind: str
    begun: float
    group: int
    started: Running | None = None
    over: float | None = None

    @property
    def seconds(self) -> float:
        assert self.over is not None
        return self.over - self.begun


def has_joined(worker: Running | None) -> bool:
    """Whether it has been given its shards, or is not there to be given any."""
    return worker is None or worker.process.poll() is not None or "assigned" in worker.said


class Watch(threading.Thread):
    """Looks how far the store is, and notes which faults are over."""

    def __init__(self, store: str, feed: Feed) -> None:
        super().__init__(name="watch")
        self.faults: list[Fault] = []
        self.applied: dict[int, int] = {}
        self._store, self._feed = store, feed
        self._end = threading.Event()

    def run(self) -> None:
        while not self._end.wait(0.5):
            with suppress(Error, OSError, EOFError), Client.from_url(self._store) as client:
                self.applied = dict(client.execute(_APPLIED))
            for fault in self.faults:
                if fault.over is None and self.has(fault.group) and has_joined(fault.started):
                    fault.over = time.monotonic()

    def has(self, group: int) -> bool:
        """Whether a group is in the store, and its tick on every shard."""
        return len(self._feed.ends) > group and all(
            self.applied.get(shard, -1) >= end - 1
            for shard, end in enumerate(self._feed.ends[group])
        )

    @property
    def is_calm(self) -> bool:
        return all(fault.over is not None for fault in self.faults)

    def end(self) -> None:
        self._end.set()
        self.join()


class Scene:
    """A broker, a store, workers and what is published: all of it to be struck."""

    def __init__(self, directory: Path, seed: int) -> None:
        self.draw = random.Random(f"{seed} kafka")
        self.store, self.broker = directory / "store", directory / "kafka"
        config = KafkaConfig.model_validate(
            # The feed's records have the time of its clock.
            {"format": 1, "topics": {"retention_days": {"events": 3650}}}
        )
        self.cluster = Cluster(kafka.start(self.broker).address, config)
        create(self.cluster)
        self.url = clickhouse.start(self.store).url
        assert main(["migrate", "--clickhouse", self.url]) == 0
        file = directory / "kafka.yaml"
        file.write_text(config.model_dump_json(by_alias=True))
        words = ["--kafka", self.cluster.servers, "--kafka-config", str(file)]
        self.workers = Workers([*words, "--clickhouse", self.url], directory)
        self.leaving: list[Running] = []
        self.fallen: list[Running] = []
        self.feed = Feed(self.cluster, directory / "publisher", seed)
        self.watch = Watch(self.url, self.feed)

    def start(self) -> None:
        """Begin; the first events are in the store when this returns."""
        self.feed.start()
        self.watch.start()
        self.workers.start()
        self.until(lambda: self.watch.has(0))

    def working(self) -> list[Running]:
        """The workers; those that have ended by themselves are started again, as in production."""
        mine = [w for w in self.workers.running if w not in self.leaving and w not in self.fallen]
        for worker in mine:
            if worker.process.poll() is not None:
                self.fallen.append(worker)
                self.workers.launch()
        return [w for w in self.workers.running if w not in self.leaving and w not in self.fallen]

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait, with workers that ended by themselves started again."""

        def holds() -> bool:
            assert self.feed.is_alive() or self.feed.ended, "the feed has died"
            return bool(self.working()) and condition()

        try:
            wait_for(holds)
        except AssertionError as error:
            msg = f"{error}\n{self}"
            raise AssertionError(msg) from error

    def __str__(self) -> str:
        """What to look at where it does not go on."""
        faults = [fault for fault in self.watch.faults if fault.over is None]
        said = [f"{worker.process.poll()}: {worker.said}" for worker in self.workers.running]
        return "\n".join(map(str, (faults, self.watch.applied, self.feed.ends[-1], *said)))

    def strike(self, kind: str) -> None:
        """Do it, and have it watched until it is over."""
        working = self.working()
        if kind == "worker stopped" and len(working) == 1:
            kind = "worker joins"
        elif kind == "worker joins" and len(working) == MOST_WORKERS:
            kind = "worker stopped"
        fault = Fault(kind, time.monotonic(), self.feed.begun + 1)
        match kind.split():
            case ["worker", "killed"]:
                victim = self.draw.choice(working)
                self.leaving.append(victim)
                victim.kill()
                fault.started = self.workers.launch()
            case ["worker", "joins"]:
                fault.started = self.workers.launch()
            case ["worker", "stopped"]:
                self.leaving.append(self.draw.choice(working))
                self.leaving[-1].process.terminate()
            case ["broker", how]:
                broker = kafka.status(self.broker)
                assert broker
                if how == "stopped":
                    kafka.stop(self.broker)
                else:
                    os.kill(broker.pid, signal.SIGKILL)
                self._away()
                assert kafka.start(self.broker).address == broker.address
                fault.group = self.feed.begun + 1
            case ["store", _]:
                server = clickhouse.status(self.store)
                assert server
                os.kill(server.pid, signal.SIGKILL)
                self._away()
                assert clickhouse.start(self.store).url == self.url
                fault.group = self.feed.begun + 1
            case _:
                self.feed.poison.append(Poison.drawn(self.draw))
        self.watch.faults.append(fault)

    def _away(self) -> None:
        threading.Event().wait(self.draw.uniform(0, 3))

    def close(self) -> None:
        """End whatever still runs."""
        self.feed.kill()
        self.watch.end()
        for worker in self.workers.running:
            worker.kill()
        clickhouse.stop(self.store)
        kafka.stop(self.broker)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """A deployment of this test alone, at work."""
    scene = Scene(tmp_path, SEED)
    try:
        scene.start()
        yield scene
    finally:
        scene.close()


def deck(count: int, draw: random.Random) -> list[str]:
    """So many faults, in the order in which they come."""
    cards = [kind for kind, number in DECK.items() for _ in range(number)]
    return [kind for _ in range(count // len(cards)) for kind in draw.sample(cards, len(cards))]


def table(scene: Scene) -> str:
    """How long each kind of fault took to be over."""
    by_kind: dict[str, list[float]] = {}
    for fault in scene.watch.faults:
        by_kind.setdefault(fault.kind, []).append(fault.seconds)
    lines = [f"{'seconds until over':20} {'faults':>6} {'median':>7} {'max':>7}"]
    for kind, all_ in sorted(by_kind.items()):
        lines.append(f"{kind:20} {len(all_):6} {statistics.median(all_):7.1f} {max(all_):7.1f}")
    records = sum(scene.feed.ends[-1])
    lines.append(
        f"{sum(len(step.payloads) for step in scene.feed.sent):,} events, {records:,} records on "
        f"the topic; workers that ended by themselves: {len(scene.fallen)}"
    )
    said = Counter(worker.said.strip().rpartition("\n")[2] for worker in scene.fallen)
    lines.extend(f"  {count} x {sentence}" for sentence, count in said.most_common())
    return "\n".join(lines)


@pytest.mark.usefixtures("refusals")
@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket")
@pytest.mark.faults
@pytest.mark.parametrize(
    ("faults", "awaited"), [(20, 0.3), pytest.param(200, 0.6, marks=pytest.mark.torture)]
)
def test_whatever_is_killed_nothing_is_lost_and_nothing_is_counted_twice(
    *,
    faults: int,
    awaited: float,
    scene: Scene,
    database: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for kind in deck(faults, scene.draw):
        scene.strike(kind)
        if scene.draw.random() < awaited:
            scene.until(lambda: scene.watch.is_calm)
    scene.until(lambda: scene.watch.is_calm)
    scene.feed.end()
    scene.until(lambda: scene.watch.has(len(scene.feed.ends) - 1))
    with capsys.disabled():
        print(f"\nseed {SEED}\n{table(scene)}")
    scene.watch.end()
    scene.workers.stop()
    for worker in scene.fallen + scene.leaving:
        assert "Traceback" not in worker.said, worker.said
        assert worker.said.partition("stopped\n")[2] == "", worker.said

    undisturbed(scene.feed.sent, database, tmp_path / "undisturbed")
    expected = letters_once(views_of(database))
    assert expected["dead_letters"]
    assert expected["contacts"]
    assert_same(letters_once(views_of(scene.url)), expected)
    with KafkaReader(scene.cluster) as reader:
        records = sorted(
            (record.shard, record.offset)
            for record in reader.read(*reader.bounds())
            if record.kind == RecordKind.EVENT
        )
    with Client.from_url(scene.url) as client:
        assert client.execute(_RECORDS) == records
    received = "SELECT sum(events) FROM intake_minutes FINAL WHERE dims = 'site'"
    assert only(scene.url, received) == len(records)
    assert main(["parity", "--clickhouse", scene.url]) == 0, capsys.readouterr().out
