"""The contacts operator: a function of the set of events, and small examples counted by hand."""

from __future__ import annotations

import itertools
import json
import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.contribution import Measure
from pipeline.entity import read_all
from pipeline.operators.contacts import Contact, Fact, cells_of
from schemas.records import LIVE
from schemas.rows import CONTACTS
from tests.laws.driving import run
from tests.laws.mood import Mood
from tests.laws.profile import tried
from tests.laws.scenario import START, Scenario, Sent, call, deliver, encode, event
from tests.laws.telling import ANSWERED, ENDED, QUEUED, S, at, plain, told
from tests.laws.views import views


def shown(fact: Fact) -> tuple[Any, ...]:
    """A fact's whole content."""
    legs = [
        tuple(getattr(leg, name) for name in leg.__slots__ if not name.startswith("queue_cells"))
        for leg in fact.legs
    ]
    names = (name for name in fact.__slots__ if name not in {"legs", "_leg"})
    return legs, {name: getattr(fact, name) for name in names}


# -- laws ---------------------------------------------------------------------------------------


@st.composite
def tellings(draw: st.DrawFn) -> list[dict[str, Any]]:
    """The events of one call with all that may happen to them, in some order."""
    random_ = random.Random(draw(st.integers(0, 10**6)))
    mood = Mood(duplicate=0.2, correct=0.2, raise_version=0.2, garble=0)
    sent = [
        one
        for content in call(random_, "c", "demo", START)
        for one in deliver(random_, mood, content, Sent(0, "", LIVE, encode(content)))
    ]
    random_.shuffle(sent)
    return [json.loads(one.payload) for one in sent]


@tried(150)
@given(events=tellings(), order=st.randoms(use_true_random=False))
def test_the_order_of_events_does_not_matter(
    events: list[dict[str, Any]], order: random.Random
) -> None:
    shuffled = list(events)
    order.shuffle(shuffled)
    first, second = told(*events), told(*shuffled)
    assert shown(first.fact) == shown(second.fact)
    assert first.cells == second.cells
    assert first.snapshot() == second.snapshot()


@tried(150)
@given(events=tellings())
def test_event_by_event_is_as_all_at_once(events: list[dict[str, Any]]) -> None:
    events.sort(key=lambda content: content["occurred_at"])
    for count in range(1, len(events) + 1):
        contact = told(*events[:count])
        whole = read_all(Fact(), contact.steps.values())
        whole.given_up = contact.fact.given_up
        assert shown(contact.fact) == shown(whole)
        assert contact.cells == cells_of(restored(contact))


def restored(contact: Contact) -> Contact:
    """The contact, from its snapshot."""
    return Contact.restore(
        contact.key,
        contact.shard,
        contact.snapshot(),
        lambda _: contact.rules,
        revision=contact.revision,
    )


@tried(100)
@given(events=tellings())
def test_a_snapshot_is_the_whole_contact(events: list[dict[str, Any]]) -> None:
    contact = told(*events)
    if not events:
        return
    again = restored(contact)
    assert shown(again.fact) == shown(contact.fact)
    assert (again.due, again.passed, again.domain) == (contact.due, contact.passed, contact.domain)
    assert again.snapshot() == contact.snapshot()


# -- by hand ------------------------------------------------------------------------------------

ACW = at(130, "call.acw_ended", agent_id="a", acw_ms=30 * S)
ONE_CALL = {
    **{"contacts": 1, "offered": 1, "sl_offered": 1, "answered": 1, "answered_in_threshold": 1},
    **{"answered_20s": 1, "wait_answered_ms": 12_000, "handled": 1, "talk_ms": 80_000},
    **{"hold_ms": 8_000, "held": 1, "acw_ms": 30_000},
}


def test_one_plain_call() -> None:
    contact = told(QUEUED, ANSWERED, ENDED, ACW)
    assert plain(contact) == ONE_CALL
    by_queue = {name: n for name, n in ONE_CALL.items() if name != "contacts"}
    assert plain(contact, "queue") == by_queue
    assert contact.fact.outcome == "handled"


def test_each_cell_counts_in_the_minute_of_its_own_moment() -> None:
    minutes = {
        name: (cell.minute - START) // 60_000
        for cell in told(QUEUED, ANSWERED, ENDED, ACW).cells
        for name, _ in cell.measures
    }
    assert minutes["offered"] == minutes["answered"] == 0
    assert minutes["handled"] == minutes["talk_ms"] == 2  # 130 s: the end of after-call work


@pytest.mark.parametrize("order", list(itertools.permutations([QUEUED, ANSWERED, ENDED, ACW])))
def test_in_whatever_order_it_is_told(order: tuple[dict[str, Any], ...]) -> None:
    assert plain(told(*order)) == ONE_CALL


def test_queued_twice_in_one_queue_counts_once() -> None:
    again = at(3, "call.queued", queue="q", event_id="again")
    assert plain(told(QUEUED, again, ANSWERED, ENDED, ACW)) == ONE_CALL


