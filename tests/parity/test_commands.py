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
    asked = ["report", "parity", "--clickhouse", database, "--format", "csv", "--group"]
    assert main(["parity", "--clickhouse", f"{database}?readonly=2"]) == 0
    out, err = capsys.readouterr()
    assert "parity holds:" in out
    assert "the result is not kept, so the metric parity does not show it" in err
    assert client.execute("SELECT count() FROM parity_results") == [(0,)]

    assert main(["parity", "--clickhouse", database]) == 0
    out, err = capsys.readouterr()
    assert not err
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
    assert main([*asked, "measure"]) == 0
    kept = capsys.readouterr().out.splitlines()
    assert "total,offered,7" in kept
    assert "total,answered,0" in kept
    # Outside of the hour, nothing is wrong.
    only = ["--from", "2026-03-02T11:00", "--to", "2026-03-02T12:00"]
    assert main(["parity", "--clickhouse", database, *only]) == 0
    assert main([*asked, "family"]) == 0
    assert "total,calls,0" in capsys.readouterr().out.splitlines()
