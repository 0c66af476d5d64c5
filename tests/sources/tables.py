"""Mappings and tables made up on the spot, and what becomes of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from openpyxl import Workbook

from pipeline.config import load_mapping
from pipeline.decode import DeadLetter, Decoder
from pipeline.sources.mapped import MappedTable
from pipeline.sources.tables import table_of

SHANGHAI = ZoneInfo("Asia/Shanghai")

CALLS: dict[str, Any] = {
    "format": 1,
    "source": "export",
    "key": ["No"],
    "fields": {"contact_id": "No"},
    "events": [
        {"type": "call.queued", "at": "In", "fields": {"queue": "Queue", "phone": "Caller"}},
        {
            "type": "call.answered",
            "when": {"column": "Result", "is": "ok"},
            "at": {"column": "In", "plus": {"column": "Waited", "unit": "s"}},
            "fields": {"agent_id": "Agent", "wait_ms": {"column": "Waited", "unit": "s"}},
        },
    ],
}
HEADER = ["No", "In", "Queue", "Caller", "Result", "Waited", "Agent"]
ANSWERED = ["a1", "2026-03-02 09:00:00", "vip", "13800001111", "ok", "12", "li"]
LOST = ["a2", "2026-03-02 08:00:00", "vip", "", "lost", "", ""]


def mapping_file(directory: Path, content: dict[str, Any] = CALLS, **changes: Any) -> Path:
    """Write a mapping."""
    path = directory / "mapping.yaml"
    path.write_text(yaml.safe_dump(content | changes, allow_unicode=True))
    return path


def csv_file(directory: Path, *rows: list[str], encoding: str = "utf-8") -> Path:
    """Write a table as text."""
    path = directory / "calls.csv"
    path.write_bytes("\r\n".join(",".join(row) for row in rows).encode(encoding))
    return path


def xlsx_file(directory: Path, *rows: list[Any], sheet: str = "Calls", merge: str = "") -> Path:
    """Write a table as a workbook, whose first sheet is empty."""
    path = directory / "calls.xlsx"
    book = Workbook()
    page = book.create_sheet(sheet)
    for row in rows:
        page.append(row)
    if merge:
        page.merge_cells(merge)
    book.save(path)
    return path


def source_of(file: Path, mapping: Path) -> MappedTable:
    """The source of a table and its mapping."""
    checked = load_mapping(mapping)
    form = file.suffix.removeprefix(".")
    return MappedTable(table_of(file, form, checked), checked, file, "example", SHANGHAI)


def payloads_of(file: Path, mapping: Path) -> list[dict[str, Any]]:
    """What a table becomes, dead letters among it."""
    return [json.loads(payload) for payload in source_of(file, mapping).events()]


def events_of(file: Path, mapping: Path) -> list[dict[str, Any]]:
    """The events of a table in which nothing is amiss."""
    payloads = payloads_of(file, mapping)
    for payload in payloads:
        verdict = Decoder().decode(json.dumps(payload).encode(), 1 << 62)
        assert not isinstance(verdict, DeadLetter), verdict.detail
    return payloads


def problem_of(file: Path, mapping: Path) -> str:
    """Why the one bad row of a table is bad."""
    (problem,) = (p["problem"] for p in payloads_of(file, mapping) if "problem" in p)
    return str(problem)
