"""Law 7: the same file through Kafka and Faust gives every view that the embedded runtime gives."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
from clickhouse_driver import Client

from infra import clickhouse
from pipeline.__main__ import main
from pipeline.log.cluster import Cluster
from pipeline.log.topics import create
from tests.conftest import REAL_DATA
from tests.faults.calls import write_calls
from tests.faults.support import Deployment, Views, only
from tests.kafka.conftest import Configure
from tests.kafka.support import EVENTS, Workers, assert_becomes, wait_for

JANUARY = REAL_DATA / "calls" / "bank_january1999.tsv.gz"
COUNTS = (1, 2, 4)
_DATE = 5
_LONG_S = 1_800.0
"""How long the embedded runtime may take for the longest file."""
_INTAKE = (
    "SELECT site, dims, source, event_type, domain, sum(events), sum(duplicates), sum(late), "
    "sum(rejected), sum(repaired) FROM intake_minutes FINAL GROUP BY ALL ORDER BY ALL"
)
"""What came in, but for the minute, which is that of the clock."""


@dataclass(frozen=True)
class Case:
    """A file, and what the embedded runtime makes of it."""

    words: tuple[str, ...]
    """The file and its format, as `goldpan ingest` takes them."""
    key: Path
    """What phone numbers are made into hashes with."""
    views: Views
    intake: list[tuple[Any, ...]]


def simulated(directory: Path, seats: str) -> tuple[str, ...]:
    """A week of a centre whose sources do all that sources do wrong."""
    file = directory / "week.jsonl"
    when = ["--from", "2026-03-02", "--days", "7", "--disorder", "--heartbeat", "0"]
    assert main(["simulate", "--seats", seats, *when, "--out", str(file)]) == 0
    return str(file), "--format", "jsonl"


def january(directory: Path, until: str) -> tuple[str, ...]:
    """A bank's calls, of every day before this one."""
    file = directory / "calls.tsv"
    with gzip.open(JANUARY, "rt") as rows, file.open("w") as kept:
        kept.write(next(rows))
        kept.writelines(row for row in rows if row.split("\t")[_DATE] < until)
    return str(file), "--format", "bank-calls"


def disorderly(directory: Path) -> tuple[str, ...]:
    """A day with alerts, and with all that sources do wrong."""
    file = write_calls(directory / "day.jsonl", seed=19990101, calls=1500)
    return str(file), "--format", "jsonl"


FILES: dict[str, Callable[[Path], tuple[str, ...]]] = {
    "a day": disorderly,
    "a week": partial(simulated, seats="1"),
    "a large week": partial(simulated, seats="30"),
    "January's beginning": partial(january, until="990103"),
    "January": partial(january, until="990201"),
}


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Case]:
    """Give a case by its name; computed once."""

    @cache
    def case(name: str) -> Case:
        directory = tmp_path_factory.mktemp("embedded")
        words = FILES[name](directory)
        embedded = Deployment(directory)
        try:
            ended = embedded.start("ingest", *words).ended(_LONG_S)
            assert ended.status == 0, ended.err
            with Client.from_url(clickhouse.start(embedded.store).url) as client:
                intake = client.execute(_INTAKE)
            return Case(words, embedded.data / "hash.key", embedded.views(), intake)
        finally:
            embedded.close()

    return case


@pytest.fixture
def deployment(configured: Configure) -> Cluster:
    """Topics with as many partitions as the embedded log has shards."""
    cluster = configured(shards=8)
    create(cluster)
    return cluster


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
) -> Callable[..., None]:
    """Put a file on the topic."""

    def send(*words: str) -> None:
        place = ["--kafka", deployment.servers, "--kafka-config", str(config_file(deployment))]
        place += ["--data-dir", str(tmp_path / "publisher")]
        assert main(["ingest", *words, *place]) == 0

    return send


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("a day", 2),
        ("a week", 1),
        ("a week", 4),
        pytest.param("January's beginning", 4, marks=pytest.mark.real_data),
        pytest.param("a week", 2, marks=pytest.mark.torture),
        *(pytest.param("a large week", n, marks=pytest.mark.torture) for n in COUNTS),
        *(
            pytest.param("January", n, marks=[pytest.mark.real_data, pytest.mark.torture])
            for n in COUNTS
        ),
    ],
)
def test_any_number_of_workers_gives_what_the_embedded_runtime_gives(
    *,
    name: str,
    count: int,
    cases: Callable[[str], Case],
    workers: Workers,
    send: Callable[..., None],
    database: str,
    tmp_path: Path,
) -> None:
    case = cases(name)
    workers.start(count)
    (tmp_path / "publisher").mkdir()
    shutil.copy(case.key, tmp_path / "publisher")
    send(*case.words)
    assert_becomes(database, case.views)
    with Client.from_url(database) as client:
        assert client.execute(_INTAKE) == case.intake
    workers.stop()


def test_there_is_something_to_compare(cases: Callable[[str], Case]) -> None:
    day, week = cases("a day").views, cases("a week").views
    live_only = {"queues_now"}
    assert {name for name in week if not day[name] and not week[name]} == live_only
    assert any(duplicates for *_, duplicates, _, _, _ in cases("a week").intake)


@pytest.mark.faults
def test_a_store_that_is_away_is_waited_for(
    deployment: Cluster,
    config_file: Callable[[Cluster], Path],
    send: Callable[..., None],
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
        (worker,) = workers.start()
        assert clickhouse.stop(store)
        send(str(small), "--format", "jsonl")
        wait_for(lambda: "nothing is lost, waiting for it" in worker.said)
        assert clickhouse.start(store).url == server.url
        wait_for(lambda: only(server.url, EVENTS) == lines)
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
