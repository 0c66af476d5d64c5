"""Lines that are no events, between lines that are: each becomes a dead letter that says why."""

from __future__ import annotations

import gzip
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from clickhouse_driver import Client

from tests.cli.conftest import Goldpan
from tests.cli.events import calls, event, queued

AHEAD = (datetime.now(UTC) + timedelta(days=730)).isoformat(timespec="seconds")

BAD = {
    "not JSON": (
        b"hello",
        "not_json",
        "The record is not JSON: expected value at line 1 column 1; send one JSON object per "
        "event.",
    ),
    "half a line": (
        b'{"event_type": "call.queued", "event_',
        "not_json",
        "The record is not JSON: EOF while parsing a string at line 1 column 37; send one JSON "
        "object per event.",
    ),
    "not an object": (
        b"[1, 2]",
        "not_an_object",
        "The record is a list, not an object; send each event as an object of its own, "
        '{"event_type": ...}.',
    ),
    "wrong type": (
        event("call.answered", "x1", agent_id="a", wait_ms="12 s"),
        "invalid_field",
        "wait_ms should be a valid integer, but is '12 s'; correct it at the source.",
    ),
    "unknown event type": (
        event("call.quued", "x2"),
        "unknown_event_type",
        "event_type 'call.quued' is not known; did you mean call.queued or call.held or "
        "call.ended?",
    ),
    "negative duration": (
        event("call.ended", "x3", talk_ms=-5),
        "invalid_field",
        "talk_ms should be greater than or equal to 0, but is -5; correct it at the source.",
    ),
    "two years ahead": (
        re.sub(rb'"occurred_at": "[^"]*"', b'"occurred_at": "%s"' % AHEAD.encode(), queued("x4")),
        "from_the_future",
        f"occurred_at is {AHEAD}, 729 days, <time> after the event arrived (at most 0:05:00 is "
        "allowed); set the source's clock and time zone.",
    ),
    "5 MB": (
        b'{"text":"' + b"x" * 5_000_001 + b'"}',
        "too_large",
        "The record has 5,000,012 bytes, more than the 1,048,576 that an event may have; send long "
        "text shortened, attachments not at all.",
    ),
    "NUL bytes": (
        b"\0\0\0\0" + queued("x5"),
        "not_json",
        "The record is not JSON: expected value at line 1 column 1; send one JSON object per "
        "event.",
    ),
    "GBK": (
        queued("x6")[:-1] + b', "region": "' + "广州".encode("gbk") + b'"}',
        "not_utf8",
        "Byte 192 of the record (0xb9) is not UTF-8; find out the source's encoding (GB18030?) "
        "and write UTF-8.",
    ),
    "missing field": (
        event("call.answered", "x7", wait_ms=5),
        "missing_field",
        "agent_id is missing; call.answered cannot do without it.",
    ),
    "seconds for milliseconds": (
        event("call.ended", "x8", talk_ms=1_700_000_000_000),
        "invalid_field",
        "talk_ms should be less than or equal to 604800000, but is <13 digits>; correct it at the "
        "source.",
    ),
}


def letters(database: str) -> list[tuple[str, str, str]]:
    with Client.from_url(database) as client:
        return list(
            client.execute(
                "SELECT concat(toString(shard), '.', toString(generation), '.', toString(offset)), "
                "reason, detail FROM dead_letters FINAL"
            )
        )


def without_clock(sentence: str) -> str:
    return re.sub(r"\d+:\d\d:\d\d\.\d+", "<time>", sentence)


