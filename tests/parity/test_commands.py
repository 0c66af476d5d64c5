"""`goldpan parity`, typed in."""

from __future__ import annotations

import pytest

from pipeline.__main__ import main
from tests.parity.conftest import Ingest
from tests.simulator.conftest import simulated


def test_parity_says_what_it_compared_and_fails_if_anything_differs(
    ingested: Ingest, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    client = ingested(simulated("2026-03-02", hours=24, seats=1))
    assert main(["parity", "--clickhouse", database]) == 0
    out = capsys.readouterr().out
    assert "parity holds:" in out
    assert "answered_in_threshold" in out

    client.execute(
        "INSERT INTO call_minutes (site, dims, minute, queue, shard, revision, offered) VALUES "
        "('example', 'queue', '2026-03-02 02:00:00', 'nowhere', 0, 1, 7)"
    )
    assert main(["parity", "--clickhouse", database]) == 1
    out = capsys.readouterr().out
    assert "offered 2026-03-02T10:00+08:00 queue (nowhere): recomputed 0, stored 7" in out
    assert "parity FAILS: offered differ" in out
    # Outside of the hour, nothing is wrong.
    only = ["--from", "2026-03-02T11:00", "--to", "2026-03-02T12:00"]
    assert main(["parity", "--clickhouse", database, *only]) == 0
