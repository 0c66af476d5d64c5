"""An incident log as a desk's events: small logs made up here, the real one read in place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pipeline.decode import DeadLetter, Decoder
from pipeline.errors import InputError
from pipeline.operators.tickets import Ticket
from pipeline.site_rules import default_rules
from pipeline.sources.servicenow import COLUMNS, Counters, ServiceNow
from tests.conftest import REAL_DATA

BERLIN = ZoneInfo("Europe/Berlin")
LOG = REAL_DATA / "tickets" / "servicenow_incidents_march2016.csv.gz"
BLANK = dict.fromkeys(COLUMNS, "?") | {
    "number": "INC1",
    "incident_state": "New",
    "opened_at": "29/2/2016 01:16",
    "sys_created_at": "29/2/2016 01:23",
}


def log(tmp_path: Path, *rows: dict[str, str]) -> ServiceNow:
    """A log whose rows are numbered in the order given, unless they say otherwise."""
    lines = [",".join(COLUMNS)]
    for number, row in enumerate(rows):
        full = BLANK | {"sys_mod_count": str(number)} | row
        lines.append(",".join(full[name] for name in COLUMNS))
    path = tmp_path / "incidents.csv"
    path.write_text("\n".join([*lines, ""]))
    return ServiceNow(path, "desk", BERLIN)


def at(minute: int, **fields: str) -> dict[str, str]:
    return {"sys_updated_at": f"29/2/2016 02:{minute:02}"} | fields


def told(source: ServiceNow) -> list[dict[str, Any]]:
    events = [json.loads(payload) for payload in source.events()]
    assert [json.loads(payload) for payload in source.events()] == events
    return events


def tickets(source: ServiceNow) -> Iterator[Ticket]:
    """The tickets that the log's events amount to."""
    found: dict[str, Ticket] = {}
    decoder = Decoder()
    for offset, payload in enumerate(source.events()):
        event = decoder.decode(payload, 2**45)
        assert not isinstance(event, DeadLetter), event.detail
        [id_] = Ticket.ids_of(event)
        ticket = found.setdefault(id_, Ticket("desk", id_, 0, id_, default_rules()))
        ticket.apply(event, "file", offset)
    yield from found.values()


def test_a_life_of_savings_as_a_desk_would_tell_it(tmp_path: Path) -> None:
    source = log(
        tmp_path,
        at(0, assignment_group="A", caller_id="Caller 1"),
        at(1, assignment_group="B", incident_state="Active", assigned_to="Li"),
        at(2, assignment_group="B", incident_state="-100"),
        at(3, incident_state="Resolved"),
        at(4, incident_state="Active", assignment_group="B"),
        at(5, incident_state="Closed", assignment_group="B", closed_code="code 5"),
    )
    events = told(source)
    assert [event["event_type"].removeprefix("ticket.") for event in events] == [
        *("registered", "dispatched", "accepted", "updated", "returned", "resolved"),
        *("reopened", "dispatched", "closed"),
    ]
    registered, dispatched = events[:2]
    assert registered["occurred_at"] == "2016-02-29T00:23:00Z"
    assert registered["received_at"] == "2016-02-29T00:16:00Z"
    assert (registered["team"], registered["customer_id"]) == ("A", "Caller 1")
    assert (dispatched["team"], dispatched["owner"], dispatched["seq"]) == ("B", "Li", 100)
    assert events[-1]["outcome"] == "code 5"
    [ticket] = tickets(source)
    fact = ticket.fact
    # A to B, B taken away, B given again.
    assert (fact.reassignments, len(fact.cycles) - 1, fact.stage) == (3, 1, "closed")
    assert fact.illegal == 0


def test_the_number_decides_where_the_clock_goes_back(tmp_path: Path) -> None:
    source = log(
        tmp_path,
        at(0),
        at(9, incident_state="Active"),
        at(5, incident_state="Resolved"),
        at(5, incident_state="Closed"),
    )
    assert [e["event_type"] for e in told(source)][1:3] == ["ticket.resolved", "ticket.closed"]
    [ticket] = tickets(source)
    assert (ticket.fact.stage, ticket.fact.illegal) == ("closed", 0)
    # Resolved after it was accepted, whatever the clock says: not before 02:09.
    assert ticket.fact.resolved_at == ticket.fact.accepted_at


def test_bad_rows_are_named_and_the_others_stand(tmp_path: Path) -> None:
    source = log(tmp_path, at(0), at(1, sys_mod_count="x"), {"sys_updated_at": "2016-02-29"})
    bad = [json.loads(payload) for payload in source.events() if b'"problem"' in payload]
    assert [row["problem"] for row in bad] == [
        "sys_mod_count should be a whole number, not 'x'",
        "sys_updated_at should be a time such as 29/2/2016 01:16, not '2016-02-29'",
    ]
    assert [row["row"] for row in bad] == [3, 4]
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"number, incident_state.*not found among a, b"):
        list(ServiceNow(tmp_path / "other.csv", "desk", BERLIN).events())


@pytest.mark.real_data
def test_what_states_say_agrees_with_the_logs_own_counters() -> None:
    source = ServiceNow(LOG, "desk", ZoneInfo("UTC"))
    theirs = source.counters()
    assert len(theirs) == 9_202
    apart = {"reopens": 0, "reassignments": 0, "resolved": 0}
    for ticket in tickets(source):
        fact, counters = ticket.fact, theirs[ticket.id]
        apart["reopens"] += len(fact.cycles) - 1 != counters.reopens
        apart["reassignments"] += fact.reassignments != counters.reassignments
        apart["resolved"] += differs(fact.resolved_at, counters)
    assert apart == {"reopens": 1, "reassignments": 65, "resolved": 134}
    assert max(apart["reopens"], apart["reassignments"]) < len(theirs) / 100


def differs(resolved_ms: int, counters: Counters) -> bool:
    theirs = counters.resolved_at
    return theirs is not None and round(theirs.timestamp() * 1000) != resolved_ms
