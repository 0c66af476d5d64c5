"""The wire to the store is cut, slow, or leads to one that restarts or refuses: on two servers."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Protocol

import pytest

from infra import clickhouse
from pipeline.errors import StoreRefused, StoreUnavailable
from pipeline.runtimes.patience import Patience
from pipeline.sinks.client import Client
from tests.faults.debian import DebianServer
from tests.faults.wire import Wire

pytestmark = pytest.mark.faults
ROWS = 200_000


class Server(Protocol):
    """A store that may be killed."""

    @property
    def port(self) -> int:
        """Where it listens."""

    @property
    def pid(self) -> int:
        """Its process."""

    def url(self, port: int = 0, *, password: str = ...) -> str:
        """Its address, or that of a wire to it."""

    def start(self) -> None:
        """Have it run."""

    def kill(self) -> None:
        """As a crash does."""

    def stop(self) -> None:
        """End it."""


class EmbeddedServer:
    """The embedded engine's."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def url(self, port: int = 0, *, password: str = "") -> str:
        url = self._server.url.replace(str(self.port), str(port or self.port))
        return url.replace(self._server.password, password) if password else url

    def start(self) -> None:
        self._server = clickhouse.start(self._directory)
        self.port, self.pid = self._server.port, self._server.pid

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def stop(self) -> None:
        clickhouse.stop(self._directory)


@pytest.fixture(scope="module", params=[DebianServer, EmbeddedServer])
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server that these tests alone use, with a table."""
    server: Server = request.param(tmp_path_factory.mktemp("wire") / "server")
    server.start()
    with Client(server.url) as client:
        client.execute("CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n")
    yield server
    server.stop()


@pytest.fixture
def wire(store: Server) -> Iterator[Wire]:
    """A wire to it."""
    with Wire(store.port) as wire:
        yield wire


@pytest.fixture
def client(store: Server, wire: Wire) -> Iterator[Client]:
    """A client at the other end."""
    with Client(partial(store.url, wire.port), timeout_s=2) as client:
        yield client


def count(client: Client) -> int:
    return int(client.execute("SELECT count() FROM t")[0][0])


def test_cut_in_the_middle_of_an_answer(client: Client, wire: Wire) -> None:
    sql = f"SELECT number FROM numbers({ROWS})"
    wire.server_bytes = 100_000
    with pytest.raises(StoreUnavailable, match=rf"127.0.0.1:{wire.port}/\w+ cannot be reached: "):
        client.execute(sql)
    wire.server_bytes = -1
    assert len(client.execute(sql)) == ROWS


def test_cut_in_the_middle_of_an_insert(client: Client, wire: Wire) -> None:
    before = count(client)
    rows = [list(range(ROWS))]
    client.close()
    wire.client_bytes = 100_000
    with pytest.raises(StoreUnavailable, match="cannot be reached: "):
        client.insert("t", ["n"], rows)
    wire.client_bytes = -1
    assert count(client) == before
    client.insert("t", ["n"], rows)
    assert count(client) == before + ROWS


def test_an_answer_that_comes_late_or_too_late(client: Client, wire: Wire) -> None:
    wire.delay_s = 0.3
    assert client.execute("SELECT 1") == [(1,)]
    wire.delay_s = 3
    began = time.monotonic()
    with pytest.raises(StoreUnavailable, match="cannot be reached: "):
        client.execute("SELECT 1")
    assert time.monotonic() - began < 8
    wire.delay_s = 0
    assert client.execute("SELECT 1") == [(1,)]


def test_a_server_that_stands_still(client: Client, store: Server) -> None:
    assert client.execute("SELECT 1") == [(1,)]
    os.kill(store.pid, signal.SIGSTOP)
    try:
        with pytest.raises(StoreUnavailable, match="cannot be reached: "):
            client.execute("SELECT 1")
    finally:
        os.kill(store.pid, signal.SIGCONT)
    assert client.execute("SELECT 1") == [(1,)]


def test_a_wrong_password_is_said_and_not_waited_for(store: Server) -> None:
    with Client(partial(store.url, password="wrong")) as client:
        with pytest.raises(StoreRefused, match="check user and password in --clickhouse"):
            client.execute("SELECT 1")
        with pytest.raises(StoreRefused):
            Patience(pytest.fail).insist(lambda: client.execute("SELECT 1"))


def test_a_restart_is_waited_for_and_what_was_in_is_there(store: Server) -> None:
    said: list[str] = []

    def tell(sentence: str) -> None:
        said.append(sentence)
        if len(said) == 1:
            store.start()

    with Client(store.url) as client:
        client.insert("t", ["n"], [[1, 2, 3]])
        before = count(client)
        store.kill()
        insert: Callable[[], None] = partial(client.insert, "t", ["n"], [[4]])
        Patience(tell).insist(insert)
        assert count(client) == before + 1
    assert said[0].startswith(f"ClickHouse at 127.0.0.1:{store.port}/")
    assert said[0].endswith("; nothing is lost, waiting for it")
    assert said[1:] == ["the store is back"]
