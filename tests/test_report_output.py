"""A report as people read it, in both languages, and as programs do: CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
import math

import pytest
from clickhouse_driver import Client

from pipeline.report import ReportTable
from pipeline.report_output import as_csv, as_json, as_text
from tests.test_report import put_minutes, report


@pytest.fixture
def site(request: pytest.FixtureRequest) -> str:
    """A site of this test alone, so tests cannot see each other's rows."""
    return str(request.node.name)


@pytest.fixture
def small(store: Client, site: str) -> ReportTable:
    put_minutes(
        store,
        site,
        {
            "dims": "queue",
            "queue": "[red]",
            "contacts": 1,
            "offered": 1234,
            "sl_offered": 3,
            "answered_in_threshold": 2,
        },
        {"dims": "queue", "contacts": 1, "offered": 1},
    )
    return report(store, site, "offered", "service_level", "ivr_containment", group=["queue"])


def test_text_is_aligned_and_says_what_is_missing(small: ReportTable) -> None:
    assert as_text(small).splitlines() == [
        "period       queue    Offered   Service level V1 (%)   IVR containment (%)",
        "─" * 74,
        "2026-01-05   (none)         1                      -                     -",
        "2026-01-05   [red]      1,234                  66.67                     -",
        "Service level V1: answered in threshold ÷ (offered − short)",
        "IVR containment: not available: needs voice-menu sessions and their outcome after 24 h, "
        "which are not built yet",
    ]


def test_text_in_chinese(small: ReportTable) -> None:
    text = as_text(small, "zh")
    assert "来电量" in text
    assert "服务水平 V1 (%)" in text
    assert "（无）" in text
    assert "自助解决率: 不可用: 需要自助会话事件与 24 小时后的结论，尚未提供" in text


def test_nothing_is_said_in_words(store: Client) -> None:
    empty = report(store, "nobody", "offered")
    assert as_text(empty) == "no contacts in this range\n"
    assert as_csv(empty) == "period,offered\n"
    assert json.loads(as_json(empty))["rows"] == []


def test_csv_and_json_carry_plain_numbers(small: ReportTable) -> None:
    rows = list(csv.reader(io.StringIO(as_csv(small))))
    assert rows[0] == ["period", "queue", "offered", "service_level", "ivr_containment"]
    assert rows[1] == ["2026-01-05", "", "1", "", ""]
    assert rows[2][:3] == ["2026-01-05", "[red]", "1234"]
    assert math.isclose(float(rows[2][3]), 200 / 3)
    data = json.loads(as_json(small))
    assert data["columns"][1]["unit"] == "%"
    assert data["columns"][2]["available"] is False
    assert data["rows"][0] == {
        "period": "2026-01-05",
        "group": {"queue": ""},
        "values": {"offered": 1, "service_level": None, "ivr_containment": None},
    }
