"""`goldpan parity` and `goldpan demo`, typed in."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra import clickhouse
from pipeline.__main__ import main
from pipeline.commands import demo
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


def test_the_demo_reports_a_day_and_leaves_no_store_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "SEATS", 8)
    directory = tmp_path / "示例"
    assert main(["demo", "--data-dir", str(directory)]) == 0
    out = capsys.readouterr().out
    assert "Example call centre" in out
    for queue in ("general", "complaints", "billing", "technical", "vip", "chat"):
        assert f" {queue} " in out
    assert "Offered" in out
    assert "来电量" in out
    assert out.splitlines()[-1].startswith("parity holds:")
    assert clickhouse.status(directory / "clickhouse") is None


def test_the_demo_removes_its_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(demo, "SEATS", 1)
    assert main(["demo"]) == 0
    assert "parity holds:" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())
