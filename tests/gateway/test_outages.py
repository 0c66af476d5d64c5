"""The store away, the disk full, a signal: what is acknowledged is kept, the rest is refused."""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_driver import Client

from infra import clickhouse
from pipeline.__main__ import main
from tests.gateway.support import Gateway, queued
from tests.infra.support import wait_for

pytestmark = pytest.mark.faults


@pytest.fixture
def external(tmp_path: Path) -> Iterator[clickhouse.Server]:
    """A store of this test alone that keeps its port."""
    server = clickhouse.start(tmp_path / "external")
    assert main(["migrate", "--clickhouse", server.url]) == 0
    yield server
    clickhouse.stop(server.path)


def contacts(url: str) -> int:
    with Client.from_url(url) as client:
        return int(client.execute("SELECT count() FROM contacts FINAL")[0][0])


def test_a_store_that_is_away_and_comes_back(external: clickhouse.Server, tmp_path: Path) -> None:
    gateway = Gateway(tmp_path / "data", "--clickhouse", external.url)
    assert gateway.send(queued("before")).status == 202
    wait_for(lambda: contacts(external.url) == 1)
    clickhouse.stop(external.path)
    wait_for(lambda: gateway.ask("GET", "/readyz").status == 503)

    for number in range(50):
        assert gateway.send(queued(number)).status == 202
    (reason,) = gateway.ask("GET", "/readyz").json["reasons"]
    assert reason.startswith("the store is away: ClickHouse at 127.0.0.1")
    assert gateway.ask("GET", "/healthz").status == 200
    clickhouse.start(external.path)
    wait_for(lambda: gateway.ask("GET", "/readyz").status == 200)
    wait_for(lambda: contacts(external.url) == 51)

    clickhouse.stop(external.path)
    assert gateway.send(queued("last")).status == 202
    wait_for(lambda: gateway.ask("GET", "/readyz").status == 503)
    gateway.process.send_signal(signal.SIGTERM)
    gateway.process.send_signal(signal.SIGINT)
    assert gateway.process.wait(timeout=60) == 0
    assert gateway.said.splitlines()[-2:] == [
        "stopped without the store; the log has what it misses, for the next start",
        "stopped",
    ]
    clickhouse.start(external.path)
    again = Gateway(tmp_path / "data", "--clickhouse", external.url)
    wait_for(lambda: contacts(external.url) == 52)
    assert again.stop() == 0


def test_a_full_disk_is_said_and_waited_for(database_of_its_own: str, tmp_path: Path) -> None:
    gateway = Gateway(tmp_path / "data", "--clickhouse", database_of_its_own)
    size = sum(file.stat().st_size for file in (tmp_path / "data" / "log").glob("*.log"))
    full = (size, resource.RLIM_INFINITY)
    resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE, full)

    refused = gateway.send(queued("refused"))

    assert (refused.status, refused.code) == (503, "disk_full")
    assert refused.headers["Retry-After"] == "10"
    assert "no space for the log" in gateway.ask("GET", "/readyz").json["reasons"][0]
    room = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE, room)
    assert gateway.send(queued("taken")).status == 202
    wait_for(lambda: contacts(database_of_its_own) == 1)
    wait_for(lambda: gateway.ask("GET", "/readyz").status == 200)
    assert gateway.stop() == 0


def test_a_second_process_is_told_who_has_the_directory(
    database_of_its_own: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway = Gateway(tmp_path / "data", "--clickhouse", database_of_its_own)
    place = ("--data-dir", str(tmp_path / "data"), "--clickhouse", database_of_its_own)
    assert main(["run", "--port", "0", *place]) == 1
    assert f"is in use by process {gateway.process.pid}" in capsys.readouterr().err
    elsewhere = ("--data-dir", str(tmp_path / "other"), "--clickhouse", database_of_its_own)
    assert main(["run", "--port", str(gateway.port), *elsewhere]) == 1
    assert f"cannot listen on 127.0.0.1:{gateway.port}" in capsys.readouterr().err
    assert gateway.stop() == 0
    assert gateway.said.splitlines()[-1] == "stopped"
