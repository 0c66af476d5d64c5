"""Files that are not what the command expects: one sentence that names the file and the remedy."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from clickhouse_driver import Client

from pipeline.runtimes.ingest import CHUNK
from pipeline.sources.bank_rows import COLUMNS
from tests.cli.conftest import Goldpan
from tests.cli.events import calls, queued

ROW = (
    *("AA0101", "33116", "9664491", "2", "PS", "990101", "0:00:31", "0:00:36", "5"),
    *("0:00:36", "0:03:09", "153", "HANG", "0:00:00", "0:00:00", "0", "NO_SERVER"),
)


def bank_file(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(["\t".join(COLUMNS), *rows]) + "\n")
    return path


def test_a_bank_file_with_16_fields_in_some_rows(
    goldpan: Goldpan, database: str, tmp_path: Path
) -> None:
    whole = "\t".join(ROW)
    run_together = "\t".join((*ROW[:3], "2PS", "990102", *ROW[6:]))
    lost = "\t".join((*ROW[:3], *ROW[4:5], "990103", *ROW[6:]))
    file = bank_file(tmp_path / "bank.tsv", whole, run_together, lost)

    said = goldpan("ingest", file, "--format", "bank-calls")

    assert (said.status, said.err) == (0, "")
    assert "  not counted, dead letters: 1; see 'goldpan dead-letters list'\n" in said.out
    assert "  mended: 1 x priority and type run together: split\n" in said.out
    with Client.from_url(database) as client:
        assert client.execute("SELECT reason, detail FROM dead_letters FINAL") == [
            (
                "unreadable_row",
                "Row 4 cannot be read: it has 16 fields, not 17 (bank.tsv); correct it and send "
                "it again.",
            )
        ]
        assert client.execute("SELECT count() FROM contacts FINAL") == [(2,)]


def test_an_empty_file(goldpan: Goldpan, tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    file.touch()

    assert goldpan("ingest", file, "--format", "jsonl").out == "calls.jsonl: 0 events are in\n"
    said = goldpan("ingest", file, "--format", "bank-calls")

    assert said.status == 1
    assert said.err == (
        f"goldpan: {file} does not begin with the columns of bank-calls; expected, separated by "
        f"tabs: {' '.join(COLUMNS)}. Found: none.\n"
    )


def test_a_file_of_another_format(goldpan: Goldpan, tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    file.write_bytes(queued("c1"))

    said = goldpan("ingest", file, "--format", "bank-calls")

    assert said.status == 1
    assert said.err.startswith(f"goldpan: {file} does not begin with the columns of bank-calls; ")
    bank = bank_file(tmp_path / "bank.tsv", *["\t".join(ROW)] * 300)
    said = goldpan("ingest", bank, "--format", "jsonl")
    assert said.status == 1
    assert said.err.startswith("goldpan: stopped: 301 of 301 events are dead letters, ")


def test_a_directory_and_a_missing_file(goldpan: Goldpan, tmp_path: Path) -> None:
    said = goldpan("ingest", tmp_path, "--format", "jsonl")
    assert (said.status, said.err) == (
        1,
        f"goldpan: {tmp_path} is a directory; name one file in it.\n",
    )

    missing = tmp_path / "none.jsonl"
    said = goldpan("ingest", missing, "--format", "jsonl")
    assert (said.status, said.err) == (
        1,
        f"goldpan: {missing} does not exist; check the path.\n",
    )


def test_a_gzip_that_is_damaged(goldpan: Goldpan, tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl.gz"
    content = bytearray(gzip.compress(b"\n".join(calls(2000)), mtime=0))
    content[2000:2040] = bytes(40)
    file.write_bytes(content)

    said = goldpan("ingest", file, "--format", "jsonl")

    assert said.status == 1
    assert said.err.startswith(f"goldpan: {file} ")
    assert said.err.count("\n") == 1


def test_a_run_that_was_stopped_for_its_bad_share_goes_on(goldpan: Goldpan, tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    file.write_bytes(b"\n".join([b"bad"] * 150 + calls(CHUNK)))
    command = ("ingest", file, "--format", "jsonl")
    total = ("report", "offered", "--by", "total", "--format", "csv")

    said = goldpan(*command, "--max-bad-share", "0.02")
    assert said.status == 1
    assert said.err.startswith(
        f"goldpan: stopped: 150 of {CHUNK:,} events are dead letters, more than the allowed 2%; "
    )
    assert goldpan(*total).out == "period,offered\ntotal,4850\n"

    said = goldpan(*command, "--max-bad-share", "0.1")
    assert said.status == 0
    assert said.out == f"calls.jsonl: 5,150 events are in, {CHUNK:,} of them from an earlier run\n"
    assert goldpan(*total).out == "period,offered\ntotal,5000\n"

    said = goldpan(*command)
    assert said.out == "calls.jsonl: the same content is in already (5,150 events)\n"


@pytest.mark.parametrize("share", ["1.5", "-0.1", "much", "nan"])
def test_a_share_that_is_none(share: str, goldpan: Goldpan, tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    file.touch()

    said = goldpan("ingest", file, "--format", "jsonl", f"--max-bad-share={share}")

    assert said.status == 2
    assert f"argument --max-bad-share: {share!r} is not a share: write 0 to 1" in said.err
