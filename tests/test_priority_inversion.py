"""Normal tickets that were begun while an older very urgent one waited, by hand."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from clickhouse_driver import Client

from pipeline.explain import explain
from pipeline.report import Report
from schemas.catalogue import load_catalogue
from tests.test_report import SHANGHAI, at, lines, report

URGENT: dict[str, Any] = {
    **{"ticket_id": "urgent", "team": "one", "very_urgent": 1, "opened_at": at(0)},
    **{"flagged_at": at(10), "accepted_at": at(60), "open": 1},
}
NORMAL: dict[str, Any] = {
    **{"ticket_id": "normal", "team": "one", "opened_at": at(5), "accepted_at": at(30)}
}


@pytest.fixture
def site(request: pytest.FixtureRequest) -> str:
    return str(request.node.name)


def put_tickets(store: Client, site: str, *rows: dict[str, Any]) -> None:
    blank = {"site": site, "revision": 1, "events": 1, "updated_at": at(90)}
    full = [blank | row for row in rows]
    columns = sorted({column for row in full for column in row} - {"flagged_at", "accepted_at"})
    columns += ["flagged_at", "accepted_at"]
    defaults = {"team": "", "department": "", "very_urgent": 0, "open": 0}
    values = [[row.get(column, defaults.get(column)) for column in columns] for row in full]
    store.execute(f"INSERT INTO tickets ({', '.join(columns)}) VALUES", values)


def inverted(store: Client, site: str) -> int:
    [[found]] = store.execute(
        f"SELECT sum(inverted) FROM ticket_starts WHERE site = '{site}' AND ticket_id = 'normal'"
    )
    return int(found)


@pytest.mark.parametrize(
    ("urgent", "normal"),
    [
        ({}, {}),
        # On the millisecond of the flag it waits already.
        ({"flagged_at": at(30)}, {}),
        # Days later it still waits; accepted or not, or resolved without.
        ({"accepted_at": at(0, day=4)}, {"accepted_at": at(30, day=3)}),
        ({"accepted_at": None}, {"accepted_at": at(30, day=3)}),
        ({"accepted_at": None, "open": 0, "resolved_at": at(31)}, {}),
        # Where there are no teams, departments are the pools.
        ({"team": "", "department": "d"}, {"team": "", "department": "d"}),
        # What was flagged after it had been accepted was a normal one then.
        ({}, {"very_urgent": 1, "flagged_at": at(31)}),
    ],
)
def test_begun_before_an_older_very_urgent_one(
    store: Client, site: str, urgent: dict[str, Any], normal: dict[str, Any]
) -> None:
    put_tickets(store, site, URGENT | urgent, NORMAL | normal)
    assert inverted(store, site) == 1


@pytest.mark.parametrize(
    ("urgent", "normal"),
    [
        ({"team": "two"}, {}),
        ({"team": "", "department": "one"}, {}),  # a department of a team's name
        ({"opened_at": at(6)}, {}),  # younger
        ({"opened_at": at(5)}, {}),
        ({"accepted_at": at(29)}, {}),
        ({"accepted_at": at(30)}, {}),  # at the same moment
        ({"flagged_at": at(31)}, {}),
        ({"flagged_at": at(70)}, {"accepted_at": at(80)}),  # it was accepted before its flag
        ({"very_urgent": 0}, {}),  # the flag was taken back
        ({"accepted_at": None, "open": 0, "resolved_at": at(30)}, {}),
        ({"events": 0}, {}),  # it is none any more
        ({}, {"very_urgent": 1, "flagged_at": at(20)}),  # not a normal one
        ({"team": ""}, {"team": ""}),  # nobody knows the pool
    ],
)
def test_begun_in_its_turn(
    store: Client, site: str, urgent: dict[str, Any], normal: dict[str, Any]
) -> None:
    put_tickets(store, site, URGENT | urgent, NORMAL | normal)
    assert inverted(store, site) == 0


def test_the_share_of_those_begun(store: Client, site: str) -> None:
    def normal(number: int, accepted: datetime | None, **more: Any) -> dict[str, Any]:
        return NORMAL | {"ticket_id": f"n{number}", "accepted_at": accepted, **more}

    put_tickets(
        store,
        site,
        URGENT,
        *(normal(1, at(30)), normal(2, at(70)), normal(3, at(30), team="two")),
        *(normal(4, None), normal(5, at(20), team="")),
    )
    # Begun: the urgent one and three of known teams; one of them before its turn.
    assert lines(report(store, site, "priority_inversion", "n = started_count")) == [
        ("2026-01-05", 25.0, 4)
    ]
    by_team = report(store, site, "priority_inversion", group=["team"])
    assert lines(by_team) == [("2026-01-05", "one", 33.33), ("2026-01-05", "two", 0.0)]
    asked = Report(["priority_inversion"], site, SHANGHAI, catalogue=load_catalogue())
    found = explain(asked, {}, store, 9)
    assert found.filled == "1 / 4 * 100"
    [facts] = found.facts
    assert (facts.found, [row[1] for row in facts.rows if row[-1] == "1"]) == (4, ["n1"])
