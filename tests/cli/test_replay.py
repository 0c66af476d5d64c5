"""`goldpan replay`, typed in: history into another database, and the ways to ask wrongly."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_driver import Client

from infra import clickhouse
from pipeline.log.lock import DirectoryLock
from schemas.migrations import migrations
from tests.cli.conftest import Goldpan
from tests.cli.events import calls, event

REPORT = ("report", "offered", "answered", "--format", "csv")


@pytest.fixture
def live(goldpan: Goldpan, tmp_path: Path) -> Goldpan:
    """A store with thirty calls, one of them answered, and a line that is none."""
    file = tmp_path / "calls.jsonl"
    lines = [*calls(30), event("call.answered", "c1", 1, agent_id="a1", wait_ms=59_000), b"[]"]
    file.write_bytes(b"".join(line + b"\n" for line in lines))
    assert goldpan("ingest", file, "--format", "jsonl", "--max-bad-share", "1").status == 0
    return goldpan


@pytest.fixture
def admin(server: clickhouse.Server) -> Iterator[Client]:
    with Client(server.host, server.port, password=server.password) as client:
        yield client


@pytest.fixture
def into(request: pytest.FixtureRequest, admin: Client) -> Iterator[str]:
    """The name of a database that is not there yet."""
    name = f"into_{abs(hash(request.node.name))}"
    yield name
    admin.execute(f"DROP DATABASE IF EXISTS {name} SYNC")


def refusal(goldpan: Goldpan, *words: str) -> str:
    """Why a replay was refused: in one sentence."""
    said = goldpan("replay", *words)
    assert said.status == 1
    assert said.out == ""
    assert said.err.count("\n") == 1
    return said.err.removeprefix("goldpan: ").rstrip("\n")


def test_a_replay_says_the_same_in_another_database(live: Goldpan, into: str) -> None:
    first = live("replay", "--into", into)
    again = live("replay", "--into", into)

    assert first.status == again.status == 0, first.err
    assert "records of" in first.out
    assert first.out.endswith(f"every row is final: goldpan report ... --database {into}\n")
    assert "holds that replay already" in again.out
    expected = live(*REPORT)
    assert expected.out.endswith(",30,1\n")
    assert live(*REPORT, "--database", into) == expected
    assert live("parity", "--database", into).status == 0
    letters = live("dead-letters", "list")
    assert "not_an_object" in letters.out
    assert live("dead-letters", "list", "--database", into) == letters


def test_of_a_window_it_says_what_is_final(live: Goldpan, into: str) -> None:
    window = ("--from", "2026-03-02T17:00", "--to", "2026-03-02T17:01")
    said = live("replay", "--into", into, *window)
    assert said.status == 0, said.err
    assert "until before --to: goldpan report ... --from ... --to ..." in said.out
    expected = live(*REPORT, *window)
    assert expected.out.count("\n") == 2
    assert live(*REPORT, *window, "--database", into) == expected


def test_a_replay_takes_nothing_else_in(live: Goldpan, into: str, tmp_path: Path) -> None:
    assert live("replay", "--into", into).status == 0
    file = tmp_path / "calls.jsonl"
    for words in (("ingest", file, "--format", "jsonl"), ("rebuild",)):
        said = live(*words, "--database", into)
        assert said.status == 1
        assert "this database holds a replay ('goldpan replay') and takes nothing else" in said.err
    assert refusal(live, "--into", "more", "--database", into).endswith(
        "is a replay itself: replay the live database"
    )


def test_names_that_cannot_be(live: Goldpan, database: str) -> None:
    name = database.rpartition("/")[2]
    assert refusal(live, "--into", name) == (
        f"--into {name}: that is the live database itself; name another, it is made anew"
    )
    assert refusal(live, "--into", "march-again").endswith(
        "name a database in letters, digits and _, such as march_again"
    )
    assert "belongs to ClickHouse" in refusal(live, "--into", "system")
    said = live("replay")
    assert said.status == 2
    assert "--into" in said.err


def test_windows_that_cannot_be(live: Goldpan, into: str) -> None:
    def refused(start: str, end: str) -> str:
        return refusal(live, "--into", into, "--from", start, "--to", end)

    assert refused("2026-03-03", "2026-03-02") == "--from 2026-03-03 is not before --to 2026-03-02"
    assert refused("2026-03-02", "2026-03-02") == "--from 2026-03-02 is not before --to 2026-03-02"
    assert "is not a date or time" in refused("yesterday", "2026-03-02")
    assert refused("2026-03-02T17:00:30", "2026-03-03").endswith("so name whole minutes")
    assert refused("2025-01-01", "2025-02-01").startswith(
        "there is nothing between --from and --to: events go from 2026-03-02 09:00 to "
    )


def test_nothing_to_replay(goldpan: Goldpan, into: str) -> None:
    assert refusal(goldpan, "--into", into).endswith(" holds nothing to replay yet")


def test_databases_that_hold_something_else(live: Goldpan, into: str, admin: Client) -> None:
    admin.execute(f"CREATE DATABASE {into}")
    admin.execute(f"CREATE TABLE {into}.sales (x Int8) ENGINE = MergeTree ORDER BY x")
    assert "holds tables that are not Goldpan's" in refusal(live, "--into", into)
    admin.execute(f"DROP TABLE {into}.sales SYNC")

    assert live("replay", "--into", into, "--to", "2026-03-03").status == 0
    assert "holds a replay of another window of" in refusal(live, "--into", into)
    admin.execute(f"ALTER TABLE {into}.checkpoint DELETE WHERE family = 'replay'")
    assert "a pipeline writes to that database" in refusal(live, "--into", into)

    newer = migrations()[-1].version + 1
    admin.execute(f"INSERT INTO {into}.schema_migrations (version, name) VALUES", [(newer, "new")])
    assert "install the Goldpan that migrated it" in refusal(live, "--into", into)


def test_a_second_one_at_the_same_time(live: Goldpan, into: str, tmp_path: Path) -> None:
    directory = tmp_path / "data" / "replays" / into
    directory.mkdir(parents=True)
    lock = DirectoryLock(directory)
    assert "is in use by process" in refusal(live, "--into", into)
    lock.release()
    assert live("replay", "--into", into).status == 0
