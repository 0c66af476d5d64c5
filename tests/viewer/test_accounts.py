"""The boards' path by an account of any kind: the compose file's, and one that may set nothing."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from infra import clickhouse
from pipeline.errors import StoreRefused
from pipeline.sinks.client import Client
from pipeline.sinks.reader import Answer, Bounds, Reader
from tests.faults.debian import DebianServer

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DebianServer]:
    """A server that has accounts, which the embedded engine has not."""
    server = DebianServer(tmp_path_factory.mktemp("accounts") / "server")
    server.start()
    yield server
    server.stop()


@pytest.mark.parametrize(("user", "readonly"), [("default", 0), ("reads", 1), ("asks", 2)])
def test_it_reads_and_only_reads(debian: DebianServer, user: str, readonly: int) -> None:
    with Reader(partial(debian.url, user=user)) as reader:
        for read in (reader.read, reader.read_shipped):
            assert read("SELECT 1 AS n") == Answer((("n", "UInt8"),), [(1,)])
        with pytest.raises(StoreRefused, match="readonly"):
            reader.read_shipped("CREATE TABLE t (n UInt8) ENGINE = Memory")
        sql = "SELECT value FROM system.settings WHERE name = 'readonly'"
        assert reader.read_shipped(sql).rows == [(str(readonly or 1),)]


@pytest.mark.parametrize("readonly", [0, 1, 2])
def test_what_it_sends_is_what_an_account_may_set(server: clickhouse.Server, readonly: int) -> None:
    """Debian's server does not mind; the engine of today does, in a session of that kind."""
    with Client(lambda: server.url) as client:
        client.execute(f"SET readonly = {readonly}")
        pairs = [f"{name} = {value!r}" for name, value in Bounds().settings(readonly).items()]
        clause = f" SETTINGS {', '.join(pairs)}" if pairs else ""
        assert client.execute(f"SELECT 1{clause}") == [(1,)]
        if readonly == 2:
            with pytest.raises(StoreRefused, match="Cannot modify 'readonly' setting"):
                client.execute("SELECT 1 SETTINGS readonly = 1")
        if readonly == 1:
            with pytest.raises(StoreRefused, match="Cannot modify 'max_execution_time' setting"):
                client.execute("SELECT 1 SETTINGS max_execution_time = 30")


def test_the_compose_files_account_is_of_the_kind_that_may_set_bounds() -> None:
    made = (ROOT / "infra" / "compose" / "clickhouse-reader.sh").read_text()
    assert "SETTINGS readonly = 2, max_execution_time = 30" in made
