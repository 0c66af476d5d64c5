"""A bank's January through the command line: a third party's table comes out, however often."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from clickhouse_driver import Client

from tests.cli.conftest import Goldpan, Said
from tests.conftest import REAL_DATA
from tests.faults.support import assert_same, views_of

pytestmark = pytest.mark.real_data
CALLS = REAL_DATA / "calls" / "bank_january1999.tsv.gz"
TABLE = REAL_DATA / "calls" / "bank_january1999_daily_kpis.csv"
DEFINITIONS = Path(__file__).resolve().parents[2] / "docs" / "examples" / "bank-daily-table.yaml"

COUNTS = {"bank_calls": "total_calls", "bank_hangs": "hangs"}
MEANS = {
    "bank_mean_queue": "avg_queue_time",
    "bank_mean_service": "avg_service_time",
    "bank_hang_rate": "hang_rate",
}
KNOWN = {
    "offered": 30_161,
    "answered": 27_060,
    "abandoned": 3_101,
    "ivr=ivr_abandoned": 1_198,
}
"""What the data's own description says."""


def ingest(goldpan: Goldpan) -> Said:
    said = goldpan("ingest", CALLS, "--format", "bank-calls")
    assert (said.status, said.err) == (0, "")
    return said


def test_a_third_partys_table_and_nothing_changes_when_the_file_comes_again(
    goldpan: Goldpan, database: str
) -> None:
    first = ingest(goldpan)

    assert first.out.splitlines()[0] == "bank_january1999.tsv.gz: 152,340 events are in"
    assert "  mended: 33 x negative ivr_ms dropped" in first.out.splitlines()
    names = (*COUNTS, *MEANS)
    daily = ("--by", "day", "--format", "csv", "--definitions", DEFINITIONS)
    ours = {row["period"]: row for row in table(goldpan("report", *names, *daily))}
    with TABLE.open() as file:
        theirs = {row["date"]: row for row in csv.DictReader(file)}
    assert len(theirs) == 29
    assert ours.keys() == theirs.keys()
    for day, row in theirs.items():
        for name, column in COUNTS.items():
            assert int(ours[day][name]) == int(row[column]), (day, name)
        for name, column in MEANS.items():
            assert abs(float(ours[day][name]) - float(row[column])) <= 0.005 + 1e-9, (day, name)
    totals = table(goldpan("report", *KNOWN, "--by", "total", "--format", "csv"))
    assert list(map(int, list(totals[0].values())[1:])) == list(KNOWN.values())

    proof = goldpan("parity")
    assert (proof.status, proof.err) == (0, "")
    assert "parity holds:" in proof.out

    with Client.from_url(database) as client:
        failed = client.execute("SELECT count() FROM contacts FINAL WHERE outcome = 'failed'")
    assert failed == [(240,)]

    before = views_of(database)
    for _ in range(2):
        again = ingest(goldpan)
        assert again.out == (
            "bank_january1999.tsv.gz: the same content is in already (152,340 events)\n"
        )
        assert_same(views_of(database), before)


@pytest.mark.torture
def test_the_file_comes_again_to_a_deployment_that_knows_only_its_store(
    goldpan: Goldpan, typed: Goldpan, database: str, tmp_path: Path
) -> None:
    ingest(goldpan)
    before = views_of(database)

    elsewhere = ("--data-dir", tmp_path / "elsewhere", "--clickhouse", database)
    said = typed("ingest", CALLS, "--format", "bank-calls", *elsewhere)

    assert said.out.splitlines()[0] == "bank_january1999.tsv.gz: 152,340 events are in"
    assert_same(views_of(database), before)


def table(said: Said) -> list[dict[str, str]]:
    assert (said.status, said.err) == (0, "")
    return list(csv.DictReader(io.StringIO(said.out)))
