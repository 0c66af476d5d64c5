"""Tables with odd headers, and what a mapping makes of their rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import InputError
from tests.sources.tables import (
    ANSWERED,
    CALLS,
    HEADER,
    LOST,
    csv_file,
    events_of,
    mapping_file,
    payloads_of,
    problem_of,
    source_of,
)

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "calls-table.yaml"


def with_cell(column: str, value: str) -> list[str]:
    return [value if name == column else cell for name, cell in zip(HEADER, ANSWERED, strict=True)]


def test_one_row_is_several_events_and_all_are_in_the_order_of_time(tmp_path: Path) -> None:
    events = events_of(csv_file(tmp_path, HEADER, ANSWERED, LOST), mapping_file(tmp_path))
    common = {"site": "example", "source": "export"}
    # 9:00 in Shanghai is 1:00 UTC; the row without a result is earlier and waits for no one.
    assert events == [
        common
        | {
            "event_id": "export:a2:call.queued",
            "event_type": "call.queued",
            "occurred_at": "2026-03-02T00:00:00+00:00",
            "contact_id": "a2",
            "queue": "vip",
        },
        common
        | {
            "event_id": "export:a1:call.queued",
            "event_type": "call.queued",
            "occurred_at": "2026-03-02T01:00:00+00:00",
            "contact_id": "a1",
            "queue": "vip",
            "phone": "13800001111",
        },
        common
        | {
            "event_id": "export:a1:call.answered",
            "event_type": "call.answered",
            "occurred_at": "2026-03-02T01:00:12+00:00",
            "contact_id": "a1",
            "agent_id": "li",
            "wait_ms": 12_000,
        },
    ]


def test_reading_twice_gives_the_same(tmp_path: Path) -> None:
    file, mapping = csv_file(tmp_path, HEADER, ANSWERED, LOST), mapping_file(tmp_path)
    assert [*source_of(file, mapping).events()] == [*source_of(file, mapping).events()]


def test_the_example_reads_what_its_comment_shows(tmp_path: Path) -> None:
    shown = [line[4:] for line in EXAMPLE.read_text().splitlines()[2:5]]
    file = tmp_path / "calls.csv"
    file.write_bytes("\r\n".join(shown).encode("gb18030"))
    events = events_of(file, EXAMPLE)
    assert [event["event_type"] for event in events] == [
        *("call.queued", "call.answered", "call.queued", "call.abandoned"),
        *("call.ended", "call.acw_ended"),
    ]
    assert [event["queue"] for event in events if event["event_type"] == "call.queued"] == [
        *("complaints", "general")
    ]
    # 12 s waited, 4 min talked, 20 s after; 45 s waited.
    told = [event.get("wait_ms") or event.get("talk_ms") or event.get("acw_ms") for event in events]
    assert told == [None, 12_000, None, 45_000, 240_000, 20_000]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_byte_order_mark_is_not_part_of_the_first_column(tmp_path: Path, encoding: str) -> None:
    file = csv_file(tmp_path, HEADER, ANSWERED, encoding=encoding)
    assert len(events_of(file, mapping_file(tmp_path))) == 2


def test_another_encoding_is_named_with_its_remedy(tmp_path: Path) -> None:
    file = csv_file(tmp_path, HEADER, with_cell("Queue", "投诉"), encoding="gb18030")
    with pytest.raises(InputError, match=r"row 2: byte .* is not utf-8; .*encoding: gb18030"):
        payloads_of(file, mapping_file(tmp_path))
    (event, _) = events_of(file, mapping_file(tmp_path, encoding="GB18030"))
    assert event["queue"] == "投诉"


def test_a_file_that_is_no_csv(tmp_path: Path) -> None:
    file, mapping = tmp_path / "calls.csv", mapping_file(tmp_path)
    for content, words in (
        (b"PK\x03\x04rest", "is an Excel workbook; use --format xlsx"),
        ("No,In".encode("utf-16"), "is UTF-16; save it as CSV UTF-8"),
        (b"", "has no column 'No' in row 1"),
    ):
        file.write_bytes(content)
        with pytest.raises(InputError, match=words):
            payloads_of(file, mapping)


def test_columns_that_are_not_there_or_there_twice(tmp_path: Path) -> None:
    mapping = mapping_file(tmp_path)
    odd = ["No", "In", "Queues", "Caller", "Result", "Waited", "Agent"]
    with pytest.raises(
        InputError,
        match=r"has no column 'Queue' in row 1, which the mapping reads for queue of call\.queued; "
        r"did you mean 'Queues'\?",
    ):
        payloads_of(csv_file(tmp_path, odd, ANSWERED), mapping)
    with pytest.raises(InputError, match="has 2 columns 'In', which the mapping reads for at of"):
        payloads_of(csv_file(tmp_path, [*HEADER, "In"], [*ANSWERED, ""]), mapping)
    # What is not read may be there as often as it likes.
    assert len(events_of(csv_file(tmp_path, [*HEADER, "x", "x"], ANSWERED), mapping)) == 2


def test_a_header_further_down(tmp_path: Path) -> None:
    file = csv_file(tmp_path, ["Calls of March"], [], HEADER, ANSWERED)
    assert len(events_of(file, mapping_file(tmp_path, header_row=3))) == 2


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("In", "yesterday", "column 'In' is 'yesterday', not a time as 2026-03-01 08:00:00"),
        ("In", "45352.375", "if it is a date of Excel's, format the column as a date or add excel"),
        ("In", "", "column 'In' is empty, the time of call.queued"),
        ("Waited", "soon", "column 'Waited' is 'soon', no duration in s; correct cell or unit"),
        ("Waited", "-5", "no duration in s"),
        ("Waited", "0:12", "no duration in s"),
        ("No", "", "column 'No' is empty, which names the row; fill it in"),
        ("Caller", "1.38E+10", "a number that a spreadsheet has shortened"),
        ("Queue", "a,b", "it has 8 cells, the header 7"),
    ],
)
def test_a_row_that_cannot_be_read_is_named(
    tmp_path: Path, column: str, value: str, words: str
) -> None:
    file = csv_file(tmp_path, HEADER, ANSWERED, with_cell(column, value))
    payloads = payloads_of(file, mapping_file(tmp_path))
    assert payloads[0]["row"] == 3
    assert words in payloads[0]["problem"]
    assert len(payloads) == 3  # and the good row's two


def test_a_quotation_mark_that_is_not_closed(tmp_path: Path) -> None:
    long = ['"' + "x" * 200_000]
    assert "look for a quotation mark" in problem_of(
        csv_file(tmp_path, HEADER, ANSWERED, long), mapping_file(tmp_path)
    )


def test_rows_that_no_rule_applies_to_are_counted(tmp_path: Path) -> None:
    rules = [CALLS["events"][1]]
    source = source_of(
        csv_file(tmp_path, HEADER, ANSWERED, LOST), mapping_file(tmp_path, events=rules)
    )
    assert len([*source.events()]) == 1
    assert source.skipped == {"row that no rule applies to": 1}


@pytest.mark.parametrize(
    ("value", "formats", "utc"),
    [
        ("2026-03-02T09:00:00+09:00", [], "2026-03-02T00:00:00+00:00"),
        ("2026-03-02 09:00:00.5", [], "2026-03-02T01:00:00.500000+00:00"),
        ("2/3/2026 9:00", ["%d/%m/%Y %H:%M"], "2026-03-02T01:00:00+00:00"),
        ("2/3/2026 9:00 +0100", ["%d.%m.%Y", "%d/%m/%Y %H:%M %z"], "2026-03-02T08:00:00+00:00"),
        # 46083 days after 1899-12-30 is 2026-03-02; 0.375 of a day is 9:00.
        ("46083.375", ["excel"], "2026-03-02T01:00:00+00:00"),
        ("1772442000", ["unix"], "2026-03-02T09:00:00+00:00"),
        ("1772442000500", ["unix_ms"], "2026-03-02T09:00:00.500000+00:00"),
    ],
)
def test_times(tmp_path: Path, value: str, formats: list[str], utc: str) -> None:
    mapping = mapping_file(tmp_path, time_formats=formats)
    events = events_of(csv_file(tmp_path, HEADER, with_cell("In", value)), mapping)
    assert events[0]["occurred_at"] == utc


@pytest.mark.parametrize(
    ("value", "unit", "ms"),
    [
        ("12", "s", 12_000),
        ("12.345", "s", 12_345),
        ("12", "ms", 12),
        ("1.5", "min", 90_000),
        ("1", "h", 3_600_000),
        ("1:02:03", "h:mm:ss", 3_723_000),
        ("02:03", "h:mm:ss", 123_000),
    ],
)
def test_durations(tmp_path: Path, value: str, unit: str, ms: int) -> None:
    queued, answered = CALLS["events"]
    waited = {"column": "Waited", "unit": unit}
    changed: dict[str, Any] = answered | {
        "at": "In",
        "fields": {"agent_id": "Agent", "wait_ms": waited},
    }
    mapping = mapping_file(tmp_path, events=[queued, changed])
    events = events_of(csv_file(tmp_path, HEADER, with_cell("Waited", value)), mapping)
    assert events[1]["wait_ms"] == ms


SURVEY = {
    "format": 1,
    "source": "survey",
    "key": ["id"],
    "version": "changed",
    "empty": ["", "n/a"],
    "events": [
        {
            "type": "survey.responded",
            "at": "day",
            "fields": {
                "survey_id": "id",
                "items.overall": {"column": "q1", "values": {"good": 5, "bad": 1}},
                "items.wait": "q2",
                "nps": "nps",
                "comment": {"columns": ["c1", "c2"]},
            },
        }
    ],
}


def test_parts_of_an_answer_values_and_versions(tmp_path: Path) -> None:
    head = ["id", "changed", "day", "q1", "q2", "nps", "c1", "c2"]
    row = ["s1", "2026-03-03 09:00:00", "2026-03-02", "good", "n/a", "9", "long", "wait"]
    (event,) = events_of(csv_file(tmp_path, head, row), mapping_file(tmp_path, SURVEY))
    assert event["items"] == {"overall": 5}
    assert (event["nps"], event["comment"]) == (9, "long wait")
    assert event["version"] == 1_772_499_600_000  # 2026-03-03T01:00:00Z
    odd = [*row[:3], "so-so", *row[4:]]
    assert "column 'q1' is 'so-so', not one of bad, good; add it to values" in problem_of(
        csv_file(tmp_path, head, odd), mapping_file(tmp_path, SURVEY)
    )
    numbered = ["s1", "7", *row[2:]]
    (event,) = events_of(csv_file(tmp_path, head, numbered), mapping_file(tmp_path, SURVEY))
    assert event["version"] == 7


def test_lists_and_yes_or_no(tmp_path: Path) -> None:
    rules = [
        {
            "type": "ticket.replied",
            "at": "t",
            "fields": {
                "ticket_id": "id",
                "auto": "auto",
                "urgent_reasons": {"column": "why", "split": ";"},
            },
        }
    ]
    mapping = mapping_file(tmp_path, CALLS, key=["id"], fields={}, events=rules)
    rows = [["1", "2026-03-02", "是", "media; legal"], ["2", "2026-03-02", "no", ""]]
    events = events_of(csv_file(tmp_path, ["id", "t", "auto", "why"], *rows), mapping)
    assert [(e["auto"], e.get("urgent_reasons")) for e in events] == [
        (True, ["media", "legal"]),
        (False, None),
    ]
    odd = csv_file(tmp_path, ["id", "t", "auto", "why"], ["1", "2026-03-02", "maybe", ""])
    assert "column 'auto' is 'maybe', neither true nor false" in problem_of(odd, mapping)
