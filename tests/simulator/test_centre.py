"""A simulated centre: the same again from the same seed, believable, and readable throughout."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import datetime

import pytest

from pipeline.decode import DeadLetter, Decoder
from pipeline.simulator.centre import DAY_MS
from schemas.events import epoch_ms
from tests.simulator.conftest import SITE, START, Stretch, centre, payloads

INGESTED_MS = START + 90 * DAY_MS
HOUR_MS = 3_600_000


def test_the_same_seed_gives_the_same_bytes() -> None:
    first = payloads(centre(seats=5), START + DAY_MS)
    assert first == payloads(centre(seats=5), START + DAY_MS)
    assert first != payloads(centre(seats=5, seed=2), START + DAY_MS)


def test_it_goes_on_without_a_seam() -> None:
    whole = payloads(centre(seats=5), START + DAY_MS)
    in_parts = centre(seats=5)
    ends = [START + hour * HOUR_MS + 77 for hour in range(24)]
    parts = [payload for end in [*ends, START + DAY_MS] for payload in payloads(in_parts, end)]
    assert parts == whole


def test_events_come_in_order_of_occurrence_and_are_all_valid(week: Stretch) -> None:
    moments = [event["occurred_at"] for event in week.events]
    assert moments == sorted(moments)
    decoder = Decoder()
    for event in week.events:
        decoded = decoder.decode(json.dumps(event).encode(), INGESTED_MS)
        assert not isinstance(decoded, DeadLetter), decoded
    ids = [event["event_id"] for event in week.events]
    assert len(set(ids)) == len(ids)


def test_its_numbers_are_those_of_a_decent_centre(week: Stretch) -> None:
    total: Counter[str] = Counter()
    levels = {}
    for queue, counts in week.truth["queues"].items():
        total.update(counts["total"])
        levels[queue] = counts["total"].get("service_level")
    chances = total["offered"] - total["short_abandoned"]
    assert 0.72 <= total["answered_in_threshold"] / chances <= 0.88
    assert 0.03 <= (total["abandoned"] - total["short_abandoned"]) / chances <= 0.08
    worked = total["talk_ms"] + total["hold_ms"] + total["acw_ms"]
    assert 4 <= worked / total["handled"] / 60_000 <= 6
    assert 2_500 * 7 <= total["offered"] <= 4_000 * 7
    assert 70 <= week.truth["occupancy"] <= 88
    assert levels.pop("callback") is None
    assert min(levels, key=lambda queue: levels[queue]) == "technical"  # the weak one
    registered = sum(counts["opened"] for counts in week.truth["tickets"].values())
    assert 100 * 7 <= registered <= 200 * 7


def test_what_is_said_is_what_is_true(week: Stretch) -> None:
    """The truth, counted again from the events by hand."""
    entered = Counter(
        event["queue"] for event in week.of("call.queued") if event["direction"] == "inbound"
    )
    failed = Counter(event["queue"] for event in week.of("call.failed"))
    answered = Counter(event["queue"] for event in week.of("call.answered") if "queue" in event)
    for queue, counts in week.truth["queues"].items():
        total = counts["total"]
        assert total.get("offered", 0) == entered[queue] - failed[queue]
        if queue != "callback":
            assert total["answered"] == answered[queue]
        assert sum(hour.get("offered", 0) for hour in counts["hours"].values()) == total.get(
            "offered", 0
        )
    assert sum(week.truth["escalations"].values()) == len(
        week.of("escalation.internal", "escalation.external")
    )
    assert week.truth["surveys"]["responded"] == len(week.of("survey.responded"))
    registered = Counter(event["topic"] for event in week.of("ticket.registered"))
    assert registered == {t: c["opened"] for t, c in week.truth["tickets"].items()}
    tickets: Counter[str] = Counter()
    for counts in week.truth["tickets"].values():
        tickets.update(counts)
    assert tickets["dispatched"] == len({e["ticket_id"] for e in week.of("ticket.dispatched")})
    moved = [e for e in week.of("ticket.updated") if e.get("reason") == "wrong region"]
    assert tickets["reworked"] == len(moved) > 0
    closed = {e["ticket_id"] for e in week.of("ticket.closed")}
    paid = {
        e["ticket_id"]: e["compensation_amount"]
        for e in week.of("ticket.resolved")
        if e["ticket_id"] in closed and "compensation_amount" in e
    }
    assert (tickets["compensated"], tickets["compensation"]) == (
        len(paid),
        100 * sum(paid.values()),
    )


def test_everything_happens_that_happens_in_a_centre(week: Stretch) -> None:
    kinds = {event["event_type"] for event in week.events}
    assert kinds >= {
        *("ivr.started", "ivr.ended", "call.queued", "call.ringing", "call.answered", "call.held"),
        *("call.transferred", "call.flow_out", "call.callback", "call.failed", "call.abandoned"),
        *("call.ended", "call.acw_ended", "agent.state", "transcript.ready", "kb.lookup"),
        *("ticket.received", "ticket.registered", "ticket.dispatched", "ticket.accepted"),
        *("ticket.updated", "ticket.replied", "ticket.resolved", "ticket.followed_up"),
        *("ticket.closed", "ticket.archived", "ticket.returned", "ticket.reopened"),
        *("ticket.merged", "task.assigned", "task.urged", "task.answered", "task.returned"),
        *("task.closed", "escalation.internal", "escalation.external", "survey.invited"),
        *("survey.responded", "followup.due", "followup.attempted", "followup.reached"),
        *("quality.review", "social.mention", "incident.opened", "incident.closed"),
    }
    reasons = Counter(r for e in week.of("ticket.registered") for r in e.get("urgent_reasons", ()))
    assert set(reasons) >= {"VU1", "VU3"}
    # A transfer is a second entry of the same contact, elsewhere.
    entries = defaultdict(list)
    for event in week.of("call.queued"):
        entries[event["contact_id"]].append(event["queue"])
    twice = [queues for queues in entries.values() if len(queues) > 1]
    assert len(twice) > 100
    assert all(first != second for first, second in twice)
    hours = Counter(
        datetime.fromisoformat(e["occurred_at"]).astimezone(SITE.zone).hour
        for e in week.of("ivr.started")
    )
    assert hours[10] > 15 * hours[3] > 0
    assert 0.05 < week.truth["repeat_contacts"] / week.truth["contacts"] < 0.25


def test_nobody_is_answered_by_somebody_who_is_not_there(week: Stretch) -> None:
    """Waits follow from who is on duty: an agent who answers was ready, or has another chat."""
    state: dict[str, str] = {}
    for event in week.of("agent.state", "call.answered"):
        agent = event["agent_id"]
        if event["event_type"] == "call.answered":
            assert state[agent] in ("ready", "talking")
            continue
        if event["state"] == "talking":
            assert state[agent] == "ready"
        elif event["state"] == "acw":
            assert state[agent] == "talking"
        state[agent] = event["state"]
    assert "offline" in state.values()


def test_an_incident_is_felt(week: Stretch) -> None:
    incident = next(i for i in week.truth["incidents"] if i["kind"] == "spike")
    begin, end = (datetime.fromisoformat(incident[name]) for name in ("from", "to"))
    length_h = (end - begin).total_seconds() / 3600
    moments = [
        datetime.fromisoformat(event["occurred_at"])
        for event in week.of("call.ended")
        if incident["what"] in event.get("topics", ())
    ]
    during = sum(begin <= moment < end for moment in moments) / length_h
    same_hours = sum(
        begin.time() <= m.astimezone(begin.tzinfo).time() < end.time() for m in moments
    )
    others = (same_hours - during * length_h) / 6 / length_h
    assert during > 2 * others


def test_tickets_are_there_before_the_first_call() -> None:
    simulated = centre(seats=20, backlog_days=4, heartbeat_s=0)
    events = [json.loads(event) for event in payloads(simulated, START + HOUR_MS)]
    before = [
        event for event in events if epoch_ms(datetime.fromisoformat(event["occurred_at"])) < START
    ]
    assert {event["event_type"].partition(".")[0] for event in before} <= {
        *("ticket", "task", "escalation", "followup", "social")
    }
    opened = sum(event["event_type"] == "ticket.registered" for event in before)
    closed = sum(event["event_type"] == "ticket.closed" for event in before)
    assert opened > 100
    assert 0 < closed < opened
    assert any(event["event_type"] == "agent.state" for event in events[len(before) :])


@pytest.mark.parametrize("seats", [1, 7])
def test_small_centres_work_too(seats: int) -> None:
    simulated = centre(seats=seats, heartbeat_s=0)
    payloads(simulated, START + 3 * DAY_MS)
    truth = simulated.document()
    assert 30 * seats < truth["contacts"] / 3 < 100 * seats
