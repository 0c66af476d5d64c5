"""The gateway before a real broker: acknowledged once it is on Kafka, refused while it is not."""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from infra import kafka
from pipeline.__main__ import main
from pipeline.gateway.first_start import hash_key
from pipeline.log.cluster import Cluster
from pipeline.log.kafka import KafkaReader
from pipeline.log.partition import shard_of
from pipeline.log.topics import create
from pipeline.sources.privacy import Privacy
from schemas.kafka import KafkaConfig
from schemas.records import LogRecord, RecordKind
from tests.faults.support import Running, only
from tests.gateway.support import Gateway, queued
from tests.infra.support import wait_for
from tests.kafka.conftest import Configure
from tests.sources.queue_log import lines_of

PATIENCE_S = 120.0
Start = Callable[..., Gateway]
Words = list[str]


def on(cluster: Cluster) -> list[LogRecord]:
    """All records of the topic."""
    with KafkaReader(cluster) as reader:
        return list(reader.read(*reader.bounds()))


def events_on(cluster: Cluster) -> list[dict[str, str]]:
    """What sources have sent."""
    contents = [json.loads(r.payload) for r in on(cluster) if r.kind == RecordKind.EVENT]
    return [content for content in contents if content["event_type"] != "config.changed"]


def by_id(events: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    return sorted(events, key=lambda event: event["event_id"])


@pytest.fixture
def words(cluster: Cluster, config_file: Callable[[Cluster], Path]) -> Words:
    """The options that name this test's topics."""
    return ["--kafka", cluster.servers, "--kafka-config", str(config_file(cluster))]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start gateways; they are killed at the end, and none ever shows a traceback."""
    started: list[Gateway] = []

    def begin(*words: str) -> Gateway:
        started.append(Gateway(tmp_path / "data", *words))
        return started[-1]

    yield begin
    for gateway in started:
        gateway.process.kill()
        gateway.process.wait()
        assert "Traceback" not in gateway.said
        assert "a bug" not in gateway.said


def test_an_event_is_on_the_topic_and_then_a_row_counted_once(
    cluster: Cluster,
    words: Words,
    database: str,
    start: Start,
    tmp_path: Path,
) -> None:
    assert main(["migrate", "--clickhouse", database]) == 0
    (tmp_path / "queue_log").write_bytes(lines_of(range(3)))
    followed = ["--queue-log", str(tmp_path / "queue_log")]
    gateway = start(*words, "--clickhouse", database, *followed)
    assert f"The wallboard is at {gateway.url}/" in gateway.hello
    event = queued("one", phone="13800138000")
    taken = gateway.send(event, {"event_id": "x", "site": "example"})
    assert (taken.status, taken.json["accepted"], taken.json["dead_letter"]) == (202, 1, 1)
    assert taken.json["results"][0]["line"] == 2

    kept = on(cluster)
    (record,) = [r for r in kept if b'"qone"' in r.payload]
    assert b"13800138000" not in record.payload
    assert record.shard == shard_of(record.subject, 2)
    wait_for(lambda: {r.shard for r in on(cluster) if r.kind == RecordKind.TICK} == {0, 1})
    # The answer was lost, so the client sends the same again.
    assert gateway.send(event).status == 202
    assert sum(b'"qone"' in r.payload for r in on(cluster)) == 2
    assert gateway.ask("GET", "/readyz").json == {"ready": True, "reasons": []}
    assert (
        b'goldpan_bound_limit{bound="unacknowledged_bytes"}' in gateway.ask("GET", "/metrics").body
    )
    assert gateway.ask("GET", "/d/goldpan-wallboard-en").status == 200

    # Who belongs to whom is known to one process.
    program = [sys.executable, "-m", "pipeline"]
    place = ["--data-dir", str(tmp_path / "data")]
    second = Running([*program, "simulate", *words, "--hours", "1", *place], tmp_path).ended()
    assert second.status == 1
    assert "stop the other process that uses it" in second.err

    place = ["--clickhouse", database, "--data-dir", str(tmp_path / "worker")]
    worker = Running([*program, "worker", *words, *place], tmp_path)
    try:
        duplicates = "SELECT uniqExact(shard, offset) FROM raw_events WHERE event_id = 'qone'"
        wait_for(lambda: only(database, duplicates) == 2, PATIENCE_S)
        offered = "SELECT sum(offered) FROM call_minutes FINAL WHERE dims = 'site'"
        wait_for(lambda: only(database, offered) == 1 + 3, PATIENCE_S)
        assert only(database, "SELECT count() FROM dead_letters") == 1
        worker.process.terminate()
        worker.ended()
    finally:
        worker.kill()
    assert gateway.stop() == 0
    assert gateway.said.splitlines()[-1] == "stopped"


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Cluster]:
    """Topics on a broker of this test alone."""
    broker = kafka.start(tmp_path / "kafka")
    config = {"format": 1, "topics": {"shards": 2}}
    cluster = Cluster(broker.address, KafkaConfig.model_validate(config))
    create(cluster)
    yield cluster
    kafka.stop(tmp_path / "kafka")


def kill(directory: Path) -> None:
    broker = kafka.status(directory)
    assert broker is not None
    os.kill(broker.pid, signal.SIGKILL)


@pytest.mark.faults
def test_while_the_broker_is_away_nothing_is_taken_and_nothing_taken_is_lost(
    own: Cluster, config_file: Callable[[Cluster], Path], start: Start, tmp_path: Path
) -> None:
    gateway = start("--kafka", own.servers, "--kafka-config", str(config_file(own)))
    assert gateway.send(queued("before")).status == 202
    kill(tmp_path / "kafka")

    refused = gateway.send(queued("meanwhile"))
    assert (refused.status, refused.code) == (503, "broker_away")
    assert refused.headers["Retry-After"] == "5"
    wait_for(lambda: gateway.ask("GET", "/readyz").status == 503, PATIENCE_S)
    (reason,) = gateway.ask("GET", "/readyz").json["reasons"]
    assert reason.startswith(f"Kafka is away: Kafka at {own.servers} cannot be reached")
    assert gateway.ask("GET", "/healthz").status == 200
    assert b"goldpan_broker_outage 1.0" in gateway.ask("GET", "/metrics").body
    assert gateway.send(queued("at-once")).code == "broker_away"

    assert kafka.start(tmp_path / "kafka").address == own.servers
    wait_for(lambda: gateway.ask("GET", "/readyz").status == 200, PATIENCE_S)
    assert gateway.send(queued("meanwhile")).status == 202
    assert "Kafka is back" in gateway.said
    assert {"qbefore", "qmeanwhile"} == {event["event_id"] for event in events_on(own)}

    kill(tmp_path / "kafka")
    wait_for(lambda: gateway.ask("GET", "/readyz").status == 503, PATIENCE_S)
    assert gateway.stop() == 0
    assert gateway.said.splitlines()[-2:] == [
        "stopped without Kafka; what was acknowledged is safe there",
        "stopped",
    ]


class Client(threading.Thread):
    """Sends batch after batch, each again and again until it is taken."""

    def __init__(self, gateway: Gateway, name: str) -> None:
        super().__init__(name=name)
        self.taken: set[str] = set()
        self.refused = 0
        self.end = threading.Event()
        self._gateway = gateway

    def run(self) -> None:
        for number in itertools.count():
            batch = [queued(f"{self.name}-{number}-{line}") for line in range(10)]
            while self._gateway.send(*batch).status != 202:
                self.refused += 1
                if self.end.wait(0.5):
                    return
            self.taken.update(event["event_id"] for event in batch)
            if self.end.is_set():
                return


def grown(clients: Iterable[Client], count: Callable[[Client], int], by: int) -> None:
    """Wait until there are so many more."""
    enough = sum(map(count, clients)) + by
    wait_for(lambda: sum(map(count, clients)) >= enough, PATIENCE_S)


@pytest.mark.torture
def test_of_what_was_acknowledged_nothing_is_lost_however_often_the_broker_is_killed(
    own: Cluster, config_file: Callable[[Cluster], Path], start: Start, tmp_path: Path
) -> None:
    gateway = start("--kafka", own.servers, "--kafka-config", str(config_file(own)))
    clients = [Client(gateway, name) for name in ("a", "b", "c")]
    for client in clients:
        client.start()
    try:
        for _ in range(8):
            grown(clients, lambda client: len(client.taken), 1_000)
            kill(tmp_path / "kafka")
            grown(clients, lambda client: client.refused, 1)
            kafka.start(tmp_path / "kafka")
    finally:
        for client in clients:
            client.end.set()
        for client in clients:
            client.join()
    taken = set[str]().union(*(client.taken for client in clients))
    assert taken <= {event["event_id"] for event in events_on(own)}
    assert gateway.stop() == 0


@pytest.mark.usefixtures("refusals")
@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket")
def test_what_it_cannot_begin_with_is_said(
    broker: kafka.Broker,
    configured: Configure,
    config_file: Callable[[Cluster], Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    cluster = configured(shards=2)
    words = ["run", "--port", "0", "--data-dir", str(tmp_path / "data"), "--kafka-config"]
    words.append(str(config_file(cluster)))
    assert main([*words, "--kafka", cluster.servers]) == 1
    assert "events is missing, and 2 are configured" in capsys.readouterr().err
    (tmp_path / "password").write_text("wrong")
    login = {"user": "goldpan", "password_file": str(tmp_path / "password"), "mechanism": "PLAIN"}
    Path(words[-1]).write_text(json.dumps({"format": 1, "login": login}))
    assert main([*words, "--kafka", f"{broker.host}:{broker.sasl_port}"]) == 1
    assert "does not let user 'goldpan' in" in capsys.readouterr().err
    assert main([*words, "--kafka", "localhost"]) == 1
    assert "is no address: write host:port" in capsys.readouterr().err


def test_a_simulation_goes_to_kafka_as_to_a_file_and_cleansed(
    cluster: Cluster, words: Words, tmp_path: Path
) -> None:
    what = ["simulate", "--seats", "3", "--hours", "2", "--from", "2026-03-02T09:00:00"]
    assert main([*what, "--out", str(tmp_path / "events.jsonl")]) == 0
    assert main([*what, *words, "--data-dir", str(tmp_path / "data")]) == 0
    told = [json.loads(line) for line in (tmp_path / "events.jsonl").read_bytes().splitlines()]
    privacy = Privacy(hash_key(tmp_path / "data"))
    assert len(told) > 50
    assert by_id(events_on(cluster)) == by_id(privacy.cleansed(event)[0] for event in told)
