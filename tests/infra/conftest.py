"""A real embedded server, real clients: nothing here is a stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clickhouse_driver import Client

from infra import clickhouse
from tests.infra.support import Connect


@pytest.fixture
def connect(server: clickhouse.Server) -> Iterator[Connect]:
    """Make clients of the shared server; they are closed after the test."""
    clients = []

    def make(**options: Any) -> Client:
        defaults = {"password": server.password, "database": server.database}
        clients.append(Client(server.host, server.port, **(defaults | options)))
        return clients[-1]

    yield make
    for client in clients:
        client.disconnect()


@pytest.fixture
def client(connect: Connect) -> Client:
    """One client of the shared server."""
    return connect()


@pytest.fixture
def table(client: Client, request: pytest.FixtureRequest) -> Iterator[str]:
    """A table name of this test alone; dropped afterwards."""
    name = "t_" + "".join(c if c.isalnum() else "_" for c in request.node.name)[:80]
    client.execute(f"DROP TABLE IF EXISTS `{name}` SYNC")
    yield f"`{name}`"
    client.disconnect()
    client.execute(f"DROP TABLE IF EXISTS `{name}` SYNC")


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """A directory for a server of this test alone; stopped afterwards."""
    yield tmp_path / "server"
    clickhouse.stop(tmp_path / "server")
