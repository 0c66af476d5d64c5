"""Tickets told by hand, and in which levels of age and of lately resolved they are, until when."""

from __future__ import annotations

from pipeline.operators.tickets import Ticket
from tests.laws.scenario import START, iso
from tests.laws.telling_tickets import at, told
from tests.laws.test_standards import row

DAY_MS = 86_400_000
DAY_MIN = 24 * 60


def spans(ticket: Ticket, level: str) -> list[tuple[float, int]]:
    """By how much the level of the whole site changes, so many days after the start."""
    return [
        ((cell.minute - START) / DAY_MS, value)
        for cell in ticket.count()
        if cell.place.family == "ticket_levels"
        for name, value in cell.measures
        if name == level
    ]


def pass_days(ticket: Ticket, days: float) -> None:
    """Let every deadline up to then pass, one after the other."""
    while ticket.due is not None and ticket.due <= START + days * DAY_MS:
        ticket.pass_deadline(ticket.due, 99)


def test_a_ticket_ages_without_a_word_of_it() -> None:
    ticket = told(at(0, "ticket.registered"))
    assert spans(ticket, "backlog") == [(0, 1)]
    assert spans(ticket, "backlog_1d") == []
    pass_days(ticket, 7)
    ages = [spans(ticket, f"backlog_{days}d") for days in (1, 3, 7, 15)]
    assert ages == [[(1, 1)], [(3, 1)], [(7, 1)], []]
    pass_days(ticket, 40)
    assert spans(ticket, "backlog_15d") == [(15, 1)]


def test_an_age_counts_from_the_first_opening_and_while_it_is_open() -> None:
    resolved = at(2 * DAY_MIN, "ticket.resolved")
    again = at(4 * DAY_MIN, "ticket.reopened")
    ticket = told(at(0, "ticket.registered"), resolved, again)
    assert spans(ticket, "backlog_1d") == [(1, 1), (2, -1), (4, 1)]
    assert spans(ticket, "backlog_3d") == [(4, 1)]


def test_what_was_resolved_counts_for_fourteen_days_unless_it_is_reopened() -> None:
    registered, resolved = at(0, "ticket.registered"), at(DAY_MIN, "ticket.resolved")
    assert spans(told(registered, resolved), "done_14d") == [(1, 1), (15, -1)]
    # Closing what is resolved is no second end, and closing what is open is one.
    closed = at(2 * DAY_MIN, "ticket.closed")
    assert spans(told(registered, resolved, closed), "done_14d") == [(1, 1), (15, -1)]
    assert spans(told(registered, closed), "done_14d") == [(2, 1), (16, -1)]
    reopened = at(3 * DAY_MIN, "ticket.reopened")
    assert spans(told(registered, resolved, reopened), "done_14d") == []
    merged = at(3 * DAY_MIN, "ticket.merged", merged_into="u")
    assert spans(told(registered, resolved, merged), "done_14d") == []


def test_what_was_resolved_counts_for_who_had_it_then() -> None:
    ticket = told(
        at(0, "ticket.registered", team="one"),
        at(1, "ticket.resolved", team="two"),
        at(2, "ticket.updated", team="three"),
    )
    teams = [
        cell.place.values[1]
        for cell in ticket.count()
        if any(name == "done_14d" for name, _ in cell.measures)
    ]
    assert teams == ["two", "two"]


def test_whether_a_deadline_was_met_is_known_once_it_has_passed() -> None:
    registered = at(0, "ticket.registered", due_at=iso(START + DAY_MS))
    ticket = told(registered)
    assert row(ticket)["due_met"] is None
    pass_days(ticket, 1)
    assert row(ticket)["due_met"] == 0
    assert row(told(registered, at(DAY_MIN, "ticket.resolved")))["due_met"] == 1
    assert row(told(registered, at(DAY_MIN + 1, "ticket.resolved")))["due_met"] == 0
    # Reopened before it is due, it is open then.
    early = [at(10, "ticket.resolved"), at(20, "ticket.reopened"), at(DAY_MIN + 1, "ticket.closed")]
    assert row(told(registered, *early))["due_met"] == 0
    # Who merges a ticket owes it no resolution; without a deadline there is none to meet.
    assert row(told(registered, at(5, "ticket.merged")))["due_met"] is None
    assert row(told(at(0, "ticket.registered")))["due_met"] is None
