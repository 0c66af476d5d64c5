"""A worker that stood still while others took its shards writes nothing over theirs."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.__main__ import main
from pipeline.exchange import SINCE, CheckpointItem
from pipeline.log.cluster import Cluster
from pipeline.log.groups import Member
from pipeline.log.kafka import KafkaReader
from pipeline.runtimes.assigned import Assigned
from pipeline.runtimes.faust_app import KafkaTopics
from pipeline.runtimes.kafka import KafkaPublisher
from pipeline.runtimes.patience import Patience
from pipeline.runtimes.sites import SITES as SITE_PLACES
from pipeline.sinks.clickhouse import ClickHouseStore
from pipeline.sinks.client import Client
from pipeline.topology import TopologySettings
from schemas.records import LIVE, LogRecord
from tests.faults.calls import write_calls
from tests.faults.support import Running, assert_same, only, views_of
from tests.infra.support import wait_for
from tests.laws.scenario import SITES, morning

PATIENCE_S = 120.0
SHARDS = 2
Start = Callable[..., Running]


@pytest.fixture
def words(cluster: Cluster, config_file: Callable[[Cluster], Path]) -> list[str]:
    """The options that name this test's topics."""
    return ["--kafka", cluster.servers, "--kafka-config", str(config_file(cluster))]


@pytest.fixture
def start(words: list[str], database: str, tmp_path: Path) -> Iterator[Start]:
    """Start workers on this test's topics and store; those that still run are ended."""
    started: list[Running] = []

    def begin(*prefix: str) -> Running:
        place = ["--clickhouse", database, "--data-dir", str(tmp_path / f"w{len(started)}")]
        program = prefix or ("pipeline",)
        command = [sys.executable, "-m", *program, "worker", *words, *place]
        started.append(Running(command, tmp_path))
        return started[-1]

    yield begin
    for worker in started:
        worker.process.send_signal(signal.SIGCONT)
        worker.kill()
        assert "Traceback" not in worker.said


def held(database: str) -> set[CheckpointItem]:
    """What the checkpoint holds for whoever comes next, but for who owns it."""
    places = [*range(SHARDS), *range(SITE_PLACES, SITE_PLACES + SHARDS)]
    with Client(lambda: database) as client:
        checkpoint = ClickHouseStore(client).load(places)
    return {
        item
        for place in places
        for item in checkpoint.items(place)
        if item.family not in ("owner", SINCE)
    }


@pytest.mark.faults
def test_stopped_in_the_middle_of_a_flush_it_does_not_end_that_after_its_succession(
    start: Start, words: list[str], database: str, tmp_path: Path
) -> None:
    assert main(["migrate", "--clickhouse", database]) == 0
    file = write_calls(tmp_path / "calls.jsonl", seed=7, calls=200)
    ingest = ["ingest", str(file), "--format", "jsonl", *words]
    assert main([*ingest, "--data-dir", str(tmp_path / "publisher")]) == 0

    place = "pipeline.sinks.client:Client.insert=call_minutes"
    stalled = start("tests.faults.dying", "still", place, "after", "1", "--")
    wait_for((tmp_path / "w0" / "struck").exists, PATIENCE_S)
    written = "SELECT count() FROM contacts"
    assert only(database, written) == 0

    successor = start()
    # The raw events may be there already: contacts come behind them.
    wait_for(lambda: only(database, written) > 0, PATIENCE_S)
    events = "SELECT count() FROM raw_events FINAL WHERE kind = 'event' AND domain != 'live'"
    lines = len(file.read_bytes().splitlines())
    wait_for(lambda: only(database, events) == lines, PATIENCE_S)
    successor.process.terminate()
    assert successor.ended().status == 0, successor.said
    views, checkpoint = views_of(database), held(database)
    assert views["contacts"]

    stalled.process.send_signal(signal.SIGCONT)
    ended = stalled.ended()
    assert ended.status == 1
    assert "goldpan: this process stood still for " in ended.err
    assert "nothing is lost; start the worker again" in ended.err
    assert_same(views_of(database), views)
    assert held(database) == checkpoint


def test_what_one_that_lost_its_shards_still_writes_is_void(
    cluster: Cluster, database: str, tmp_path: Path
) -> None:
    assert main(["migrate", "--clickhouse", database]) == 0
    settings = TopologySettings(SHARDS, default_site=SITES[0])
    records = on_topic(cluster, tmp_path)
    with Client(lambda: database) as client:
        store = ClickHouseStore(client)
        member, patience = Member.of(cluster, store.identity(), "here"), Patience(pytest.fail)
        topics = KafkaTopics(cluster, member, patience)

        def host() -> Assigned:
            return Assigned(settings, store, topics, patience, pytest.fail)

        loser, successor = host(), host()
        third = len(records) // 3
        loser.apply(records[:third])
        successor.apply(records)
        assert successor.flush()
        views, checkpoint = views_of(database), held(database)

        assert loser.flush()
        assert held(database) == checkpoint
        left = "SELECT count() FROM checkpoint FINAL WHERE family NOT IN ('owner', 'since')"
        assert only(database, left) > len(checkpoint)
        assert views_of(database) == views

        next_one = host()
        next_one.apply(records[-1:])
        known, taken = successor.stage1.shards, next_one.stage1.shards
        for shard in taken:
            still_open = {key for key, one in known[shard].entities.items() if one.open}
            assert taken[shard].entities.keys() == still_open
        topics.close()


def on_topic(cluster: Cluster, directory: Path) -> list[LogRecord]:
    """A morning, as it is on the topic."""
    now = [0]
    with KafkaPublisher(cluster, directory, 300_000, lambda: now[0]) as publisher:
        publisher.start()
        for record in morning(3, calls=60).records():
            now[0] = record.ingest_ms
            if record.subject:
                publisher.publish(record.domain, [record.payload])
            elif record.shard == 0 and record.domain == LIVE:
                publisher.publish_everywhere(record.kind, LIVE)
    with KafkaReader(cluster) as reader:
        return sorted(reader.read(*reader.bounds()), key=lambda r: (r.ingest_ms, r.offset))
