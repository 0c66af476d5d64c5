"""Tickets: the stream and an SQL of its own say the same, whatever a desk tells, however late."""

from __future__ import annotations

import gzip
import random
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pipeline.operators.histories import MAX_ENTRIES
from pipeline.parity import (
    chains_sql,
    ticket_levels_sql,
    ticket_rows_sql,
    ticket_standards_sql,
    tickets_sql,
)
from pipeline.parity.check import Parity, check
from pipeline.sources.servicenow import ServiceNow
from schemas.records import LIVE
from schemas.rows import row_families
from schemas.site import SiteConfig
from tests.conftest import REAL_DATA
from tests.laws.mood import Mood
from tests.laws.scenario import START, Sent, deliver, encode, iso
from tests.laws.scenario_tickets import ticket
from tests.parity.conftest import SITE, Ingest, Payloads

MOOD = Mood(garble=0)


def differing(parity: Parity) -> dict[str, object]:
    return {v.measure: (v.different, v.examples) for v in parity.verdicts if v.different}


def deliveries(seed: int, tickets: int, since: int = START) -> list[bytes]:
    """What desks say of some tickets over two days, in the order in which it arrives."""
    random_ = random.Random(seed)
    sent: list[Sent] = []
    for number in range(tickets):
        begin = since + random_.randint(0, 2 * 86_400_000)
        for content in ticket(random_, f"t{number}", SITE.site, begin):
            occurred = content.pop("occurred_ms")
            content["occurred_at"] = iso(occurred)
            for name in {"due", "legal_due", "received", "promised"} & content.keys():
                content[f"{name}_at"] = iso(content.pop(name))
            plain = Sent(occurred, "", LIVE, encode(content))
            sent.extend(deliver(random_, MOOD, content, plain))
    return [one.payload for one in sorted(sent, key=lambda one: one.at)]


def test_every_base_measure_and_every_dimension_is_compared() -> None:
    tickets, levels = row_families()["tickets"], row_families()["ticket_levels"]
    assert {*ticket_rows_sql.SUMS, *ticket_rows_sql.HISTOGRAMS} == {*tickets.measures}
    assert set(ticket_rows_sql.HISTOGRAMS) == tickets.histograms
    assert tickets.dimensions == ticket_rows_sql.DIMENSIONS
    assert set(ticket_levels_sql.LEVELS) == set(levels.measures)
    assert levels.dimensions == ticket_levels_sql.LEVEL_DIMENSIONS
    assert len(tickets_sql.TYPES) == len(set(tickets_sql.TYPES))
    for name, (dimensions, measures) in chains_sql.FAMILIES.items():
        assert row_families()[name].measures == measures
        assert row_families()[name].dimensions == dimensions
    assert chains_sql.MOST_ENTRIES == MAX_ENTRIES


@pytest.mark.parametrize("seed", [5])
def test_tickets_of_every_shape_badly_delivered(ingested: Ingest, seed: int) -> None:
    client = ingested(Payloads(deliveries(seed, 150), 86_400_000))
    parity = check(client, SITE.site)
    assert not differing(parity)
    total = {v.measure: v.total for v in parity.verdicts}
    minutes = {v.measure for v in parity.verdicts if v.minutes}
    assert minutes >= {*ticket_levels_sql.LEVELS, "illegal_transitions", "escalations_judged"}
    assert minutes >= {*ticket_standards_sql.SUMS}
    assert total["opened"] >= 140
    in_parts = check(client, SITE.site, events_at_once=200)
    assert {v.measure: v.total for v in in_parts.verdicts} == total
    assert in_parts.holds
    # One ticket too many in one level, in one minute: it is found, and nothing else.
    client.execute(
        "INSERT INTO ticket_levels SELECT * EXCEPT stored_at REPLACE "
        "(backlog + 1 AS backlog, revision + 1 AS revision), now() FROM ticket_levels FINAL "
        "WHERE dims = 'site' AND backlog > 0 ORDER BY minute LIMIT 1"
    )
    assert [*differing(check(client, SITE.site))] == ["backlog"]


WORKING = SITE.model_dump(mode="json") | {
    "calendar": "desk",
    "calendars": {
        "desk": {"hours": {"mon-sun": ["08:00-22:00"]}, "holidays": ["2026-03-29"]},
        "office": {
            "hours": {
                "mon-fri": ["09:00-12:00", "13:30-18:00"],
                "sun": ["01:00-02:30", "03:00-9:00"],
            },
            "public_holidays": "china",
        },
    },
    "departments": {"D": {"name": {"zh": "部", "en": "D"}, "calendar": "office"}},
    "teams": {},
    "tickets": {
        "default": {
            **{"response_minutes": 60, "resolution_hours": 20, "silent_hours": 4, "business": True}
        },
        "priorities": {"urgent": {"business": "office", "response_minutes": 7.5}},
    },
}
"""Tickets of department D wait for the office, others for the desk, urgent ones for the office."""


@pytest.mark.parametrize(
    ("zone", "since"),
    [
        ("Asia/Shanghai", "2026-09-30T08:00+08:00"),  # before the holidays of National Day
        ("Europe/Berlin", "2026-03-28T12:00+01:00"),  # over the night of summer time
        ("Europe/Berlin", "2026-10-24T12:00+02:00"),  # and over the one of winter time
    ],
)
def test_tickets_whose_clocks_run_in_business_time(ingested: Ingest, zone: str, since: str) -> None:
    begin = round(datetime.fromisoformat(since).timestamp() * 1000)
    site = SiteConfig.model_validate(WORKING | {"time_zone": zone})
    client = ingested(Payloads(deliveries(8, 120, begin), 86_400_000), site)
    parity = check(client, SITE.site)
    assert not differing(parity)
    total = {v.measure: v.total for v in parity.verdicts}
    assert 0 < total["complaints_offhours"] < total["complaints_calendar"] == total["complaints"]
    for count, name in (("resolved", "resolution"), ("responses", "response")):
        assert total[f"{count}_business"] == total[count]
        assert 0 < total[f"{name}_business_ms"] < total[f"{name}_ms"]
    minutes = {v.measure for v in parity.verdicts if v.minutes}
    assert minutes >= {*ticket_levels_sql.LEVELS, "response_due", "resolution_due"}


@pytest.mark.real_data
@pytest.mark.parametrize("incidents", [1_000, pytest.param(9_202, marks=pytest.mark.torture)])
def test_a_service_desks_march(ingested: Ingest, tmp_path: Path, incidents: int) -> None:
    """A row begins with its incident's number, and they are sorted by it."""
    whole = REAL_DATA / "tickets" / "servicenow_incidents_march2016.csv.gz"
    path, numbers = tmp_path / "march.csv", set[str]()
    with gzip.open(whole, "rt") as rows, path.open("w") as some:
        some.write(next(rows))
        for row in rows:
            numbers.add(row.partition(",")[0])
            if len(numbers) > incidents:
                break
            some.write(row)
    parity = check(ingested(ServiceNow(path, SITE.site, ZoneInfo("UTC"))), SITE.site)
    assert not differing(parity)
    total = {v.measure: v.total for v in parity.verdicts}
    assert total["opened"] == incidents
