"""Replay from the topic: what the live store has, also where the topic has lost its beginning."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra import clickhouse, kafka
from pipeline.__main__ import main
from pipeline.alerts import service_level
from pipeline.errors import BrokerRefused
from pipeline.exchange import Store
from pipeline.log.cluster import Cluster, TopicPartition
from pipeline.log.groups import Member
from pipeline.log.kafka import KafkaReader
from pipeline.log.topics import create, identity_of
from pipeline.runtimes import history
from pipeline.runtimes.assigned import Assigned, Published
from pipeline.runtimes.faust_app import KafkaTopics
from pipeline.runtimes.history import History, OnTopic, Stored
from pipeline.runtimes.kafka import KafkaPublisher
from pipeline.runtimes.patience import Patience
from pipeline.runtimes.replay import replay
from pipeline.sinks.clickhouse import ClickHouseStore
from pipeline.sinks.client import Client
from pipeline.sinks.raw import RawEvents
from pipeline.sinks.replays import Kept, Replay, Window, finish, prepare
from pipeline.topology import TopologySettings
from schemas.kafka import KafkaConfig
from tests.laws.driving import Died, Mortal
from tests.laws.scenario import START, morning
from tests.laws.tables import tables
from tests.laws.test_replay import final
from tests.laws.views import Views

PATIENCE = Patience(lambda _: None)
SITE = "example"
"""That of the configuration that the command reads."""
SETTINGS = TopologySettings(shards=2, default_site=SITE)
PAST, AGAIN = "past", "past_again"
EVENTS = "past-events"


@dataclass(frozen=True)
class Past:
    """A topic, and the database that was filled from it."""

    cluster: Cluster
    words: Sequence[str]
    address: str

    def database(self, name: str) -> Client:
        """A connection to a database of the server."""
        return Client(lambda: f"{self.address}/{name}")

    def let_go(self, share: float) -> None:
        """Delete a share of each partition's records, as retention does."""
        with KafkaReader(self.cluster) as reader, self.cluster.admin() as admin:
            ends = enumerate(reader.bounds()[1])
            admin.delete_records({TopicPartition(EVENTS, s): int(end * share) for s, end in ends})

    def again(self, window: Window | None = None, store: Store | None = None) -> None:
        """Replay from the topic, or go on with it."""
        with (
            self.database(PAST) as live,
            self.database(AGAIN) as into,
            KafkaReader(self.cluster) as reader,
        ):
            kept = Kept(EVENTS, identity_of(self.cluster, "events"), reader.bounds()[0])
            what = prepare(live, into, PAST, AGAIN, window or Window(), kept=kept)
            self.apply(what, into, reader, store)
            finish(into, what)

    @staticmethod
    def apply(what: Replay, into: Client, reader: KafkaReader, store: Store | None) -> None:
        stored = Stored(what, RawEvents(into, what.selection()), PATIENCE)
        sources: list[History] = [stored, OnTopic(what, reader)]
        store = store or ClickHouseStore(into)
        replay(what, SITE, store, sources, PATIENCE, progress=lambda *_: None)

    def views(self, name: str) -> Views:
        """What stands in a database."""
        with self.database(name) as client:
            return tables(client)


def live_through(cluster: Cluster, live: Client, directory: Path) -> None:
    """A morning at two centres: published, and applied as a worker does."""
    now = [0]
    with KafkaPublisher(cluster, directory, SETTINGS.max_skew_ms, lambda: now[0]) as publisher:
        publisher.start()
        for record in morning(5, calls=60).records():
            now[0] = record.ingest_ms
            if record.subject:
                publisher.publish(record.domain, [record.payload])
            elif record.shard == 0:
                publisher.publish_everywhere(record.kind, record.domain, record.payload)
    store = ClickHouseStore(live)
    topics = KafkaTopics(cluster, Member.of(cluster, store.identity(), "here"), PATIENCE)
    worker = Assigned(SETTINGS, store, topics, PATIENCE, lambda _: None)
    with KafkaReader(cluster) as reader:
        worker.apply(list(reader.read(*reader.bounds())))
    assert worker.flush()
    with KafkaReader(cluster, "partials") as reader:
        messages = reader.read(*reader.bounds())
        worker.take([Published(m.shard, m.offset, m.payload) for m in messages])
    assert worker.flush()
    topics.close()


