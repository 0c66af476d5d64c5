"""Tickets told by hand, and what they count as by the standards of their site."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.decode import DeadLetter, DeadLetterReason
from pipeline.operators.tickets import Ticket
from schemas.rows import TICKETS
from tests.laws import telling_tickets as telling
from tests.laws.scenario import START, encode
from tests.laws.telling_tickets import DECODER, MINUTE, at, sums

STANDARDS = {
    "authority": {"1": 100.0},
    "outcomes": {"charges": ["fixed", "refunded"], "invoice": ["fixed"]},
    "paths": [
        ["registered", "resolved", "closed"],
        ["registered", "dispatched", "accepted", "resolved", "closed"],
    ],
}


def told(*events: dict[str, Any], standards: dict[str, Any] | None = None) -> Ticket:
    """A ticket that was told these events, in this order, at a site with these standards."""
    return telling.told(*events, standards=STANDARDS if standards is None else standards)


def row(ticket: Ticket) -> dict[str, Any]:
    return dict(zip(TICKETS.columns, ticket.row(), strict=True))


REGISTERED = at(0, "ticket.registered", category=["charges"], handler_level="1")
DISPATCHED = at(10, "ticket.dispatched")
CLOSED = at(99, "ticket.closed")


def resolved(**fields: Any) -> dict[str, Any]:
    return at(90, "ticket.resolved", **fields)


# -- compensation ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "paid", "over"),
    [
        ({"compensation_amount": 100}, 10_000, 0),  # exactly the limit is within
        ({"compensation_amount": "100.01"}, 10_001, 1),
        ({"compensation_amount": 0.005, "currency": "CNY"}, 1, 0),  # half a fen is one
        ({"compensation_amount": 0}, 0, None),
        ({}, 0, None),
    ],
)
def test_compensation_is_added_up_in_hundredths(
    fields: dict[str, Any], paid: int, over: int | None
) -> None:
    ticket = told(REGISTERED, resolved(**fields), CLOSED)
    counted = sums(ticket)
    assert counted["closed"] == 1
    assert counted["compensation"] == paid
    assert counted["compensated"] == counted["authority_judged"] == int(paid > 0)
    assert counted["over_authority"] == (over or 0)
    assert row(ticket)["over_authority"] == over


def test_another_currency_is_counted_and_not_added_up() -> None:
    paid = resolved(compensation_amount=500, currency="USD")
    counted = sums(told(REGISTERED, paid, CLOSED))
    assert counted["compensated_foreign"] == 1
    assert counted["compensation"] == counted["compensated"] == counted["over_authority"] == 0
    at_home = sums(told(REGISTERED, paid, CLOSED, standards={"currency": "USD"}))
    assert at_home["compensation"] == 50_000


def test_who_has_no_limit_is_not_judged() -> None:
    ticket = told(REGISTERED | {"handler_level": "9"}, resolved(compensation_amount=500), CLOSED)
    assert sums(ticket)["compensated"] == 1
    assert sums(ticket)["authority_judged"] == 0


def test_what_was_paid_counts_once_the_ticket_is_closed_and_no_more_when_reopened() -> None:
    events = [REGISTERED, resolved(compensation_amount=50)]
    assert sums(told(*events))["compensation"] == 0
    assert sums(told(*events, CLOSED))["compensation"] == 5_000
    assert sums(told(*events, CLOSED, at(120, "ticket.reopened")))["compensation"] == 0


@pytest.mark.parametrize("amount", [-1, 1_000_000_001])
def test_an_impossible_amount_is_refused(amount: int) -> None:
    letter = DECODER.decode(encode(resolved(compensation_amount=amount)), START + 10**12)
    assert isinstance(letter, DeadLetter)
    assert letter.reason == DeadLetterReason.INVALID_FIELD
    assert "compensation_amount" in letter.detail
    assert "from 0 to 1,000,000,000" in letter.detail


# -- outcomes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("category", "outcome", "standard"),
    [
        (["charges"], "refunded", 1),
        (["charges"], "refused", 0),
        (["charges", "invoice"], "refunded", 0),  # the narrowest that is listed counts
        (["charges", "roaming"], "refunded", 1),
        (["network"], "refunded", None),  # no standard: not judged
        (["charges"], None, None),
    ],
)
def test_an_outcome_is_standard_for_its_category(
    category: list[str], outcome: str | None, standard: int | None
) -> None:
    said = {} if outcome is None else {"outcome": outcome}
    ticket = told(REGISTERED | {"category": category}, resolved(**said), CLOSED)
    counted = sums(ticket)
    assert (counted["outcomes_judged"], counted["outcomes_standard"]) == (
        int(standard is not None),
        standard or 0,
    )
    assert row(ticket)["standard_outcome"] == standard


# -- paths -------------------------------------------------------------------------------------

ACCEPTED = at(20, "ticket.accepted")


@pytest.mark.parametrize(
    ("between", "skipped", "looped"),
    [
        ([], [], []),
        ([DISPATCHED, ACCEPTED], [], []),
        ([DISPATCHED], ["accepted"], []),  # nearer to the longer way
        ([DISPATCHED, ACCEPTED, at(30, "ticket.dispatched")], [], ["dispatched"]),
        (
            [DISPATCHED, at(15, "ticket.returned"), at(16, "ticket.dispatched"), ACCEPTED],
            [],
            ["returned", "dispatched"],
        ),
        # Nobody named it, so nobody looks at it.
        ([at(5, "ticket.updated"), at(6, "ticket.replied")], [], []),
    ],
)
def test_a_way_is_held_against_the_nearest_path(
    between: list[dict[str, Any]], skipped: list[str], looped: list[str]
) -> None:
    ticket = told(REGISTERED, *between, resolved(), CLOSED)
    found = row(ticket)
    assert (found["skipped"], found["looped"]) == (skipped, looped)
    kept = int(not skipped and not looped)
    assert found["on_path"] == sums(ticket)["paths_kept"] == kept
    assert sums(ticket)["paths_judged"] == 1


def test_a_reopening_is_a_step_back_and_is_judged_when_closed_again() -> None:
    again = [at(100, "ticket.reopened"), at(110, "ticket.resolved"), at(120, "ticket.closed")]
    assert row(told(REGISTERED, resolved(), CLOSED, again[0]))["on_path"] is None
    ticket = told(REGISTERED, resolved(), CLOSED, *again)
    assert row(ticket)["looped"] == ["reopened", "resolved", "closed"]
    assert sums(ticket)["paths_kept"] == 0


def test_without_standards_nothing_is_judged() -> None:
    ticket = told(REGISTERED, resolved(outcome="x", compensation_amount=9), CLOSED, standards={})
    judged = ("authority_judged", "outcomes_judged", "paths_judged")
    assert [sums(ticket)[name] for name in judged] == [0, 0, 0]
    assert [row(ticket)[name] for name in ("over_authority", "standard_outcome", "on_path")] == [
        *(None, None, None)
    ]


# -- rework and response -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("minute", "fields", "is_rework"),
    [
        (11.9, {"category": ["network"]}, False),  # a slip of the pen
        (12, {"category": ["network"]}, True),
        (12, {"category": ["charges"]}, False),
        (12, {"category": ["charges", "invoice"]}, False),  # told in more detail
        (12, {"region": "north"}, False),  # told for the first time
        (12, {"topic": "line"}, True),
        (12, {"topic": "line", "reason": "x"}, True),
        (9, {"topic": "line"}, False),  # before the dispatch
    ],
)
def test_rework_is_a_key_field_changed_after_the_dispatch(
    minute: float, fields: dict[str, Any], *, is_rework: bool
) -> None:
    ticket = told(
        REGISTERED | {"topic": "bill"}, DISPATCHED, at(minute, "ticket.updated", **fields)
    )
    assert (sums(ticket)["dispatched"], sums(ticket)["reworked"]) == (1, int(is_rework))
    changed = row(ticket)["reworked_at"]
    assert changed == (START + round(minute * MINUTE) if is_rework else None)


def test_the_customers_last_word_says_whether_somebody_got_in_touch() -> None:
    def answers(*words: str) -> tuple[int, int]:
        asked = [at(200 + i, "followup.reached", contacted_answer=w) for i, w in enumerate(words)]
        counted = sums(told(REGISTERED, DISPATCHED, resolved(), *asked))
        return counted["contact_asked"], counted["said_contacted"]

    assert answers() == (0, 0)
    assert answers("yes") == (1, 1)
    assert answers("yes", "no") == (1, 0)
    # Who was never dispatched to is in neither.
    reached = at(200, "followup.reached", contacted_answer="yes")
    assert sums(told(REGISTERED, resolved(), reached))["contact_asked"] == 0


def test_a_complaint_is_serious_by_what_is_known_of_it_now() -> None:
    serious = at(5, "ticket.updated", severity="serious")
    assert sums(told(REGISTERED, serious))["serious"] == 1
    assert sums(told(REGISTERED, serious, at(6, "ticket.updated", severity="minor")))[
        "serious"
    ] == (0)
    assert sums(told(REGISTERED, serious, at(6, "ticket.merged", merged_into="u")))["serious"] == 0
