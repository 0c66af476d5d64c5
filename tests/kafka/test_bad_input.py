"""What should not be on the topics, or beside them: it is said, and nothing is lost or misread."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from clickhouse_driver import Client

from infra import kafka
from pipeline.__main__ import main
from pipeline.log.cluster import Cluster, ConfigResource, ConfigResourceType, KafkaProducer
from pipeline.log.kafka import KafkaReader
from pipeline.runtimes.publisher import wall_clock_ms
from schemas.records import LIVE, RecordKind
from tests.faults.support import Running, only
from tests.gateway.support import Gateway, queued
from tests.infra.support import wait_for

PATIENCE_S = 120.0
Words = list[str]


@pytest.fixture
def words(cluster: Cluster, config_file: Callable[[Cluster], Path]) -> Words:
    """The options that name this test's topics."""
    return ["--kafka", cluster.servers, "--kafka-config", str(config_file(cluster))]


@pytest.fixture
def start(words: Words, tmp_path: Path) -> Iterator[Callable[[str], Running]]:
    """Start workers on a store; they are killed at the end, and none ever shows a traceback."""
    started: list[Running] = []

    def begin(store: str) -> Running:
        place = ["--clickhouse", store, "--data-dir", str(tmp_path / f"w{len(started)}")]
        command = [sys.executable, "-m", "pipeline", "worker", *words, *place]
        started.append(Running(command, tmp_path))
        return started[-1]

    yield begin
    for worker in started:
        worker.kill()
        assert "Traceback" not in worker.said


def put(cluster: Cluster, *records: dict[str, object]) -> None:
    """Put records on the topic as a producer of somebody else would.

    At present: a broker lets go of what is older than it keeps records.
    """
    with cluster.plainly():
        producer = KafkaProducer(**cluster.options(), max_request_size=4 << 20)
        try:
            for record in records:
                place = {"partition": 1, "timestamp_ms": wall_clock_ms(), **record}
                producer.send(cluster.topics.name_of("events"), **place).get(timeout=30)
        finally:
            producer.close()


def content(number: int, **more: object) -> bytes:
    return json.dumps(queued(number, **more)).encode()


def test_records_that_nobody_should_have_written(
    cluster: Cluster, start: Callable[[str], Running], database: str
) -> None:
    assert main(["migrate", "--clickhouse", database]) == 0
    put(
        cluster,
        {"value": content(1)},
        {"key": b"customer:u", "value": content(2, subject_text="x" * (2 << 20))},
        {"key": b"customer:u", "value": None},
        {"key": b"customer:u", "value": content(3)},
        {"key": b"customer:u", "value": content(4), "headers": [("format", b"2")]},
        {"key": b"customer:u", "value": content(5)},
    )
    for _ in range(2):  # started again it does not get past that record either
        ended = start(database).ended()
        assert ended.status == 1
        assert "goldpan: partition 1, offset 4: the record has format '2', and this" in ended.err
        assert "Install that version for every process" in ended.err
    with Client.from_url(database) as client:
        letters = client.execute("SELECT offset, reason FROM dead_letters FINAL ORDER BY offset")
        kept = client.execute("SELECT event_id FROM raw_events FINAL WHERE event_id != ''")
        offered = client.execute("SELECT sum(offered) FROM call_minutes FINAL WHERE dims = 'site'")
    assert letters == [(0, "no_key"), (1, "too_large"), (2, "not_json")]
    assert {event_id for (event_id,) in kept} == {"q1", "q3"}
    assert offered == [(1,)]


def test_workers_of_another_store_are_not_let_into_the_group(
    start: Callable[[str], Running],
    database: str,
    tmp_path: Path,
    words: Words,
    capsys: pytest.CaptureFixture[str],
) -> None:
    place, _, name = database.rpartition("/")
    with Client.from_url(database) as client:
        client.execute(f"CREATE DATABASE {name}_b ENGINE = Atomic")
    try:
        for store in (database, f"{database}_b"):
            assert main(["migrate", "--clickhouse", store]) == 0
        first = start(database)
        wait_for(lambda: "assigned shards: " in first.said, PATIENCE_S)
        second = ["worker", *words, "--clickhouse", f"{database}_b", "--data-dir", str(tmp_path)]
        capsys.readouterr()
        assert main(second) == 1
        said = capsys.readouterr().err
        address = place.rpartition("@")[2]
        assert (
            f"goldpan-workers has workers of another store: ClickHouse at {address}/{name}" in said
        )
        assert f"this worker's is ClickHouse at {address}/{name}_b." in said
        assert "another topics.prefix" in said
        first.process.send_signal(signal.SIGTERM)
        assert first.ended().status == 0
        assert first.said.splitlines()[1:] == ["stopped"]
    finally:
        with Client.from_url(database) as client:
            client.execute(f"DROP DATABASE {name}_b SYNC")


@pytest.mark.parametrize("shards", [1, 4])
def test_other_partitions_than_configured(
    words: Words,
    database: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    shards: int,
) -> None:
    assert main(["migrate", "--clickhouse", database]) == 0
    config = Path(words[3])
    config.write_text(config.read_text().replace('"shards":2', f'"shards":{shards}'))
    words = [*words, "--data-dir", str(tmp_path / "data")]
    (tmp_path / "events").write_bytes(content(1))
    for command in (
        ["worker", "--clickhouse", database],
        ["run", "--port", "0"],
        ["ingest", str(tmp_path / "events"), "--format", "jsonl"],
        ["simulate", "--hours", "1"],
    ):
        capsys.readouterr()
        assert main([*command, *words]) == 1
        said = capsys.readouterr().err
        assert f"events has 2 partitions, and {shards} are configured: see 'goldpan topics" in said
    assert main(["topics", "check", *words[:4]]) == 1
    assert "Set topics.shards to 2; or begin a deployment beside" in capsys.readouterr().out


