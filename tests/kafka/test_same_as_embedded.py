"""Law 7: the same file through Kafka and Faust gives every view that the embedded runtime gives."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra import clickhouse
from pipeline.__main__ import main
from pipeline.log.cluster import Cluster
from pipeline.log.topics import create
from tests.faults.calls import write_calls
from tests.faults.support import Deployment, Running, Views, assert_same, only, views_of
from tests.kafka.conftest import Configure

PATIENCE_S = 120.0
_EVENTS = (
    "SELECT uniqExact(shard, offset) FROM raw_events "
    "WHERE event_type != 'config.changed' AND kind = 'event'"
)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day with all that sources do wrong."""
    return write_calls(tmp_path_factory.mktemp("day") / "day.jsonl", seed=19990101, calls=1500)


@pytest.fixture
def deployment(configured: Configure) -> Cluster:
    """Topics with as many partitions as the embedded log has shards."""
    cluster = configured(shards=8)
    create(cluster)
    return cluster


def wait_for(condition: Callable[[], bool], timeout_s: float = PATIENCE_S) -> None:
    """Return when the condition holds; asked twice a second, as asking is work for the store."""
    deadline, pause = time.monotonic() + timeout_s, threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        pause.wait(0.5)


class Workers:
    """Processes of `goldpan worker` on one deployment and one store."""

    def __init__(self, words: list[str], directory: Path) -> None:
        self._words = words
        self._directory = directory
        self.running: list[Running] = []

    def start(self) -> Running:
        """Start one more; it has its partitions when this returns."""
        place = ["--data-dir", str(self._directory / f"w{len(self.running)}")]
        command = [sys.executable, "-m", "pipeline", "worker", *self._words, *place]
        worker = Running(command, self._directory)
        self.running.append(worker)
        wait_for(lambda: self._has_joined(worker))
        return worker

    def stop(self) -> None:
        """End all; each that was not killed ends well."""
        for worker in self.running:
            if worker.process.poll() is None:
                worker.process.terminate()
                ended = worker.ended()
                assert ended.status in (0, 128 + 15), ended.err

    @staticmethod
    def _has_joined(worker: Running) -> bool:
        assert worker.process.poll() is None, worker.said
        return "assigned shards: " in worker.said


@pytest.fixture
def workers(
    deployment: Cluster, config_file: Callable[[Cluster], Path], database: str, tmp_path: Path
) -> Iterator[Workers]:
    """Workers on the test's own topics and database; those that still run are ended."""
    assert main(["migrate", "--clickhouse", database]) == 0
    words = ["--kafka", deployment.servers, "--kafka-config", str(config_file(deployment))]
    made = Workers([*words, "--clickhouse", database], tmp_path)
    yield made
    for worker in made.running:
        worker.process.kill()
        worker.process.wait()


@pytest.fixture
def send(
    deployment: Cluster, config_file: Callable[[Cluster], Path], tmp_path: Path
) -> Callable[[Path], None]:
    """Put a file on the topic."""

    def send(file: Path) -> None:
        words = ["--kafka", deployment.servers, "--kafka-config", str(config_file(deployment))]
        words += ["--data-dir", str(tmp_path / "publisher")]
        assert main(["ingest", str(file), "--format", "jsonl", *words]) == 0

    return send


@pytest.fixture(scope="module")
def expected(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Views]:
    """What the embedded runtime makes of the file."""
    embedded = Deployment(tmp_path_factory.mktemp("embedded"))
    embedded.must_ingest(file)
    yield embedded.views()
    embedded.close()


def assert_becomes(database: str, expected: Views) -> None:
    """Wait for the views; where they never come, say how they differ."""
    records = len(expected["raw_events"])
    try:
        wait_for(lambda: only(database, _EVENTS) >= records)
        wait_for(lambda: views_of(database) == expected, 20)
    except AssertionError:
        assert_same(views_of(database), expected)


def test_one_worker_gives_what_the_embedded_runtime_gives(
    workers: Workers, send: Callable[[Path], None], file: Path, expected: Views, database: str
) -> None:
    assert expected["alert_transitions"]
    assert expected["dead_letters"]
    workers.start()
    send(file)
    assert_becomes(database, expected)
    workers.stop()


@pytest.mark.faults
def test_two_workers_one_of_them_killed_give_the_same(
    workers: Workers, send: Callable[[Path], None], file: Path, expected: Views, database: str
) -> None:
    send(file)
    victim = workers.start()
    workers.start()
    wait_for(lambda: only(database, "SELECT count() FROM raw_events") > 0)
    victim.kill()
    workers.start()
    assert_becomes(database, expected)
    workers.stop()


@pytest.mark.faults
def test_a_store_that_is_away_is_waited_for(
    deployment: Cluster,
    config_file: Callable[[Cluster], Path],
    send: Callable[[Path], None],
    tmp_path: Path,
) -> None:
    small = write_calls(tmp_path / "small.jsonl", seed=5, calls=60)
    lines = len(small.read_bytes().splitlines())
    store = tmp_path / "store"
    server = clickhouse.start(store)
    assert main(["migrate", "--clickhouse", server.url]) == 0
    words = ["--kafka", deployment.servers, "--kafka-config", str(config_file(deployment))]
    workers = Workers([*words, "--clickhouse", server.url], tmp_path)
    try:
        worker = workers.start()
        assert clickhouse.stop(store)
        send(small)
        wait_for(lambda: "nothing is lost, waiting for it" in worker.said)
        assert clickhouse.start(store).url == server.url
        wait_for(lambda: only(server.url, _EVENTS) == lines)
        assert "the store is back" in worker.said
        workers.stop()
    finally:
        for worker in workers.running:
            worker.kill()
        clickhouse.stop(store)


def test_what_a_worker_cannot_begin_with_is_said(
    configured: Configure,
    config_file: Callable[[Cluster], Path],
    database: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    cluster = configured(shards=2)
    words = ["worker", "--kafka", cluster.servers, "--kafka-config", str(config_file(cluster))]
    words += ["--data-dir", str(tmp_path / "data")]
    assert main(words) == 1
    assert "--clickhouse is missing: workers share a store" in capsys.readouterr().err
    assert main(["migrate", "--clickhouse", database]) == 0
    assert main([*words, "--clickhouse", database]) == 1
    assert "events is missing, and 2 are configured" in capsys.readouterr().err