def test_answered_twice_counts_once_and_the_first_answer_stands() -> None:
    again = at(40, "call.answered", agent_id="b", wait_ms=40 * S, event_id="again")
    contact = told(QUEUED, ANSWERED, again, ENDED, ACW)
    assert plain(contact) == ONE_CALL
    assert contact.fact.legs[0].agent_id == "a"


def test_a_caller_who_hangs_up_after_the_answer_has_not_abandoned() -> None:
    late = at(13, "call.abandoned", wait_ms=13 * S, phase="queue")
    assert plain(told(QUEUED, ANSWERED, late, ENDED, ACW)) == ONE_CALL


def test_an_agent_who_lets_it_ring_is_counted_each_time_and_the_caller_is_not() -> None:
    rang = at(5, "call.ringing", agent_id="b", team="t", ring_ms=5 * S)
    told_twice = at(5, "call.ringing", agent_id="b", ring_ms=5 * S, event_id="twice")
    later = at(10, "call.ringing", agent_id="b", ring_ms=4 * S)
    rings = at(11, "call.ringing", agent_id="a")
    contact = told(QUEUED, rang, told_twice, later, rings, ANSWERED, ENDED, ACW)
    assert plain(contact) == ONE_CALL | {"nonresponses": 2}
    of_agent = [cell.place.values for cell in contact.cells if cell.part < 0]
    assert [(values[0], values[5], values[6]) for values in of_agent] == [
        ("q", "b", "t"),
        ("q", "b", ""),
    ]


def test_a_customer_who_lets_it_ring_is_no_agent() -> None:
    out = at(0, "call.queued", queue="q", customer_id="k", direction="outbound")
    rang = at(5, "call.ringing", agent_id="b", ring_ms=5 * S)
    assert "nonresponses" not in plain(told(out, rang))


def test_an_answer_after_giving_up_does_not_count() -> None:
    gone = at(10, "call.abandoned", wait_ms=10 * S, phase="ring")
    assert plain(told(QUEUED, gone, ANSWERED)) == {
        **{"contacts": 1, "offered": 1, "sl_offered": 1, "abandoned": 1, "ring_loss": 1},
        **{"abandoned_in_threshold": 1, "wait_abandoned_ms": 10_000},
    }


def test_an_answer_implies_the_queue_entry_that_was_lost() -> None:
    contact = told(
        at(12, "call.answered", agent_id="a", wait_ms=12 * S, queue="q", customer_id="k")
    )
    assert contact.fact.legs[0].queued_at == START
    assert plain(contact)["offered"] == plain(contact)["answered_in_threshold"] == 1


def test_an_answer_stamped_just_before_its_queue_entry_is_one_stay() -> None:
    answered = at(0, "call.answered", agent_id="a", wait_ms=0)
    queued = at(0.003, "call.queued", queue="q", customer_id="k")
    for order in itertools.permutations([answered, queued]):
        contact = told(*order)
        assert [leg.queue for leg in contact.fact.legs] == ["q"]
        assert plain(contact, "queue")["offered"] == 1
        assert {cell.place.values[0] for cell in contact.cells if "queue" in cell.place.sets} == {
            "q"
        }


def test_a_queue_entry_after_the_talk_is_another_stay() -> None:
    contact = told(
        at(0, "call.answered", agent_id="a", wait_ms=0),
        at(60, "call.ended", talk_ms=60 * S),
        at(61, "call.queued", queue="q"),
    )
    assert [(leg.queue, leg.exit) for leg in contact.fact.legs] == [("", "answered"), ("q", "")]


def test_a_talk_ends_for_the_agent_who_had_it_though_the_caller_waits_again() -> None:
    contact = told(
        at(0, "call.queued", queue="one"),
        at(10, "call.answered", agent_id="a", wait_ms=10 * S),
        at(60, "call.queued", queue="two", event_id="second"),
        at(61, "call.ended", talk_ms=50 * S, agent_id="a"),
        at(75, "call.answered", agent_id="b", wait_ms=15 * S, event_id="second answer"),
        at(90, "call.acw_ended", acw_ms=29 * S, agent_id="a"),
        at(135, "call.ended", talk_ms=60 * S, agent_id="b", event_id="second end"),
    )
    assert [(leg.talk_ms, leg.acw_ms) for leg in contact.fact.legs] == [
        (50 * S, 29 * S),
        (60 * S, None),
    ]
    assert not contact.fact.open
    assert plain(contact, "agent")["handled"] == 2
    assert plain(contact)["handled"] == 1
    assert plain(contact)["talk_ms"] == 110 * S


