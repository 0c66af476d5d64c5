"""Values of which something later may still change are marked, until it has had its time."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from clickhouse_driver import Client

from pipeline.report import ReportTable
from pipeline.report_output import as_csv, as_json, as_text
from schemas.catalogue import load_catalogue
from schemas.repeats import Repeats
from tests.test_report import MONDAY, at, report
from tests.test_report_joined import put_rows


@pytest.fixture
def site(request: pytest.FixtureRequest) -> str:
    return str(request.node.name)


def put_chains(store: Client, site: str, *rows: dict[str, Any]) -> None:
    """Write base rows of contact chains; what is not given is '' or 0."""
    put_rows(store, "contact_chains", site, *rows)


def marked(table: ReportTable) -> dict[str, frozenset[int]]:
    return {row.period: row.provisional for row in table.rows}


@pytest.fixture
def fortnight(store: Client, site: str) -> str:
    """Four contacts on Monday 5 January, one came back; the last that is heard of is of the 13th.

    Its minute is that from 00:00 to 00:01, so all before 00:01 is known.
    """
    heard = {"traced": 1, "traced_issue": 1}
    monday = {"traced": 4, "contacted_again": 1, "traced_issue": 4, "followed_same": 1}
    put_chains(
        store,
        site,
        monday,
        {**heard, "minute": at(day=1)},
        {**heard, "minute": at(day=8), "complaint_contacts": 2},
    )
    return site


def test_a_day_is_final_when_its_week_has_passed(store: Client, fortnight: str) -> None:
    """The 5th is over at 00:00 on the 6th; 7 days later is the 13th, which was heard of."""
    table = report(store, fortnight, "fcr_system", "traced=traced")
    assert [row.values[0] for row in table.rows] == [75.0, 100.0, 100.0]
    assert marked(table) == {
        "2026-01-05": frozenset(),
        "2026-01-06": frozenset({0}),
        "2026-01-13": frozenset({0}),
    }


def test_the_window_is_the_sites(store: Client, fortnight: str) -> None:
    shorter = report(store, fortnight, "fcr_system", repeats=Repeats(resolution_days=6.0))
    assert marked(shorter)["2026-01-06"] == frozenset()
    longer = report(store, fortnight, "fcr_system", repeats=Repeats(resolution_days=8.0))
    assert marked(longer)["2026-01-05"] == frozenset({0})


@pytest.mark.parametrize(
    ("by", "provisional"),
    [
        ("minute", [False, False, True]),
        ("hour", [False, False, True]),
        ("week", [True, True]),
        ("month", [True]),
        ("total", [True]),
    ],
)
def test_periods_of_any_length(
    store: Client, fortnight: str, by: str, provisional: list[bool]
) -> None:
    """Tuesday's contact is of 00:00 to 00:01: a week after that is the end of what is heard of."""
    table = report(store, fortnight, "fcr_system", by=by)
    if by == "hour":  # the hour ends at 01:00, of which nothing is known yet
        provisional = [False, True, True]
    assert [bool(row.provisional) for row in table.rows] == provisional


def test_a_period_that_the_report_cuts_off_ends_there(store: Client, fortnight: str) -> None:
    until = MONDAY + timedelta(days=1)
    assert marked(report(store, fortnight, "fcr_system", by="total", end=until)) == {
        "total": frozenset()
    }


def test_nothing_to_divide_is_not_provisional(store: Client, fortnight: str) -> None:
    table = report(store, fortnight, "one_stop_rate", "fcr_system")
    assert [row.values[0] for row in table.rows] == [None, None, 100.0]
    assert marked(table)["2026-01-06"] == frozenset({1})
    assert marked(table)["2026-01-13"] == frozenset({0, 1})


def test_the_mark_is_in_every_form(store: Client, fortnight: str) -> None:
    table = report(store, fortnight, "fcr_system", "traced=traced")
    text = as_text(table).splitlines()
    assert "75.00 " in text[2]
    assert "100.00~" in text[3]
    assert text[-1] == (
        "~ First-contact resolution, system: provisional: what happens within 7 d of the period "
        "may still change it"
    )
    assert "暂定值，时段结束后 7 天 内发生的事仍会改变它" in as_text(table, "zh")
    rows = list(csv.reader(io.StringIO(as_csv(table))))
    assert [row[-1] for row in rows] == ["provisional", "", "fcr_system", "fcr_system"]
    data = json.loads(as_json(table))
    assert [column["look_ahead_s"] for column in data["columns"]] == [7 * 86_400, None]
    assert [row["provisional"] for row in data["rows"]] == [[], ["fcr_system"], ["fcr_system"]]


def test_settled_values_have_a_look_ahead_or_say_why_not() -> None:
    """Of those that can be computed, what waits for later things says for how long.

    A ticket may be reworked, and a customer be heard on it, as long as it lives; a check for parity
    has been made.
    """
    metrics = load_catalogue().metrics
    with_one = {name for name, metric in metrics.items() if metric.look_ahead is not None}
    computed = {name for name, metric in metrics.items() if metric.missing is None}
    settled = {name for name in computed if metrics[name].freshness == "settled"}
    assert with_one & computed == settled - {"rework_rate", "three_rate_response", "parity"}
