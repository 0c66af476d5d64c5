"""`goldpan simulate`, typed in."""

from __future__ import annotations

import gzip
import json
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from pipeline.__main__ import main
from tests.simulator.conftest import SITE

DAY = ["--seats", "3", "--from", "2026-03-02", "--heartbeat", "0"]


def simulate(*words: object) -> int:
    return main(["simulate", *map(str, words)])


def test_the_same_words_write_the_same_bytes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain, packed, again = (tmp_path / name for name in ("a.jsonl", "b.jsonl.gz", "c.jsonl.gz"))
    for file in (plain, packed, again):
        assert simulate(*DAY, "--out", file) == 0
    assert "events in" in capsys.readouterr().err
    assert packed.read_bytes() == again.read_bytes()
    assert gzip.decompress(packed.read_bytes()) == plain.read_bytes()
    assert simulate(*DAY, "--seed", "2", "--out", again) == 0
    assert gzip.decompress(again.read_bytes()) != plain.read_bytes()


def test_the_truth_lies_beside_it(tmp_path: Path) -> None:
    out, truth = tmp_path / "events.jsonl", tmp_path / "truth.json"
    assert simulate(*DAY, "--hours", "12", "--out", out, "--truth", truth) == 0
    events = [json.loads(line) for line in out.read_bytes().splitlines()]
    told = json.loads(truth.read_text(encoding="utf-8"))
    assert told["from"] == "2026-03-02T00:00:00+08:00"
    assert told["to"] == "2026-03-02T12:00:00+08:00"
    assert sum(told["events"].values()) == len(events)
    assert told["seats"] == 3


def test_disorder_adds_and_loses_nothing(tmp_path: Path) -> None:
    calm, rough = tmp_path / "calm", tmp_path / "rough"
    assert simulate(*DAY, "--out", calm) == 0
    assert simulate(*DAY, "--disorder", "--out", rough) == 0
    assert set(calm.read_bytes().splitlines()) < set(rough.read_bytes().splitlines())


def test_it_goes_on_by_the_clock(tmp_path: Path) -> None:
    """What has happened by now comes at once; an hour at a thousand times the clock takes 3.6 s."""
    out = tmp_path / "events"
    earlier = datetime.now(SITE.zone) - timedelta(hours=2)
    begun = time.monotonic()
    caught_up = ("--from", earlier.isoformat(), "--hours", "1", "--speed", "1")
    assert simulate("--seats", "3", *caught_up, "--out", out) == 0
    assert time.monotonic() - begun < 3
    assert out.stat().st_size > 0
    begun = time.monotonic()
    fast = ("--from", "2026-03-02T09:00", "--hours", "1", "--speed", "3000")
    assert simulate("--seats", "3", *fast, "--out", out) == 0
    assert time.monotonic() - begun >= 1.2


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (("--url", "http://127.0.0.1:1"), "--url needs --key-file"),
        (("--url", "http://127.0.0.1:1", "--key-file", "/nowhere/key"), "no key can be read"),
        (("--out", "/nowhere/at/all"), "cannot be written"),
        (("--out", "-", "--from", "yesterday"), "is not a date or time"),
        (("--out", "-", "--disorder", "--speed", "2"), "--disorder goes with --out"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(
    words: tuple[str, ...], remedy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert simulate(*words) == 1
    assert remedy in capsys.readouterr().err