@pytest.fixture(scope="module")
def past(
    broker: kafka.Broker, server: clickhouse.Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Past]:
    """What one worker has made of a topic, with samples so small that there are alerts."""
    directory = tmp_path_factory.mktemp("past")
    topics = {"prefix": "past-", "shards": 2, "retention_days": {"events": 3650}}
    config = KafkaConfig.model_validate({"format": 1, "topics": topics})
    (directory / "kafka.yaml").write_text(config.model_dump_json(by_alias=True))
    words = ["--kafka", broker.address, "--kafka-config", str(directory / "kafka.yaml")]
    past = Past(Cluster(broker.address, config), words, server.url.rpartition("/")[0])
    create(past.cluster)
    with pytest.MonkeyPatch.context() as patch, past.database("default") as admin:
        patch.setattr(service_level, "MIN_SAMPLE", 3)
        admin.execute(f"CREATE DATABASE {PAST}")
        assert main(["migrate", "--clickhouse", f"{past.address}/{PAST}"]) == 0
        with past.database(PAST) as live:
            live_through(past.cluster, live, directory)
        yield past
        admin.execute(f"DROP DATABASE {PAST} SYNC")


@pytest.fixture(autouse=True)
def _gone(past: Past) -> Iterator[None]:
    """No test finds another's replay."""
    yield
    with past.database("default") as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {AGAIN} SYNC")


def test_everything_comes_out_as_it_did_live(
    past: Past, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = ["replay", "--clickhouse", f"{past.address}/{PAST}", "--into", AGAIN]
    words += ["--data-dir", str(tmp_path)]
    assert main([*words, *past.words]) == 0
    assert "records of past were applied again" in capsys.readouterr().out
    expected = past.views(PAST)
    assert expected.transitions
    assert expected.letters
    assert past.views(AGAIN) == expected

    assert main([*words, *past.words]) == 0
    assert "holds that replay already" in capsys.readouterr().out
    assert main(words) == 1
    assert f"--into {AGAIN}: holds a replay of another topic of past" in capsys.readouterr().err


def test_a_topic_that_is_not_the_stores_is_refused(
    past: Past,
    cluster: Cluster,
    config_file: Callable[[Cluster], Path],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    words = ["replay", "--into", AGAIN, "--data-dir", str(tmp_path), "--kafka", cluster.servers]
    other = ["--kafka-config", str(config_file(cluster))]
    assert main([*words, *other, "--clickhouse", f"{past.address}/{PAST}"]) == 1
    assert (
        f"past was not filled from topic {cluster.topics.name_of('events')} as that is now: leave "
        "out --kafka to replay its raw events\n"
    ) in capsys.readouterr().err


def test_killed_it_goes_on_and_what_the_topic_has_lost_is_read_from_raw_events(
    past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "AT_ONCE", 60)
    monkeypatch.setattr(history, "STRIDE", 150)
    past.let_go(0.3)
    random_ = random.Random(3)
    deaths = 0
    with past.database(AGAIN) as into:
        while True:
            store = Mortal(ClickHouseStore(into), random_)
            store.spare, store.die_in = random_.randrange(3), random_.randrange(len(Mortal.STEPS))
            try:
                past.again(store=store)
            except Died:
                deaths += 1
            else:
                break
    assert deaths > 3
    assert past.views(AGAIN) == past.views(PAST)


def test_a_window_has_everyone_who_counts_in_it(past: Past) -> None:
    past.let_go(0.5)
    begin, end = START + 15 * 60_000, START + 30 * 60_000
    past.again(Window(begin, end))
    wanted = final(past.views(PAST), begin, end)
    assert wanted["rows"]
    assert wanted["entities"]
    assert final(past.views(AGAIN), begin, end) == wanted


def test_what_retention_takes_away_under_a_replay_is_said(past: Past) -> None:
    with (
        past.database(PAST) as live,
        past.database(AGAIN) as into,
        KafkaReader(past.cluster) as reader,
    ):
        kept = Kept(EVENTS, identity_of(past.cluster, "events"), reader.bounds()[0])
        what = prepare(live, into, PAST, AGAIN, Window(), kept=kept)
        past.let_go(0.7)
        with pytest.raises(BrokerRefused, match=r"remove its database and begin it anew"):
            past.apply(what, into, reader, None)
