"""A directory and a name flow in, a deployment on Kafka flows out: topics, a database, workers.

All deployments of a directory share its broker and its store; each has topics and a database of its
own name, and finds them again in another process.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from infra import clickhouse, kafka
from pipeline.log.cluster import Cluster
from pipeline.log.kafka import KafkaReader
from pipeline.log.topics import create
from pipeline.runtimes.kafka import KafkaPublisher
from pipeline.sinks.client import Client
from pipeline.sinks.migrate import migrate
from pipeline.topology import TopologySettings
from schemas.kafka import KafkaConfig
from tests.faults.support import Running, only
from tests.infra.support import wait_for

PATIENCE_S = 600.0
PACK = 250
"""Events in one record of Kafka, where they are packed."""
_APPLIED = (
    "SELECT sum(toInt64(JSONExtractInt(state, 'offset')) + 1) FROM checkpoint FINAL "
    "WHERE family = 'meta'"
)


@dataclass
class Deployment:
    """What `goldpan` is told by `words`: see `deployed`."""

    cluster: Cluster
    url: str
    directory: Path
    store_pid: int
    broker_pid: int
    words: list[str]
    workers: list[Running] = field(default_factory=list)

    def start_worker(self) -> Running:
        """Start one more; it has its partitions when this returns."""
        place = ["--data-dir", str(self.directory / f"worker{len(self.workers)}")]
        command = [sys.executable, "-m", "pipeline", "worker", *self.words, *place]
        worker = Running(command, self.directory)
        self.workers.append(worker)
        wait_for(lambda: "assigned shards: " in worker.said, PATIENCE_S)
        return worker

    @contextmanager
    def publisher(self) -> Iterator[KafkaPublisher]:
        """The way into its topic."""
        skew_ms = TopologySettings().max_skew_ms
        with KafkaPublisher(self.cluster, self.directory / "publisher", skew_ms) as publisher:
            publisher.start()
            yield publisher

    def wait_until_applied(self) -> None:
        """Return when the store's checkpoint has all that is on the topic."""
        with KafkaReader(self.cluster) as reader:
            records = sum(reader.bounds()[1])
        wait_for(lambda: only(self.url, _APPLIED) >= records, PATIENCE_S)


@contextmanager
def deployed(directory: Path, name: str, shards: int = 8) -> Iterator[Deployment]:
    """A deployment; its workers are killed at the end."""
    broker = kafka.start(directory / "kafka", heap_mb=512)
    server = clickhouse.start(directory / "clickhouse")
    url = f"{server.url.rpartition('/')[0]}/{name}"
    topics = {
        "prefix": f"{name}-",
        "shards": shards,
        "retention_days": {"events": 30},
    }
    config = KafkaConfig.model_validate({"format": 1, "topics": topics})
    place = directory / name
    place.mkdir(exist_ok=True)
    (place / "kafka.yaml").write_text(config.model_dump_json(by_alias=True))
    words = ["--kafka", broker.address, "--kafka-config", str(place / "kafka.yaml")]
    words += ["--clickhouse", url]
    cluster = Cluster(broker.address, config)
    create(cluster)
    with Client(lambda: server.url) as admin:
        admin.execute(f"CREATE DATABASE IF NOT EXISTS {name}")
    with Client(lambda: url) as client:
        migrate(client)
    deployment = Deployment(cluster, url, place, server.pid, broker.pid, words)
    try:
        yield deployment
    finally:
        for worker in deployment.workers:
            worker.kill()


def end(directory: Path) -> None:
    """Stop the directory's broker and store."""
    kafka.stop(directory / "kafka")
    clickhouse.stop(directory / "clickhouse")
