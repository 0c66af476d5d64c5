"""Sources on a real broker: the same records, shards and subjects as in the embedded log."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.__main__ import main
from pipeline.errors import BrokerRefused
from pipeline.log.cluster import Cluster
from pipeline.log.embedded import EmbeddedLog
from pipeline.log.kafka import KafkaLog, KafkaReader
from pipeline.runtimes.kafka import KafkaPublisher
from pipeline.runtimes.publisher import Publisher, wall_clock_ms
from pipeline.sources.subjects import Progress, SubjectMap
from schemas.records import LIVE, LogRecord, RecordKind
from tests.faults.calls import write_calls
from tests.kafka.conftest import Configure
from tests.laws.scenario import encode, event, morning

START = wall_clock_ms()
"""The present: a broker lets go of records that are older than it keeps them."""
SKEW_MS = 300_000


def on(cluster: Cluster) -> list[LogRecord]:
    """All records of the topic, shard by shard."""
    with KafkaReader(cluster) as reader:
        return sorted(reader.read(*reader.bounds()))


def through(publisher: Publisher, records: list[LogRecord], now: list[int]) -> None:
    for record in records:
        now[0] = record.ingest_ms
        if record.subject:
            publisher.publish(record.domain, [record.payload])
        elif record.shard == 0:
            publisher.now()
            publisher.publish_everywhere(record.kind, record.domain, record.payload)


def test_the_topic_holds_what_the_embedded_log_holds(cluster: Cluster, tmp_path: Path) -> None:
    records = morning(1, calls=8).records()
    now = [0]

    def clock() -> int:
        return now[0]

    with KafkaPublisher(cluster, tmp_path / "k", SKEW_MS, clock) as publisher:
        publisher.start()
        through(publisher, records, now)
    now[0] = 0
    with EmbeddedLog.open(tmp_path / "log", 2) as log, SubjectMap(tmp_path / "map") as subjects:
        through(Publisher(log, subjects, clock, SKEW_MS), records, now)
        kept, _ = log.read(log.begin, 100_000)
    assert {r.kind for r in kept} == {RecordKind.EVENT, RecordKind.TICK, RecordKind.END}
    assert on(cluster) == sorted(kept)


def test_who_belongs_to_whom_is_read_back_from_the_topic(cluster: Cluster, tmp_path: Path) -> None:
    def publish(directory: Path, *contents: dict[str, object]) -> None:
        with KafkaPublisher(cluster, directory, SKEW_MS, lambda: START) as publisher:
            publisher.start()
            publisher.publish(LIVE, [encode(content) for content in contents])

    publish(tmp_path / "first", event("call.queued", START, "c1", customer_id="u"))
    # Not saved, as after a crash; then on another machine, without any map.
    publish(tmp_path / "first", event("call.ended", START + 1, "c1"))
    publish(tmp_path / "other", event("call.acw_ended", START + 2, "c1"))
    assert [r.subject for r in on(cluster)] == ["customer:u"] * 3
    assert len({r.shard for r in on(cluster)}) == 1


def test_a_tick_goes_into_every_partition_once_a_second(cluster: Cluster, tmp_path: Path) -> None:
    now = [START]
    with KafkaPublisher(cluster, tmp_path, SKEW_MS, lambda: now[0]) as publisher:
        publisher.start()
        for at in (0, 999, 1000, 1500, 2000):
            now[0] = START + at
            publisher.tick()
    assert [(r.shard, r.kind, r.ingest_ms - START) for r in on(cluster)] == [
        (shard, RecordKind.TICK, at) for shard in (0, 1) for at in (0, 1000, 2000)
    ]


def test_a_missing_topic_and_another_number_of_partitions_are_said(configured: Configure) -> None:
    cluster = configured(shards=2)
    with pytest.raises(BrokerRefused, match="events is missing, and 2 are configured: see 'goldp"):
        KafkaLog(cluster)


def test_a_large_record_is_taken_and_a_larger_one_is_refused(cluster: Cluster) -> None:
    with KafkaLog(cluster) as log:
        at = {"domain": LIVE, "subject": "s"}
        log.append(0, RecordKind.EVENT, START, payload=b"x" * (2 << 20), **at)
        log.commit()
        with pytest.raises(BrokerRefused, match="larger than"):
            log.append(0, RecordKind.EVENT, START, payload=b"x" * (11 << 20), **at)
        log.append(1, RecordKind.EVENT, START, payload=b"y", **at)
        log.commit()
    assert [len(r.payload) for r in on(cluster)] == [2 << 20, 1]


def test_a_file_is_taken_in_once_and_goes_on_where_it_was_acknowledged(
    cluster: Cluster,
    config_file: Callable[[Cluster], Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = write_calls(tmp_path / "calls.jsonl", seed=3, calls=150)
    lines = len(file.read_bytes().splitlines())
    words = ["ingest", str(file), "--format", "jsonl", "--data-dir", str(tmp_path / "data")]
    words += ["--kafka", cluster.servers, "--kafka-config", str(config_file(cluster))]
    assert main(words) == 0
    assert f"{lines:,} events are in\n  not counted, dead letters:" in capsys.readouterr().out
    records = on(cluster)
    assert main(words) == 0
    assert "the same content is in already" in capsys.readouterr().out
    assert on(cluster) == records
    of_file = [r for r in records if r.domain != LIVE]
    assert sum(r.kind == RecordKind.EVENT for r in of_file) == lines
    assert [r.shard for r in of_file if r.kind == RecordKind.END] == [0, 1]
    config = [r for r in records if b"config.changed" in r.payload]
    assert [(r.shard, r.domain) for r in config] == [(0, LIVE), (1, LIVE)]

    with SubjectMap(tmp_path / "data" / "publisher" / "subjects.sqlite") as subjects:
        [domain] = {r.domain for r in of_file}
        subjects.set_progress(domain, Progress(lines - 3, ended=False, name=file.name))
        subjects.save(subjects.applied_position or "")
    assert main(words) == 0
    assert f"{lines:,} events are in, {lines - 3:,} of them from an" in capsys.readouterr().out
    assert sum(r.kind == RecordKind.EVENT and r.domain != LIVE for r in on(cluster)) == lines + 3
