"""Promised reply dates told by hand: kept, broken, renewed; and what an error causes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.laws.scenario import START, iso
from tests.laws.telling_tickets import MINUTE, at, sums, told


def promising(minute: float, event_type: str, promised: float, **fields: Any) -> dict[str, Any]:
    """An event that promises an answer by so many minutes after the start."""
    return at(minute, event_type, promised_at=iso(START + round(promised * MINUTE)), **fields)


OPENED = promising(0, "ticket.registered", 60)
OVER = at(9_000, "ticket.archived")
"""The last event of a ticket, long after all dates."""


@pytest.mark.parametrize(
    ("events", "due", "kept"),
    [
        ([at(60, "ticket.replied")], 1, 1),  # exactly then is in time
        ([at(60.001, "ticket.replied")], 1, 0),
        ([at(30, "ticket.replied", auto=True), OVER], 1, 0),  # a machine's reply is none
        ([at(30, "ticket.resolved")], 1, 1),
        ([at(30, "ticket.closed")], 1, 1),
        ([OVER], 1, 0),
        ([at(30, "ticket.merged")], 0, 0),  # nobody waits for an answer to a duplicate
        ([at(90, "ticket.merged")], 1, 0),
        # Renewed in time: the new date counts. Renewed too late: both do.
        ([promising(50, "ticket.updated", 120), at(100, "ticket.replied")], 1, 1),
        ([promising(61, "ticket.updated", 120), at(100, "ticket.replied")], 2, 1),
        # A date that is only told again is no new promise, before and after the answer.
        ([promising(50, "ticket.updated", 60), at(55, "ticket.replied")], 1, 1),
        ([at(55, "ticket.replied"), promising(56, "ticket.updated", 60)], 1, 1),
        # The reply that promises something keeps the promise before it.
        ([promising(55, "ticket.replied", 120), at(110, "ticket.replied")], 2, 2),
        # What is promised once the ticket is resolved is no promise.
        ([at(30, "ticket.resolved"), promising(31, "ticket.updated", 90), OVER], 1, 1),
    ],
)
def test_a_promise_is_kept_by_an_answer_until_then(
    events: list[dict[str, Any]], due: int, kept: int
) -> None:
    counted = sums(told(OPENED, *events))
    assert (counted["promises_due"], counted["promises_kept"]) == (due, kept)


def test_a_promise_is_broken_without_an_event() -> None:
    ticket = told(OPENED)
    assert sums(ticket)["promises_due"] == 0
    assert ticket.due == START + 60 * MINUTE
    ticket.pass_deadline(ticket.due, 9)
    counted = sums(ticket)
    assert (counted["promises_due"], counted["promises_kept"]) == (1, 0)


def test_a_promise_for_the_moment_in_which_it_is_made_is_broken_when_that_has_passed() -> None:
    ticket = told(promising(0, "ticket.registered", -5))
    assert ticket.due == START
    ticket.pass_deadline(ticket.due, 9)
    assert sums(ticket)["promises_due"] == 1


def test_a_complaint_is_caused_by_an_error_where_the_site_lists_its_cause() -> None:
    resolved = at(9, "ticket.resolved", root_cause="billing person", cause_party="person")
    listed = {"service_errors": ["person", "system"]}
    assert sums(told(OPENED, resolved, standards=listed))["error_complaints"] == 1
    assert sums(told(OPENED, resolved))["error_complaints"] == 0
    plain = at(9, "ticket.resolved", root_cause="service_error")
    assert sums(told(OPENED, plain))["error_complaints"] == 1
    merged = at(10, "ticket.merged")
    assert sums(told(OPENED, resolved, merged, standards=listed))["error_complaints"] == 0