def test_two_queues_count_once_for_the_site_and_each_for_itself() -> None:
    contact = told(
        at(0, "call.queued", queue="one", customer_id="k"),
        at(10, "call.answered", agent_id="a", wait_ms=10 * S),
        at(60, "call.transferred", to_queue="two"),
        at(60, "call.queued", queue="two", event_id="second"),
        at(90, "call.answered", agent_id="b", wait_ms=30 * S, event_id="second answer"),
        at(150, "call.ended", talk_ms=60 * S),
    )
    whole, parts = plain(contact), plain(contact, "queue")
    assert (whole["contacts"], whole["offered"], whole["answered"]) == (1, 1, 1)
    assert (parts["offered"], parts["answered"], parts["answered_in_threshold"]) == (2, 2, 1)
    assert whole["answered_in_threshold"] == 1
    assert whole["handled"] == parts["handled"] == 1


def test_a_correction_replaces_and_may_come_before_what_it_corrects() -> None:
    wrong = at(0, "call.queued", queue="wrong", customer_id="k", event_id="w")
    right = at(0, "call.queued", queue="q", customer_id="k", event_id="r", corrects="w")
    for order in itertools.permutations([wrong, right, ANSWERED]):
        contact = told(*order)
        assert [leg.queue for leg in contact.fact.legs] == ["q"]
        assert plain(contact)["offered"] == 1


def test_corrections_that_go_round_in_a_circle_lose_nothing() -> None:
    one = at(0, "call.queued", queue="q", event_id="one", corrects="two")
    two = at(1, "call.queued", queue="q", event_id="two", corrects="one")
    itself = at(2, "call.queued", queue="q", event_id="self", corrects="self")
    for events in ([one, two], [two, one], [itself]):
        contact = told(*events)
        assert plain(contact)["offered"] == 1
        assert contact.fact.started_at >= START


def test_a_caller_who_becomes_known_late_was_matched_all_along() -> None:
    queued = at(0, "call.queued", queue="q")
    assert plain(told(queued))["unmatched"] == 1
    assert "unmatched" not in plain(told(queued, at(5, "call.ringing", customer_id="k")))


def test_what_failed_in_dispatch_was_not_offered() -> None:
    assert plain(told(QUEUED, at(1, "call.failed", reason="no route"))) == {
        "contacts": 1,
        "route_loss": 1,
    }


def test_the_six_service_levels_of_one_hour() -> None:
    """The vector of metrics.md, as contacts: threshold 20 s, short up to 5 s, 120 offered."""
    cases = [
        *[("call.answered", 10)] * 70,
        *[("call.answered", 40)] * 20,
        *[("call.abandoned", 3)] * 5,
        *[("call.abandoned", 12)] * 5,
        *[("call.abandoned", 50)] * 10,
        *[("call.flow_out", 60)] * 10,
    ]
    sent = []
    for number, (exit_, wait_s) in enumerate(cases):
        contact_id, begin = f"c{number}", START + number * 20 * S
        more = {"call.answered": {"agent_id": "a"}, "call.abandoned": {"phase": "queue"}}
        left = begin + wait_s * S
        queued = event("call.queued", begin, contact_id, queue="q")
        out = event(exit_, left, contact_id, wait_ms=wait_s * S, **more.get(exit_, {}))
        sent.append(Sent(begin, contact_id, LIVE, encode(queued)))
        sent.append(Sent(left, contact_id, LIVE, encode(out)))
    sent.sort(key=lambda one: one.at)
    records = Scenario(tuple(sent), (START + 3_600_000,)).records()
    n: Counter[Measure] = Counter()
    for key, row in views(run(records, 2)).merged().items():
        if key.dims == "queue":
            n.update(row)
    assert n["offered"] == n["sl_offered"] == 120
    within, answered, offered = n["answered_in_threshold"], n["answered"], n["offered"]
    abandoned, short, in_time = (
        n["abandoned"],
        n["short_abandoned"],
        n["abandoned_in_threshold"],
    )
    variants = {
        "V1": within / (offered - short),  # 70 / 115
        "V2": within / offered,  # 70 / 120
        "V3": within / (answered + abandoned - short),  # 70 / 105
        "V4": (within + in_time) / offered,  # 80 / 120
        "V5 ignored": within / (offered - in_time),  # 70 / 110
        "V5 positive": (within + in_time - short) / (offered - short),  # 75 / 115
        "V6": within / answered,  # 70 / 90
    }
    assert {name: round(100 * level, 2) for name, level in variants.items()} == {
        **{"V1": 60.87, "V2": 58.33, "V3": 66.67, "V4": 66.67},
        **{"V5 ignored": 63.64, "V5 positive": 65.22, "V6": 77.78},
    }


def test_a_topic_is_kept_once_in_the_order_of_telling() -> None:
    first = at(100, "call.ended", agent_id="a", talk_ms=80 * S, topics=["fee", "fee", "network"])
    second = at(200, "call.ended", agent_id="b", talk_ms=50 * S, topics=["network", "refund"])
    rows = (told(QUEUED), told(QUEUED, ANSWERED, first, second))
    topics = [dict(zip(CONTACTS.columns, one.row(), strict=True))["topics"] for one in rows]
    assert topics == [[], ["fee", "network", "refund"]]