def test_a_topic_that_takes_less_than_an_event_has(
    cluster: Cluster, words: Words, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    large = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz", k=2 << 20))
    (tmp_path / "events").write_bytes(
        content(1) + b"\n" + content(2, queue=large) + b"\n" + content(3)
    )
    ingest = ["ingest", str(tmp_path / "events"), "--format", "jsonl", *words]
    ingest += ["--data-dir", str(tmp_path / "data")]
    name = cluster.topics.name_of("events")
    with cluster.admin() as admin:
        less = {"max.message.bytes": str(1 << 20), "compression.type": "uncompressed"}
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, less)])
    assert main(ingest) == 1
    said = capsys.readouterr().err
    assert "a topic refuses a record for its size" in said, said
    assert "'goldpan topics create' sets what it has to take" in said
    assert main(["topics", "create", *words]) == 0
    capsys.readouterr()
    assert main(ingest) == 0
    assert "3 events are in\n  not counted, dead letters: 1;" in capsys.readouterr().out
    with KafkaReader(cluster) as reader:
        kept = {
            json.loads(r.payload)["event_id"]
            for r in reader.read(*reader.bounds())
            if r.kind == RecordKind.EVENT and r.domain != LIVE
        }
    assert kept == {"q1", "q2", "q3"}


def test_one_process_at_a_time_takes_events_in(
    cluster: Cluster, words: Words, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gateways = [Gateway(tmp_path / "a" / "data", *words)]
    first = gateways[0]
    try:
        wait_for(lambda: first.ask("GET", "/readyz").status == 200, PATIENCE_S)
        with KafkaReader(cluster) as reader:  # its first ticks tell of it
            wait_for(lambda: sum(reader.bounds()[1]) >= 4, PATIENCE_S)
        (tmp_path / "events").write_bytes(content(1))
        other = ["ingest", str(tmp_path / "events"), "--format", "jsonl", *words]
        assert main([*other, "--data-dir", str(tmp_path / "other")]) == 1
        said = capsys.readouterr().err
        assert f"process {first.process.pid} on " in said
        assert "takes events in for this deployment's topics already" in said
        assert f"and process {os.getpid()} on " in said
        assert first.send(queued("before")).status == 202

        # One that stood still too long to be noticed, and was replaced, ends when it wakes up.
        first.process.send_signal(signal.SIGSTOP)
        gateways.append(Gateway(tmp_path / "b" / "data", *words))
        second = gateways[1]
        wait_for(lambda: second.ask("GET", "/readyz").status == 200, PATIENCE_S)
        first.process.send_signal(signal.SIGCONT)
        assert first.process.wait(PATIENCE_S) == 1
        assert f"process {second.process.pid} on " in first.said
        assert "began to take events in for this deployment's topics after" in first.said
        assert second.send(queued("after")).status == 202
        assert second.stop() == 0
        # Whoever follows in the same place knows that the one before has ended.
        gateways.append(Gateway(tmp_path / "b" / "data", *words))
        assert gateways[2].stop() == 0
    finally:
        for gateway in gateways:
            gateway.process.kill()
            gateway.process.wait()
            assert "Traceback" not in gateway.said


def with_login(directory: Path, place: str, password: str, prefix: str) -> Words:
    """The options of a deployment that logs in."""
    (directory / "password").write_text(password)
    login = {
        "user": "goldpan",
        "password_file": str(directory / "password"),
        "mechanism": "PLAIN",
    }
    config = {"format": 1, "login": login, "topics": {"prefix": prefix, "shards": 2}}
    (directory / "login.yaml").write_text(json.dumps(config))
    return ["--kafka", place, "--kafka-config", str(directory / "login.yaml")]


def worker_with(words: Words, database: str, directory: Path) -> Running:
    place = ["--clickhouse", database, "--data-dir", str(directory / "worker")]
    return Running([sys.executable, "-m", "pipeline", "worker", *words, *place], directory)


def test_a_worker_logs_in_and_a_wrong_password_is_said(
    broker: kafka.Broker, cluster: Cluster, database: str, tmp_path: Path
) -> None:
    assert main(["migrate", "--clickhouse", database]) == 0
    place, prefix = f"{broker.host}:{broker.sasl_port}", cluster.topics.prefix
    put(cluster, {"key": b"customer:u", "value": content(1)})
    refused = worker_with(with_login(tmp_path, place, "wrong", prefix), database, tmp_path).ended()
    assert refused.status == 1
    (said,) = refused.err.splitlines()
    assert said.startswith(f"goldpan: Kafka at {place} does not let user 'goldpan' in (")
    assert said.endswith(
        "check the login in the file that --kafka-config names, and the password file that it names"
    )
    worker = worker_with(with_login(tmp_path, place, broker.password, prefix), database, tmp_path)
    try:
        sql = "SELECT count() FROM contacts FINAL"
        wait_for(lambda: only(database, sql) == 1, PATIENCE_S)
        worker.process.terminate()
        assert worker.ended().status == 0
    finally:
        worker.kill()
