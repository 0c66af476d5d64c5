"""A slice of a service desk's real log through the command line: twice, reconciled, proved."""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from clickhouse_driver import Client

from tests.cli.conftest import Goldpan
from tests.conftest import REAL_DATA

pytestmark = pytest.mark.real_data
LOG = REAL_DATA / "tickets" / "servicenow_incidents_march2016.csv.gz"
INCIDENTS = 600
SERVICENOW = ("--format", "servicenow")
TABLES = ("tickets", "ticket_minutes", "ticket_levels")


@pytest.fixture(scope="module")
def rows() -> list[list[str]]:
    """The header, and every row of every fifteenth incident: of the whole month, 600 of 9,202."""
    with gzip.open(LOG, "rt", newline="") as file:
        header, *rows = csv.reader(file)
    numbers = list(dict.fromkeys(row[0] for row in rows))[::15][:INCIDENTS]
    chosen = set(numbers)
    assert len(chosen) == INCIDENTS
    return [header, *(row for row in rows if row[0] in chosen)]


def written(path: Path, rows: Iterable[list[str]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def stored(database: str) -> dict[str, list[tuple[Any, ...]]]:
    """Tickets and their counts; `revision` and `stored_at` say only when they were written."""
    with Client.from_url(database) as client:
        return {
            table: client.execute(
                f"SELECT * EXCEPT (revision, stored_at) FROM {table} FINAL ORDER BY ALL"
            )
            for table in TABLES
        }


def test_twice_is_once_and_agrees_with_its_own_counters(
    goldpan: Goldpan, database: str, tmp_path: Path, rows: list[list[str]]
) -> None:
    log = written(tmp_path / "log.csv", rows)
    first = goldpan("ingest", log, *SERVICENOW)
    assert (first.status, first.err) == (0, "")
    once = stored(database)
    assert len(once["tickets"]) == INCIDENTS

    assert "the same content is in already" in goldpan("ingest", log, *SERVICENOW).out
    # Another file, for its rows lie the other way round: known by the ids of its events.
    turned = written(tmp_path / "turned.csv", [rows[0], *reversed(rows[1:])])
    assert goldpan("ingest", turned, *SERVICENOW).status == 0
    assert stored(database) == once

    reconciled = goldpan("reconcile", log, *SERVICENOW)
    assert reconciled.status == 0, reconciled.out
    shares = re.findall(r"(\w+_count): [\d,]+ disagree \(([\d.]+)%\)", reconciled.out)
    assert [name for name, _ in shares] == ["reopen_count", "reassignment_count"]
    assert all(float(share) < 1 for _, share in shares), reconciled.out

    parity = goldpan("parity")
    assert parity.status == 0, parity.out
