"""A bank's rows as a switch's events: small rows made up here, the real month read in place."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pipeline.decode import DeadLetter, DeadLetterReason, Decoder
from pipeline.errors import InputError
from pipeline.sources.bank_calls import BankCalls
from pipeline.sources.bank_rows import COLUMNS
from pipeline.sources.source import Source

JERUSALEM = ZoneInfo("Asia/Jerusalem")
INGEST_MS = 1_772_352_000_000  # 2026-03-01T08:00:00Z
HEADER = "\t".join(COLUMNS)
WAITED = "BB01 7 12345678 2 PS 990601 9:00:00 9:00:10 10 9:00:10 9:00:40 30"
STRAIGHT = "BB01 8 0 0 NW 990601 9:00:00 9:00:10 10 0:00:00 0:00:00 0"
NEVER = "0:00:00 0:00:00 0 NO_SERVER"


def source_of(tmp_path: Path, *rows: str) -> BankCalls:
    """Write rows, given with blanks instead of tabs, as a file."""
    path = tmp_path / "calls.tsv"
    path.write_text("\n".join([HEADER, *("\t".join(row.split(" ")) for row in rows), ""]))
    return BankCalls(path, "bank", JERUSALEM)


def events_of(tmp_path: Path, *rows: str) -> list[dict[str, Any]]:
    """Read rows as events, which all must decode."""
    payloads = list(source_of(tmp_path, *rows).events())
    for payload in payloads:
        event = Decoder().decode(payload, INGEST_MS)
        assert not isinstance(event, DeadLetter), event.detail
    return [json.loads(payload) for payload in payloads]


def brief(events: Iterable[dict[str, Any]]) -> list[tuple[str, str]]:
    """List what happened at what time of the day, UTC."""
    return [(event["event_type"], event["occurred_at"][11:]) for event in events]


def test_a_call_that_waited_and_was_served(tmp_path: Path) -> None:
    row = f"{WAITED} AGENT 9:00:39 9:02:00 81 AGENT_03"
    common = {
        "site": "bank",
        "source": "bank-calls",
        "contact_id": "BB01-7-990601-090000",
        "customer_id": "12345678",
    }
    # June is summer time in Jerusalem: 9:00 is 6:00 UTC.
    assert events_of(tmp_path, row) == [
        common
        | {
            "event_id": "BB01-7-990601-090000:0-ivr-started",
            "event_type": "ivr.started",
            "occurred_at": "1999-06-01T06:00:00Z",
        },
        common
        | {
            "event_id": "BB01-7-990601-090000:1-ivr-ended",
            "event_type": "ivr.ended",
            "occurred_at": "1999-06-01T06:00:10Z",
            "ivr_ms": 10_000,
        },
        common
        | {
            "event_id": "BB01-7-990601-090000:2-queued",
            "event_type": "call.queued",
            "occurred_at": "1999-06-01T06:00:10Z",
            "channel": "phone",
            "direction": "inbound",
            "queue": "PS",
            "priority": "2",
        },
        common
        | {
            "event_id": "BB01-7-990601-090000:3-outcome",
            "event_type": "call.answered",
            "occurred_at": "1999-06-01T06:00:39Z",
            "agent_id": "AGENT_03",
            "queue": "PS",
            "wait_ms": 30_000,
        },
        common
        | {
            "event_id": "BB01-7-990601-090000:4-ended",
            "event_type": "call.ended",
            "occurred_at": "1999-06-01T06:02:00Z",
            "agent_id": "AGENT_03",
            "queue": "PS",
            "talk_ms": 81_000,
        },
    ]


def test_a_call_answered_straight_away_is_offered_when_it_is_answered(tmp_path: Path) -> None:
    events = events_of(tmp_path, f"{STRAIGHT} AGENT 9:00:09 9:00:30 21 NO_SERVER")
    assert brief(events) == [
        ("ivr.started", "06:00:00Z"),
        ("call.queued", "06:00:09Z"),
        ("call.answered", "06:00:09Z"),
        ("ivr.ended", "06:00:10Z"),
        ("call.ended", "06:00:30Z"),
    ]
    assert events[2]["wait_ms"] == 0
    assert events[2]["agent_id"] == "NO_SERVER"
    assert "customer_id" not in events[0]  # 0 is nobody known


def test_giving_up_in_the_queue_and_in_the_menu(tmp_path: Path) -> None:
    events = events_of(tmp_path, f"{WAITED} HANG {NEVER}", f"{STRAIGHT} HANG {NEVER}")
    abandoned = [event for event in events if event["event_type"] == "call.abandoned"]
    assert [(event["phase"], event["wait_ms"]) for event in abandoned] == [
        ("ivr", 0),
        ("queue", 30_000),
    ]
    assert brief(abandoned) == [("call.abandoned", "06:00:10Z"), ("call.abandoned", "06:00:40Z")]
    assert Counter(event["event_type"] for event in events)["call.queued"] == 1
    assert "call.ended" not in {event["event_type"] for event in events}


def test_a_caller_who_hung_up_may_still_have_service_time(tmp_path: Path) -> None:
    events = events_of(tmp_path, f"{WAITED} HANG 9:00:41 9:00:50 9 NO_SERVER")
    assert brief(events)[-2:] == [("call.abandoned", "06:00:40Z"), ("call.ended", "06:00:50Z")]
    assert events[-1]["talk_ms"] == 9000
    assert "agent_id" not in events[-1]


def test_a_phantom_is_neither_queued_nor_answered(tmp_path: Path) -> None:
    events = events_of(tmp_path, f"{WAITED} PHANTOM 9:00:39 9:00:43 4 NO_SERVER")
    assert brief(events)[2:] == [("call.failed", "06:00:40Z"), ("call.ended", "06:00:43Z")]
    assert (events[2]["reason"], events[2]["wait_ms"]) == ("phantom", 30_000)
    assert events[3]["talk_ms"] == 4000


def test_an_answer_without_service_times_is_when_the_wait_ended(tmp_path: Path) -> None:
    events = events_of(tmp_path, f"{WAITED} AGENT 0:00:00 0:00:00 0 AGENT_03")
    assert brief(events)[-2:] == [("call.answered", "06:00:40Z"), ("call.ended", "06:00:40Z")]
    assert events[-1]["talk_ms"] == 0
    assert events[0]["repairs"] == [
        "service times missing: answered at the end of the wait, talk_ms 0"
    ]
    events = events_of(tmp_path, f"{STRAIGHT} AGENT 0:00:00 0:00:00 0 AGENT_03")
    assert brief(events)[-2:] == [("call.answered", "06:00:10Z"), ("call.ended", "06:00:10Z")]


def test_clock_times_past_midnight_are_the_next_days(tmp_path: Path) -> None:
    row = "BB01 7 0 1 PS 990101 23:59:00 23:59:10 10 23:59:10 0:00:00 50 AGENT 0:00:00 0:01:30 90 A"
    # January is winter time: 23:59 is 21:59 UTC, midnight 22:00.
    assert brief(events_of(tmp_path, row)) == [
        ("ivr.started", "21:59:00Z"),
        ("ivr.ended", "21:59:10Z"),
        ("call.queued", "21:59:10Z"),
        ("call.answered", "22:00:00Z"),
        ("call.ended", "22:01:30Z"),
    ]


def test_a_step_back_of_seconds_is_not_midnight(tmp_path: Path) -> None:
    row = "BB01 7 0 1 PS 990101 9:00:50 9:00:10 -40 9:00:10 9:01:00 50 AGENT 9:01:00 9:02:00 60 A"
    source = source_of(tmp_path, row)
    events = [json.loads(payload) for payload in source.events()]
    assert brief(events)[:3] == [
        ("ivr.ended", "07:00:10Z"),
        ("call.queued", "07:00:10Z"),
        ("ivr.started", "07:00:50Z"),
    ]
    assert "ivr_ms" not in events[0]
    assert events[2]["repairs"] == ["negative ivr_ms dropped"]
    assert source.repairs == {"negative ivr_ms dropped": 1}


def test_a_step_back_over_midnight_is_the_day_before(tmp_path: Path) -> None:
    row = f"BB01 7 0 1 PS 990102 0:00:05 23:59:55 -10 0:00:00 0:00:00 0 HANG {NEVER}"
    events = events_of(tmp_path, row)
    assert [event["occurred_at"] for event in events] == [
        "1999-01-01T21:59:55Z",
        "1999-01-01T21:59:55Z",
        "1999-01-01T22:00:05Z",
    ]


def test_events_of_many_rows_leave_in_order_of_occurrence(tmp_path: Path) -> None:
    later = f"{WAITED} AGENT 9:00:39 9:02:00 81 A".replace("990601", "990602")
    source = source_of(tmp_path, later, f"{STRAIGHT} HANG {NEVER}", f"{WAITED} HANG {NEVER}")
    times = [json.loads(payload)["occurred_at"] for payload in source.events()]
    assert times == sorted(times)
    assert len(times) == 5 + 3 + 4
    assert source.allowed_lateness_ms == 0


def test_priority_and_type_that_run_together_are_split(tmp_path: Path) -> None:
    source = source_of(tmp_path, f"{WAITED} HANG {NEVER}".replace("2 PS", "2PS"))
    queued = [e for e in map(json.loads, source.events()) if e["event_type"] == "call.queued"]
    assert [(event["queue"], event["priority"]) for event in queued] == [("PS", "2")]
    assert source.repairs == {"priority and type run together: split": 1}


def test_a_customer_that_a_spreadsheet_rounded_is_unknown(tmp_path: Path) -> None:
    source = source_of(tmp_path, f"{WAITED} HANG {NEVER}".replace("12345678", "3.27E+11"))
    assert not any("customer_id" in json.loads(payload) for payload in source.events())
    assert source.repairs == {"customer_id rounded by a spreadsheet (3.27E+11): dropped": 1}


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (" NO_SERVER", "", "it has 16 fields, not 17"),
        ("NO_SERVER", "NO_SERVER x", "it has 18 fields, not 17"),
        ("HANG", "LOST", "outcome is 'LOST', not AGENT, HANG or PHANTOM"),
        ("9:00:40", "9:00:4x", "q_exit is '9:00:4x', not a clock time H:MM:SS"),
        ("9:00:40", "25:00:40", "q_exit is '25:00:40', not a clock time H:MM:SS"),
        ("990601", "990631", "date is '990631', not a day written YYMMDD"),
        (" 30 ", " thirty ", "q_time is 'thirty', not a number of seconds up to a week"),
        (" 30 ", " 604801 ", "q_time is '604801', not a number of seconds up to a week"),
        (" 30 ", " -30 ", "q_time is negative"),
        ("12345678", "12a", "customer_id is '12a', not a number"),
        ("BB01", "", "vru+line is empty or longer than 40 characters"),
    ],
)
def test_a_row_that_cannot_be_read_is_a_dead_letter_that_names_it(
    tmp_path: Path, old: str, new: str, problem: str
) -> None:
    good = f"{WAITED} HANG {NEVER}"
    payloads = [*source_of(tmp_path, good, good.replace(old, new, 1)).events()]
    assert len(payloads) == 1 + 4
    letter = Decoder().decode(payloads[0], INGEST_MS)
    assert isinstance(letter, DeadLetter)
    assert letter.reason is DeadLetterReason.UNREADABLE_ROW
    assert letter.detail == (
        f"Row 3 cannot be read: {problem} (calls.tsv); correct it and send it again."
    )
    assert (letter.site, letter.source) == ("bank", "bank-calls")
    assert json.loads(letter.payload)["content"].split("\t") == good.replace(old, new, 1).split(" ")


def test_bytes_that_are_not_text_are_one_bad_row(tmp_path: Path) -> None:
    path = tmp_path / "calls.tsv"
    good = "\t".join(f"{WAITED} HANG {NEVER}".split(" ")).encode()
    path.write_bytes(HEADER.encode() + b"\r\n\xff\xfe\0\r\n\r\n" + good + b"\r\n")
    source = BankCalls(path, "bank", JERUSALEM)
    kinds = [json.loads(payload)["event_type"] for payload in source.events()]
    assert kinds[0] == "source.unreadable_row"
    assert len(kinds) == 1 + 4
    assert source.skipped == {"blank line": 1}


@pytest.mark.parametrize("content", [b"", b"a,b,c\n1,2,3\n", b"\xff\xfe\n"])
def test_another_format_is_refused_with_the_columns_it_needs(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "other.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"vru\+line call_id customer_id priority type date"):
        list(BankCalls(path, "bank", JERUSALEM).events())


def test_a_file_that_breaks_off_gives_the_events_of_its_whole_rows(tmp_path: Path) -> None:
    rows = [
        "\t".join(f"{WAITED} HANG {NEVER}".replace(" 7 ", f" {n} ").split(" ")) for n in range(99)
    ]
    path = tmp_path / "calls.tsv.gz"
    path.write_bytes(gzip.compress("\n".join([HEADER, *rows, ""]).encode())[:-9])
    payloads: list[bytes] = []

    def collect() -> None:
        for payload in BankCalls(path, "bank", JERUSALEM).events():
            payloads.append(payload)

    with pytest.raises(InputError, match="ends early"):
        collect()
    assert len(payloads) >= 4 * 90
    assert len(payloads) % 4 == 0


# --- The real month ------------------------------------------------------------------------------

DATA = Path(__file__).parents[3] / "shared" / "data" / "calls"
MONTH = DATA / "bank_january1999.tsv.gz"
DAILY = DATA / "bank_january1999_daily_kpis.csv"
needs_data = pytest.mark.skipif(
    not MONTH.exists(), reason=f"needs the bank's calls: put bank_january1999.tsv.gz in {DATA}"
)


@pytest.fixture(scope="module")
def month() -> list[dict[str, Any]]:
    """Read the real month; every payload must be an event."""
    decoder = Decoder()
    payloads = list(BankCalls(MONTH, "bank", JERUSALEM).events())
    assert not any(isinstance(decoder.decode(p, INGEST_MS), DeadLetter) for p in payloads)
    return [json.loads(payload) for payload in payloads]


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    """Read the same file with another reader."""
    text = gzip.decompress(MONTH.read_bytes()).decode()
    return list(csv.DictReader(io.StringIO(text), delimiter="\t"))


@pytest.mark.real_data
@needs_data
def test_the_months_counts_are_known(month: list[dict[str, Any]]) -> None:
    counts = Counter((event["event_type"], event.get("phase")) for event in month)
    assert counts == {
        ("ivr.started", None): 31_599,
        ("ivr.ended", None): 31_599,
        ("call.queued", None): 30_161,
        ("call.answered", None): 27_060,
        ("call.abandoned", "queue"): 3_101,
        ("call.abandoned", "ivr"): 1_198,
        ("call.failed", None): 240,
        ("call.ended", None): 27_060 + 82 + 240,
    }
    assert len({event["contact_id"] for event in month}) == 31_599
    assert len({event["event_id"] for event in month}) == len(month)
    assert [event["occurred_at"] for event in month] == sorted(
        event["occurred_at"] for event in month
    )


@pytest.mark.real_data
@needs_data
def test_the_months_repairs_are_known() -> None:
    source: Source = BankCalls(MONTH, "bank", JERUSALEM)
    for _ in source.events():
        pass
    assert source.repairs == {
        "negative ivr_ms dropped": 33,
        "service times missing: answered at the end of the wait, talk_ms 0": 42,
        "customer_id rounded by a spreadsheet (3.27E+11): dropped": 24,
    }
    assert source.skipped == {}
    assert source.position == source.size == MONTH.stat().st_size


@pytest.mark.real_data
@needs_data
def test_no_second_of_waiting_or_talk_is_lost_or_counted_twice(
    month: list[dict[str, Any]], rows: list[dict[str, str]]
) -> None:
    ours: Counter[tuple[str, str]] = Counter()
    theirs: Counter[tuple[str, str]] = Counter()
    for event in month:
        day = event["contact_id"].split("-")[2]
        ours[day, "wait"] += event.get("wait_ms", 0)
        ours[day, "talk"] += event.get("talk_ms", 0)
        ours[day, "menu"] += event.get("ivr_ms", 0)
    for row in rows:
        theirs[row["date"], "wait"] += int(row["q_time"]) * 1000
        theirs[row["date"], "talk"] += int(row["ser_time"]) * 1000
        theirs[row["date"], "menu"] += max(int(row["vru_time"]), 0) * 1000
    assert ours == theirs
    assert len(ours) == 3 * 29


@pytest.mark.real_data
@needs_data
def test_a_third_partys_daily_table_follows_from_the_events(month: list[dict[str, Any]]) -> None:
    sums: Counter[tuple[str, str]] = Counter()
    for event in month:
        date = event["contact_id"].split("-")[2]
        day = f"19{date[:2]}-{date[2:4]}-{date[4:]}"
        sums[day, event["event_type"]] += 1
        sums[day, "wait_ms"] += event.get("wait_ms", 0)
        sums[day, "talk_ms"] += event.get("talk_ms", 0)
    table = list(csv.DictReader(io.StringIO(DAILY.read_text())))
    assert len(table) == 29
    for line in table:
        day, calls = line["date"], int(line["total_calls"])
        assert sums[day, "ivr.started"] == calls
        assert sums[day, "call.abandoned"] == int(line["hangs"])
        # Its means are over all calls, hang-ups as 0 s.
        assert sums[day, "wait_ms"] / calls / 1000 == pytest.approx(
            float(line["avg_queue_time"]), abs=0.005
        )
        assert sums[day, "talk_ms"] / calls / 1000 == pytest.approx(
            float(line["avg_service_time"]), abs=0.005
        )