def test_each_becomes_a_dead_letter_with_a_remedy_and_nothing_else_is_lost(
    goldpan: Goldpan, database: str, tmp_path: Path
) -> None:
    file = tmp_path / "calls.jsonl"
    lines = [*calls(30), *(line for line, _, _ in BAD.values()), *calls(30, "d")]
    file.write_bytes(b"\n".join(lines))

    said = goldpan("ingest", file, "--format", "jsonl")

    assert (said.status, said.err) == (0, "")
    assert said.out == (
        "calls.jsonl: 72 events are in\n"
        "  not counted, dead letters: 12; see 'goldpan dead-letters list'\n"
    )
    found = letters(database)
    assert sorted((reason, without_clock(detail)) for _, reason, detail in found) == sorted(
        (reason, detail) for _, reason, detail in BAD.values()
    )
    report = goldpan("report", "offered", "--by", "total", "--format", "csv")
    assert report.out == "period,offered\ntotal,60\n"

    listing = goldpan("dead-letters", "list", "--most", "100")
    assert listing.status == 0
    for place, reason, detail in found:
        assert re.search(rf"^{re.escape(place)}  .*  {reason}", listing.out, re.MULTILINE)
        assert f"\n    {detail}\n" in listing.out
        shown = goldpan("dead-letters", "show", place)
        assert f"reason         {reason}\n" in shown.out
        assert f"what to do     {detail}\n" in shown.out
        assert len(shown.out) < 6_000
    assert "3 invalid_field, " in listing.out.splitlines()[-1]


def test_the_end_before_the_start(goldpan: Goldpan, database: str, tmp_path: Path) -> None:
    file = tmp_path / "shifts.jsonl"
    hours = {"from": "2026-03-02T09:00:00Z", "to": "2026-03-02T08:00:00Z"}
    shift: dict[str, Any] = {"agent_id": "a1", **hours}
    file.write_bytes(event("schedule.segment", "s1", **shift) + b"\n" + queued("c1"))

    assert goldpan("ingest", file, "--format", "jsonl").status == 0

    assert [(reason, detail) for _, reason, detail in letters(database)] == [
        (
            "contradiction",
            "to (2026-03-02T08:00:00+00:00) should be later than from (2026-03-02T09:00:00+00:00); "
            "correct it at the source.",
        )
    ]


def test_a_version_may_be_a_time_in_milliseconds(
    goldpan: Goldpan, database: str, tmp_path: Path
) -> None:
    file = tmp_path / "calls.jsonl"
    newest = queued("c1", queue="sales", version=1_772_442_000_001)
    file.write_bytes(newest + b"\n" + queued("c1", version=1_772_442_000_000))

    assert goldpan("ingest", file, "--format", "jsonl").status == 0

    with Client.from_url(database) as client:
        assert client.execute("SELECT queue FROM contacts FINAL") == [("sales",)]


@pytest.mark.parametrize("encoding", ["utf-16", "gbk"])
def test_a_file_in_another_encoding_is_stopped_and_can_be_let_in(
    encoding: str, goldpan: Goldpan, database: str, tmp_path: Path
) -> None:
    file = tmp_path / "calls.jsonl"
    text = b"\n".join(queued(f"c{n}", region="广州") for n in range(300)).decode()
    file.write_bytes(text.encode(encoding))

    said = goldpan("ingest", file, "--format", "jsonl")

    assert said.status == 1
    assert said.err == (
        "goldpan: stopped: 300 of 300 events are dead letters, more than the allowed 5%; look at "
        "them with 'goldpan dead-letters list', or allow more with --max-bad-share. What was read "
        "is in; run the same command to go on\n"
    )
    assert {reason for _, reason, _ in letters(database)} == {"not_utf8"}
    again = goldpan("ingest", file, "--format", "jsonl", "--max-bad-share", "1")
    assert again.status == 0
    assert len(letters(database)) == 300


def test_a_gzip_that_is_cut_short_and_then_whole(
    goldpan: Goldpan, database: str, tmp_path: Path
) -> None:
    file = tmp_path / "calls.jsonl.gz"
    whole = gzip.compress(b"\n".join(calls(3000)), mtime=0)
    file.write_bytes(whole[: len(whole) // 2])

    said = goldpan("ingest", file, "--format", "jsonl")

    assert said.status == 1
    match = re.fullmatch(
        rf"goldpan: {file} ends early: ([\d,]+) lines were read and kept, the rest .*\n", said.err
    )
    assert match
    kept = int(match[1].replace(",", ""))
    count = ("report", "offered", "--by", "total", "--format", "csv")
    assert goldpan(*count).out == f"period,offered\ntotal,{kept}\n"
    file.write_bytes(whole)
    assert goldpan("ingest", file, "--format", "jsonl").status == 0
    assert goldpan(*count).out == "period,offered\ntotal,3000\n"
