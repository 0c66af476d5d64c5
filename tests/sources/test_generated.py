"""A made-up centre: the same again from the same seed, believable, and readable throughout."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import date, datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pipeline.decode import DeadLetter, Decoder
from pipeline.sources.generated import GeneratedCentre
from pipeline.sources.generated_disorder import Disorder, disturbed
from schemas.events import epoch_ms

ZONE = ZoneInfo("Asia/Shanghai")
FIRST = date(2026, 3, 2)
INGESTED_MS = epoch_ms(datetime(2026, 6, 1, tzinfo=ZONE))


def centre(seed: int = 1, days: int = 2, calls_per_day: int = 1_200) -> GeneratedCentre:
    return GeneratedCentre(seed, "demo", ZONE, FIRST, days=days, calls_per_day=calls_per_day)


@pytest.fixture(scope="module")
def week() -> list[dict[str, Any]]:
    return [json.loads(payload) for payload in centre(days=7).events()]


def test_the_same_seed_gives_the_same_bytes() -> None:
    source = centre()
    first = list(source.events())
    assert source.position == source.size
    assert first == list(source.events()) == list(centre().events())
    assert first != list(centre(seed=2).events())


def test_events_come_in_order_of_occurrence_and_are_all_valid(week: list[dict[str, Any]]) -> None:
    moments = [event["occurred_at"] for event in week]
    assert moments == sorted(moments)
    decoder = Decoder()
    for event in week:
        assert not isinstance(decoder.decode(json.dumps(event).encode(), INGESTED_MS), DeadLetter)
    ids = [event["event_id"] for event in week]
    assert len(set(ids)) == len(ids)


def test_its_numbers_are_those_of_a_small_centre(week: list[dict[str, Any]]) -> None:
    offered = short = lost = within = 0
    for event in week:
        if event["event_type"] == "call.queued":
            offered += event["direction"] == "inbound"
        elif event["event_type"] == "call.answered":
            threshold_s = {"complaints": 15, "callback": 60}.get(event.get("queue", ""), 20)
            within += event["wait_ms"] <= threshold_s * 1000 and "queue" in event
        elif event["event_type"] == "call.abandoned" and event["phase"] != "ivr":
            lost += 1
            short += event["wait_ms"] <= 5_000
    assert 0.70 <= within / (offered - short) <= 0.90
    assert 0.03 <= (lost - short) / (offered - short) <= 0.08


def test_everything_happens_that_happens_in_a_centre(week: list[dict[str, Any]]) -> None:
    kinds = Counter(event["event_type"] for event in week)
    assert set(kinds) == {
        *("ivr.started", "ivr.ended", "call.queued", "call.ringing", "call.answered", "call.held"),
        *("call.transferred", "call.flow_out", "call.callback", "call.failed", "call.abandoned"),
        *("call.ended", "call.acw_ended"),
    }
    queues = Counter(e["queue"] for e in week if e["event_type"] == "call.queued")
    assert [name for name, _ in queues.most_common(3)] == ["general", "billing", "technical"]
    assert set(queues) == {"general", "billing", "technical", "complaints", "vip", "callback"}
    # A transfer is a second entry of the same contact, elsewhere.
    entries = defaultdict(list)
    for event in week:
        if event["event_type"] == "call.queued":
            entries[event["contact_id"]].append(event["queue"])
    twice = [queues for queues in entries.values() if len(queues) > 1]
    assert len(twice) > 100
    assert all(first != second for first, second in twice)
    # Mornings are busier than nights, and some callers come back.
    hours = Counter(
        datetime.fromisoformat(e["occurred_at"]).astimezone(ZONE).hour
        for e in week
        if e["event_type"] == "ivr.started"
    )
    assert hours[10] > 20 * hours[3]
    contacts_of = defaultdict(set)
    for event in week:
        contacts_of[event.get("phone_hash", "")].add(event["contact_id"])
    again = sum(len(contacts) > 1 for phone, contacts in contacts_of.items() if phone)
    assert 0.05 < again / len(contacts_of) < 0.25


def test_a_bad_network_loses_nothing() -> None:
    sent = list(centre(days=1, calls_per_day=600).events())
    disorder = Disorder(
        late=0.05, duplicate=0.05, corrected=0.1, bad=0.01, shuffled_within_ms=2_000
    )
    arrived = list(disturbed(sent, 7, disorder))
    assert arrived == list(disturbed(sent, 7, disorder))
    assert set(sent) <= set(arrived)

    copies = Counter(arrived)
    assert sum(copies[payload] == 2 for payload in sent) / len(sent) == pytest.approx(
        0.05, abs=0.02
    )
    decoder = Decoder()
    judged = [decoder.decode(payload, INGESTED_MS) for payload in arrived]
    dead = [letter for letter in judged if isinstance(letter, DeadLetter)]
    assert len(dead) / len(sent) == pytest.approx(0.01, abs=0.006)
    assert len({letter.reason for letter in dead}) >= 4
    events = [event for event in judged if not isinstance(event, DeadLetter)]
    assert any(event.corrects for event in events)
    assert any(event.version == 2 for event in events)
    # Reordered within two seconds, but for those that are late or corrections.
    moments = [event.occurred_ms for event in events]
    behind = sum(later < earlier - 2_000 for earlier, later in pairwise(moments))
    assert 0.05 < behind / len(sent) < 0.4


def test_without_disorder_nothing_changes() -> None:
    sent = list(centre(days=1, calls_per_day=50).events())
    calm = Disorder(late=0, duplicate=0, corrected=0, bad=0, shuffled_within_ms=0)
    assert list(disturbed(sent, 1, calm)) == sent
