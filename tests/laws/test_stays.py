"""A contact's stays in queues, talks and holds, counted by hand: several queues, several agents."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.operators.contacts import cells_of
from tests.laws.scenario import START
from tests.laws.telling import ANSWERED, QUEUED, S, at, plain, told


def test_a_wait_over_two_queues_runs_from_the_first_entry() -> None:
    """30 s in the one, 15 s in the other: each waited its own time, the customer 45 s."""
    contact = told(
        at(0, "call.queued", queue="one", customer_id="k"),
        at(29.999, "call.flow_out", wait_ms=30 * S),
        at(30, "call.queued", queue="two", event_id="second"),
        at(45, "call.answered", agent_id="a", wait_ms=15 * S),
    )
    whole, parts = plain(contact), plain(contact, "queue")
    assert whole["wait_answered_ms"] == contact.fact.wait_ms == 45 * S
    assert "answered_in_threshold" not in whole
    assert parts["wait_answered_ms"] == 15 * S
    assert parts["answered_in_threshold"] == parts["answered"] == parts["flow_out"] == 1


def test_a_switch_with_a_clock_of_seconds_flows_out_and_in_at_once() -> None:
    """Within one millisecond the entry into "two" sorts before the exit from "one"."""
    contact = told(
        at(0, "call.queued", queue="one", customer_id="k"),
        at(30, "call.flow_out", queue="one"),
        at(30, "call.queued", queue="two", event_id="second"),
        at(45, "call.answered", agent_id="a", wait_ms=15 * S),
    )
    whole, parts = plain(contact), plain(contact, "queue")
    assert whole["wait_answered_ms"] == 45 * S
    assert parts["wait_answered_ms"] == 15 * S
    assert parts["offered"] == 2
    assert parts["answered"] == parts["flow_out"] == 1


def test_a_queue_that_is_full_is_left_at_once() -> None:
    contact = told(
        at(0, "call.queued", queue="one"),
        at(0, "call.flow_out", queue="one", wait_ms=0),
    )
    assert plain(contact)["flow_out"] == plain(contact)["offered"] == 1
    assert not contact.fact.open


def test_who_waits_in_a_second_queue_is_late_for_the_site_before_he_is_for_the_queue() -> None:
    """Threshold 20 s: for the site since 0:20, for the second queue at 0:35."""
    contact = told(
        at(0, "call.queued", queue="one"),
        at(14.999, "call.flow_out", wait_ms=15 * S),
        at(15, "call.queued", queue="two", event_id="second"),
    )
    due: list[int] = []
    while len(due) < 2 and contact.due is not None:
        due.append(contact.due - START)
        contact.pass_deadline(contact.due, 9)
        contact.cells = cells_of(contact)
        assert plain(contact)["sl_offered"] == 1
        assert plain(contact, "queue")["sl_offered"] == len(due)
    assert due == [20 * S, 35 * S]


ASKED = [
    at(0, "call.queued", queue="q", customer_id="k"),
    at(60, "call.callback", wait_ms=60 * S),
    at(62, "call.ended", talk_ms=0, ended_by="caller", event_id="hung up"),
]


def test_who_asks_to_be_called_back_and_hangs_up_is_not_handled_yet() -> None:
    contact = told(*ASKED)
    assert "handled" not in plain(contact)
    assert contact.fact.outcome == "callback"
    assert not contact.fact.open


def test_a_callback_counts_with_its_team_talk_and_work() -> None:
    contact = told(
        *ASKED,
        at(600, "call.answered", agent_id="a", team="t", wait_ms=0),
        at(700, "call.ended", agent_id="a", talk_ms=100 * S, hold_ms=5 * S),
        at(730, "call.acw_ended", agent_id="a", acw_ms=30 * S),
    )
    assert plain(contact) == plain(contact, "agent") | {
        **{"contacts": 1, "offered": 1, "sl_offered": 1},
        **{"callbacks_requested": 1, "callbacks_done": 1},
    }
    assert plain(contact, "agent") == {
        **{"handled": 1, "talk_ms": 100_000, "hold_ms": 5_000, "held": 1, "acw_ms": 30_000},
    }
    [handled] = [cell for cell in contact.cells if dict(cell.measures).get("handled")]
    assert handled.place.values[5:7] == ("a", "t")
    assert handled.minute == START + 12 * 60 * S  # 730 s: the end of after-call work
    assert contact.fact.outcome == "callback"


def test_hanging_up_in_the_menu_counts_when_it_happened() -> None:
    contact = told(
        at(0, "ivr.started"),
        at(50, "call.abandoned", wait_ms=0, phase="ivr"),
        at(70, "ivr.ended", ivr_ms=50 * S),
    )
    [gone] = [cell for cell in contact.cells if dict(cell.measures).get("ivr_abandoned")]
    assert gone.minute == START


@pytest.mark.parametrize("told_by_end", [{"hold_ms": 30 * S}, {}])
def test_a_hold_whose_end_is_stamped_after_the_hang_up_counts_once(
    told_by_end: dict[str, Any],
) -> None:
    contact = told(
        QUEUED,
        ANSWERED,
        at(50, "call.held", agent_id="a", event_id="begun"),
        at(80, "call.ended", talk_ms=38 * S, ended_by="customer", **told_by_end),
        at(80.003, "call.held", agent_id="a", hold_ms=30 * S, event_id="over"),
    )
    assert plain(contact)["hold_ms"] == 30 * S
    assert plain(contact)["hold_abandoned"] == plain(contact)["held"] == 1


@pytest.mark.parametrize("answers", [True, False])
def test_what_every_agent_of_a_contact_did_counts(answers: bool) -> None:
    """One hands over to two, without another queue: 60 s + 100 s of talk, 10 s + 20 s of work."""
    took_over = [at(71, "call.answered", agent_id="b", wait_ms=0, event_id="2nd")]
    contact = told(
        QUEUED,
        ANSWERED,
        at(30, "call.held", agent_id="a"),
        at(70, "call.transferred", agent_id="a", to_agent_id="b"),
        at(72, "call.ended", agent_id="a", talk_ms=60 * S, ended_by="agent", event_id="first end"),
        *(took_over if answers else []),
        at(80, "call.acw_ended", agent_id="a", acw_ms=10 * S),
        at(172, "call.ended", agent_id="b", talk_ms=100 * S, ended_by="customer"),
        at(172, "call.ended", agent_id="b", talk_ms=100 * S, event_id="twice"),
        at(192, "call.acw_ended", agent_id="b", acw_ms=20 * S, event_id="2nd work"),
    )
    for dims in ("site", "queue", "agent"):
        counted = plain(contact, dims)
        assert (counted["answered"], counted["handled"], counted["transferred"]) == (1, 1, 1)
        assert (counted["talk_ms"], counted["acw_ms"]) == (160_000, 30_000)
        assert "hold_abandoned" not in counted  # it was the first agent who held
    agents = {cell.place.values[5] for cell in contact.cells if "agent" in cell.place.sets}
    assert agents == {"a"}  # for the one who answered
    assert contact.fact.talk_ms == 160 * S


def test_an_end_that_names_nobody_is_that_of_whoever_answered_last() -> None:
    contact = told(
        QUEUED,
        ANSWERED,
        at(70, "call.ended", talk_ms=60 * S),
        at(71, "call.ended", talk_ms=60 * S, event_id="again"),
        at(72, "call.answered", agent_id="b", wait_ms=0, event_id="second"),
        at(100, "call.ended", talk_ms=28 * S),
    )
    assert plain(contact)["talk_ms"] == 88 * S
