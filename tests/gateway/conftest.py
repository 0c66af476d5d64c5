"""One gateway for all tests that neither stop it nor change its keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from clickhouse_driver import Client

from infra import clickhouse
from pipeline.__main__ import main
from tests.gateway.support import Gateway

Query = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture(scope="package")
def gateway_database(server: clickhouse.Server) -> Iterator[str]:
    """The address of a database that the gateway's tests share."""
    with Client(server.host, server.port, password=server.password) as client:
        client.execute("CREATE DATABASE gateway ENGINE = Atomic")
        yield f"{server.url.rpartition('/')[0]}/gateway"
        client.execute("DROP DATABASE gateway SYNC")


@pytest.fixture(scope="package")
def gateway(gateway_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that runs; it must end well and never show a traceback."""
    assert main(["migrate", "--clickhouse", gateway_database]) == 0
    directory = tmp_path_factory.mktemp("gateway") / "data"
    running = Gateway(directory, "--clickhouse", gateway_database)
    try:
        yield running
        assert running.stop() == 0
    finally:
        running.process.kill()
        running.process.wait()
    assert "Traceback" not in running.said
    assert "a bug" not in running.said


@pytest.fixture
def query(gateway_database: str) -> Iterator[Query]:
    """Ask the store."""
    with Client.from_url(gateway_database) as client:
        yield client.execute


@pytest.fixture
def database_of_its_own(database: str) -> str:
    """A migrated database for one gateway of a test's own."""
    assert main(["migrate", "--clickhouse", database]) == 0
    return database


@pytest.fixture
def start(database_of_its_own: str, tmp_path: Path) -> Iterator[Callable[..., Gateway]]:
    """Start gateways of this test alone; they are killed at its end."""
    started: list[Gateway] = []

    def begin(*words: str | Path) -> Gateway:
        place = ("--clickhouse", database_of_its_own)
        started.append(Gateway(tmp_path / "data", *place, *words))
        return started[-1]

    yield begin
    for one in started:
        one.process.kill()
        one.process.wait()
