"""Stores that are not there, not ours or not of this version: refused with the remedy."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from clickhouse_driver import Client

from infra import clickhouse
from schemas.migrations import migrations
from tests.cli.conftest import Goldpan
from tests.cli.events import queued

LATEST = migrations()[-1].version


def ingest(typed: Goldpan, tmp_path: Path, url: str) -> tuple[int, str]:
    file = tmp_path / "calls.jsonl"
    file.write_bytes(queued("c1"))
    place = ("--data-dir", tmp_path / "data", "--clickhouse", url)
    said = typed("ingest", file, "--format", "jsonl", *place)
    assert said.out == ""
    return said.status, said.err.removeprefix("goldpan: ")


def place_of(server: clickhouse.Server, database: str) -> str:
    return f"ClickHouse at {server.host}:{server.port}/{database}"


def test_a_wrong_password(typed: Goldpan, server: clickhouse.Server, tmp_path: Path) -> None:
    url = f"clickhouse://default:wrong@{server.host}:{server.port}/goldpan"

    status, err = ingest(typed, tmp_path, url)

    assert status == 1
    assert err.startswith(place_of(server, "goldpan"))
    assert err.endswith("; check user and password in --clickhouse\n")
    assert "wrong" not in err


def test_an_unknown_database(typed: Goldpan, server: clickhouse.Server, tmp_path: Path) -> None:
    url = server.url.rpartition("/")[0] + "/nowhere"

    status, err = ingest(typed, tmp_path, url)

    assert status == 1
    assert err.startswith(place_of(server, "nowhere"))
    assert err.endswith("; create the database, or name another in --clickhouse\n")


def test_a_server_that_was_not_migrated(typed: Goldpan, database: str, tmp_path: Path) -> None:
    status, err = ingest(typed, tmp_path, database)

    assert status == 1
    assert err.endswith(f" has schema 0, this Goldpan needs {LATEST}: run 'goldpan migrate'\n")


def test_migrate_twice(typed: Goldpan, database: str) -> None:
    first = typed("migrate", "--clickhouse", database)
    second = typed("migrate", "--clickhouse", database)

    assert first.status == second.status == 0
    assert len(first.out.splitlines()) == LATEST
    assert second.out == ""
    assert second.err.endswith(f" has schema {LATEST}\n")


def test_a_server_with_a_newer_schema(
    goldpan: Goldpan, typed: Goldpan, database: str, tmp_path: Path
) -> None:
    with Client.from_url(database) as client:
        client.execute("INSERT INTO schema_migrations (version, name) VALUES", [(9999, "later")])
    newer = (
        f" has schema 9999, this Goldpan knows {LATEST}: install the Goldpan that migrated it, or "
        "a later one\n"
    )

    assert ingest(typed, tmp_path, database)[1].endswith(newer)
    for command in (["migrate"], ["report", "offered"], ["dead-letters", "list"]):
        said = goldpan(*command)
        assert said.status == 1
        assert said.err.endswith(newer)


def test_nobody_listens(typed: Goldpan, tmp_path: Path) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]

        status, err = ingest(typed, tmp_path, f"clickhouse://default:pw@127.0.0.1:{port}/goldpan")

    assert status == 1
    assert err.startswith(f"ClickHouse at 127.0.0.1:{port}/goldpan cannot be reached: ")
    assert "Connection refused" in err


@pytest.mark.parametrize(
    "url", ["localhost:9000", "http://localhost:8123", "clickhouse://host:port/db", "clickhouse://"]
)
def test_no_address(url: str, typed: Goldpan, tmp_path: Path) -> None:
    assert ingest(typed, tmp_path, url) == (
        1,
        "--clickhouse: write it as clickhouse://user:password@host:port/database\n",
    )


def test_a_data_directory_that_cannot_be_made(goldpan: Goldpan, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    file = tmp_path / "calls.jsonl"
    file.write_bytes(queued("c1"))

    said = goldpan("ingest", file, "--format", "jsonl")

    assert said.status == 1
    assert said.err == (
        f"goldpan: the data directory {tmp_path / 'data'} cannot be made: File exists; name "
        "another with --data-dir\n"
    )
