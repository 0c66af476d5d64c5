"""Workbooks: typed cells are read, what is no plain value is refused with its place."""

from __future__ import annotations

import zipfile
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import InputError
from pipeline.sources import tables
from tests.sources.tables import (
    CALLS,
    HEADER,
    events_of,
    mapping_file,
    payloads_of,
    problem_of,
    xlsx_file,
)

NINE = datetime.combine(date(2026, 3, 2), time(9))
ROW: list[Any] = ["a1", NINE, "vip", 13800001111, "ok", 12, "li"]


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    return mapping_file(tmp_path, sheet="Calls")


def test_typed_cells(tmp_path: Path, mapping: Path) -> None:
    events = events_of(xlsx_file(tmp_path, HEADER, ROW), mapping)
    assert [event["occurred_at"][11:19] for event in events] == ["01:00:00", "01:00:12"]
    assert events[0]["phone"] == "13800001111"
    assert events[1]["wait_ms"] == 12_000


def test_dates_and_clock_times_of_their_own(tmp_path: Path) -> None:
    queued = {
        "type": "call.queued",
        "at": {"columns": ["Day", "Clock"], "plus": {"column": "Later", "unit": "h:mm:ss"}},
        "fields": {"queue": {"constant": "vip"}},
    }
    mapping = mapping_file(tmp_path, CALLS, sheet="Calls", events=[queued])
    head = ["No", "Day", "Clock", "Later"]
    rows = [
        [1, date(2026, 3, 2), time(9, 0, 5), timedelta(hours=1, seconds=2)],
        [2, NINE.replace(hour=0), time(9, 0, 5), time(1, 0, 2)],
        [3, "2026-03-02", "09:00:05", "1:00:02"],
    ]
    events = events_of(xlsx_file(tmp_path, head, *rows), mapping)
    # 9:00:05 in Shanghai, and 1 h 2 s: 2:00:07 UTC.
    assert {event["occurred_at"][11:19] for event in events} == {"02:00:07"}
    assert [event["contact_id"] for event in events] == ["1", "2", "3"]


def test_a_formula_is_refused_with_its_cell(tmp_path: Path, mapping: Path) -> None:
    file = xlsx_file(tmp_path, HEADER, ROW, [*ROW[:5], "=B2*60", "li"])
    with pytest.raises(
        InputError,
        match=r"cell F3: column 'Waited' holds the formula '=B2\*60'; copy the column, paste it as "
        "values, and save",
    ):
        payloads_of(file, mapping)


def test_a_formula_where_nobody_reads_is_nobodys_concern(tmp_path: Path, mapping: Path) -> None:
    file = xlsx_file(tmp_path, [*HEADER, "Sum"], [*ROW, "=SUM(F2:F9)"])
    assert len(events_of(file, mapping)) == 2


def test_an_error_is_refused_with_its_cell(tmp_path: Path, mapping: Path) -> None:
    file = xlsx_file(tmp_path, HEADER, [*ROW[:5], "#N/A", "li"])
    with pytest.raises(InputError, match=r"cell F2: column 'Waited' is the error #N/A; correct it"):
        payloads_of(file, mapping)


def test_merged_cells_are_refused_with_their_range(tmp_path: Path, mapping: Path) -> None:
    rows: list[list[Any]] = [HEADER, ROW, [*ROW[:2], None, *ROW[3:]]]
    with pytest.raises(
        InputError, match=r"cells C2:C3 are merged, in column 'Queue'; unmerge them and fill in"
    ):
        payloads_of(xlsx_file(tmp_path, *rows, merge="C2:C3"), mapping)
    title: list[list[Any]] = [["Calls of March"], HEADER, ROW]
    below = mapping_file(tmp_path, sheet="Calls", header_row=2)
    assert len(events_of(xlsx_file(tmp_path, *title, merge="A1:G1"), below)) == 2


def test_dates_that_are_only_numbers(tmp_path: Path, mapping: Path) -> None:
    file = xlsx_file(tmp_path, HEADER, ["a1", 46083.375, *ROW[2:]])
    assert (
        "column 'In' is '<8 digits>', not a time as 2026-03-01 08:00:00 (ISO 8601); if it is a "
        "date of Excel's, format the column as a date or add excel to time_formats"
    ) in problem_of(file, mapping)
    excel = mapping_file(tmp_path, sheet="Calls", time_formats=["excel"])
    assert events_of(file, excel)[0]["occurred_at"] == "2026-03-02T01:00:00+00:00"


def test_a_number_too_long_for_excel(tmp_path: Path, mapping: Path) -> None:
    file = xlsx_file(tmp_path, HEADER, [622202020202020200, *ROW[1:]])
    assert "whose last digits Excel has lost; format the column as text" in problem_of(
        file, mapping
    )


def test_a_sheet_or_column_that_is_not_there(tmp_path: Path, mapping: Path) -> None:
    file = xlsx_file(tmp_path, HEADER, ROW, sheet="March")
    with pytest.raises(InputError, match=r"has no sheet 'Calls'; its sheets: Sheet, March"):
        payloads_of(file, mapping)
    with pytest.raises(InputError, match="has no column 'Waited' in row 1"):
        payloads_of(xlsx_file(tmp_path, HEADER[:5], ROW[:5]), mapping)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"No,In\n", "is no .xlsx workbook"),
        (b"\xd0\xcf\x11\xe0rest", "is an .xls or protected workbook; save it as .xlsx"),
        (b"PK\x03\x04broken", "is no .xlsx workbook"),
    ],
)
def test_what_is_no_workbook(tmp_path: Path, mapping: Path, content: bytes, words: str) -> None:
    file = tmp_path / "calls.xlsx"
    file.write_bytes(content)
    with pytest.raises(InputError, match=words):
        payloads_of(file, mapping)


def test_a_workbook_that_unpacks_to_too_much(
    tmp_path: Path, mapping: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = xlsx_file(tmp_path, HEADER, ROW)
    monkeypatch.setattr(tables, "MAX_UNPACKED", 5000)
    with pytest.raises(InputError, match="bytes, more than 5,000; split it, or save it as CSV"):
        payloads_of(file, mapping)


def test_a_workbook_with_too_many_texts(
    tmp_path: Path, mapping: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = xlsx_file(tmp_path, HEADER, ROW)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("xl/more/sharedStrings.xml", "<sst>" + "<si><t>x</t></si>" * 1000)
    monkeypatch.setattr(tables, "MAX_STRINGS", 9000)
    with pytest.raises(InputError, match="bytes of texts, more than 9,000; split it, or save it"):
        payloads_of(file, mapping)
