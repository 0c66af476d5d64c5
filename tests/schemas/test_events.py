"""The contracts: every name of the vocabulary, required fields, bounds, contradictions."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from schemas.events import EVENT_TYPES, Event, epoch_ms
from schemas.events.agents import ScheduleSegment
from schemas.events.calls import CallAnswered, CallQueued
from schemas.events.customers import Purchase

ENVELOPE: dict[str, Any] = {
    "event_id": "e1",
    "site": "demo",
    "source": "pbx",
    "occurred_at": "2026-03-01T08:00:00Z",
}

TICKET = {"ticket_id": "t"}
TASK = {"task_id": "k", "ticket_id": "t"}
CONTACT = {"contact_id": "c"}
# The vocabulary, with exactly the fields that it prints in bold.
REQUIRED: dict[str, dict[str, Any]] = {
    "call.queued": {**CONTACT, "queue": "PS"},
    "call.ringing": CONTACT,
    "call.answered": {**CONTACT, "agent_id": "a", "wait_ms": 0},
    "call.abandoned": {**CONTACT, "wait_ms": 0, "phase": "ivr"},
    "call.held": CONTACT,
    "call.transferred": CONTACT,
    "call.flow_out": CONTACT,
    "call.callback": CONTACT,
    "call.failed": CONTACT,
    "call.ended": {**CONTACT, "talk_ms": 0},
    "call.acw_ended": {**CONTACT, "agent_id": "a", "acw_ms": 0},
    "ivr.started": CONTACT,
    "ivr.ended": CONTACT,
    "agent.state": {"agent_id": "a", "state": "ready"},
    "schedule.segment": {
        "agent_id": "a",
        "from": "2026-03-01T08:00:00Z",
        "to": "2026-03-01T12:00:00Z",
    },
    "ticket.received": TICKET,
    "ticket.registered": TICKET,
    "ticket.dispatched": TICKET,
    "ticket.accepted": TICKET,
    "ticket.updated": TICKET,
    "ticket.replied": TICKET,
    "ticket.resolved": TICKET,
    "ticket.followed_up": TICKET,
    "ticket.closed": TICKET,
    "ticket.archived": TICKET,
    "ticket.returned": TICKET,
    "ticket.reopened": TICKET,
    "ticket.merged": TICKET,
    "task.assigned": TASK,
    "task.urged": TASK,
    "task.answered": TASK,
    "task.returned": TASK,
    "task.closed": TASK,
    "escalation.internal": {"escalation_id": "x"},
    "escalation.external": {"escalation_id": "x"},
    "survey.invited": {"survey_id": "s"},
    "survey.responded": {"survey_id": "s"},
    "followup.due": TICKET,
    "followup.attempted": TICKET,
    "followup.reached": TICKET,
    "quality.review": CONTACT,
    "service_error.found": {"error_id": "x"},
    "service_error.remedied": {"error_id": "x"},
    "problem.proposed": {"problem_id": "p"},
    "problem.opened": {"problem_id": "p"},
    "problem.closed": {"problem_id": "p"},
    "prevention.started": {"problem_id": "p"},
    "incident.opened": {"incident_id": "i"},
    "incident.closed": {"incident_id": "i"},
    "social.mention": {"mention_id": "m"},
    "purchase": {"customer_id": "c", "amount": "12.50", "currency": "CNY"},
    "customer.count": {"unit": "users", "n": 1000000, "as_of": "2026-02-28"},
    "kb.lookup": CONTACT,
    "transcript.ready": CONTACT,
    "identity.linked": {"subjects": ["a", "b"]},
    "source.heartbeat": {},
    "alert.acknowledged": {"who": "w", "alert_id": "a"},
    "alert.silenced": {"who": "w", "matcher": {"queue": "PS"}},
    "alert.resolved": {"who": "w", "alert_id": "a"},
    "alert.feedback": {"who": "w", "alert_id": "a"},
    "config.changed": {"who": "w"},
}
EITHER_OR = {"alert_id", "matcher"}


def read(event_type: str, **fields: Any) -> Event:
    """Validate the smallest event of a type with some fields changed."""
    content = {**ENVELOPE, "event_type": event_type, **REQUIRED[event_type], **fields}
    return EVENT_TYPES[event_type].model_validate_json(json.dumps(content))


def test_the_vocabulary_is_complete() -> None:
    assert set(EVENT_TYPES) == set(REQUIRED)
    assert len(EVENT_TYPES) == 61


@pytest.mark.parametrize("event_type", REQUIRED)
def test_the_required_fields_are_enough(event_type: str) -> None:
    event = read(event_type)
    assert type(event) is EVENT_TYPES[event_type]
    assert event.event_type == event_type
    assert event.family == type(event).family != ""
    assert event.occurred_ms == 1_772_352_000_000


@pytest.mark.parametrize(
    ("event_type", "field"),
    [
        (event_type, field)
        for event_type, fields in REQUIRED.items()
        for field in (*ENVELOPE, *fields)
        if field not in EITHER_OR
    ],
)
def test_each_required_field_is_required(event_type: str, field: str) -> None:
    content = {**ENVELOPE, "event_type": event_type, **REQUIRED[event_type]}
    del content[field]
    with pytest.raises(ValidationError) as caught:
        EVENT_TYPES[event_type].model_validate_json(json.dumps(content))
    assert [(error["type"], error["loc"]) for error in caught.value.errors()] == [
        ("missing", (field,))
    ]


@pytest.mark.parametrize("model", EVENT_TYPES.values())
def test_every_text_list_and_number_is_bounded(model: type[Event]) -> None:
    def unbounded(schema: dict[str, Any], path: str) -> list[str]:
        if path.endswith("amount"):
            return []  # bounded by a check of its own
        match schema.get("type"):
            case "string" if not {"maxLength", "format", "enum", "const", "pattern"} & set(schema):
                return [path]
            case "integer" if not {"minimum", "maximum"} <= set(schema):
                return [path]
            case "number" if not {"minimum", "maximum"} <= set(schema):
                return [path]
            case "array":
                missing = [] if "maxItems" in schema else [path]
                return missing + unbounded(schema["items"], f"{path}[]")
        parts = schema.get("anyOf", [])
        return [found for part in parts for found in unbounded(part, path)]

    properties = model.model_json_schema()["properties"]
    found = [path for name, schema in properties.items() for path in unbounded(schema, name)]
    assert found == []


@pytest.mark.parametrize(
    ("event_type", "fields"),
    [
        ("call.answered", {"wait_ms": -1}),
        ("call.answered", {"wait_ms": 7 * 24 * 3600 * 1000 + 1}),
        ("call.answered", {"wait_ms": "12000"}),
        ("call.answered", {"wait_ms": 1.5}),
        ("call.answered", {"wait_ms": True}),
        ("call.answered", {"wait_ms": None}),
        ("call.answered", {"agent_id": ""}),
        ("call.answered", {"agent_id": 7}),
        ("call.answered", {"agent_id": "a" * 201}),
        ("call.answered", {"site": "s" * 65}),
        ("call.answered", {"version": -1}),
        ("call.answered", {"schema_version": 0}),
        ("call.answered", {"repairs": ["x"] * 21}),
        ("call.answered", {"occurred_at": "2026-03-01T08:00:00"}),
        ("call.answered", {"occurred_at": "2026-03-01"}),
        ("call.answered", {"occurred_at": 1772352000}),
        ("call.answered", {"occurred_at": "1772352000"}),
        ("call.answered", {"occurred_at": "2026-02-30T08:00:00Z"}),
        ("call.answered", {"occurred_at": "2026-03-01T24:00:00Z"}),
        ("call.abandoned", {"phase": "hold"}),
        ("call.ended", {"sentiment": 1.01}),
        ("call.ended", {"topic_confidence": -0.1}),
        ("call.ended", {"topics": ["x"] * 101}),
        ("ticket.received", {"category": []}),
        ("ticket.received", {"category": ["a", "b", "c", "d"]}),
        ("ticket.received", {"text": "x" * 20_001}),
        ("ticket.received", {"due_at": "1899-12-31T23:59:59Z"}),
        ("ticket.received", {"due_at": "2200-01-01T00:00:00Z"}),
        ("ticket.received", {"upheld": "yes"}),
        ("survey.responded", {"items": {"overall": 6}}),
        ("survey.responded", {"items": {"price": 3}}),
        ("survey.responded", {"nps": 11}),
        ("purchase", {"amount": "NaN"}),
        ("purchase", {"amount": "1e400"}),
        ("purchase", {"amount": "1.00001"}),
        ("purchase", {"amount": "1234567890123456"}),
        ("purchase", {"amount": True}),
        ("purchase", {"currency": "RMBY"}),
        ("customer.count", {"as_of": "2026-02-30"}),
        ("customer.count", {"as_of": "1899-12-31"}),
        # Contradictions: each field by itself would do.
        ("schedule.segment", {"to": "2026-03-01T07:59:59Z"}),
        ("schedule.segment", {"to": "2026-03-01T08:00:00Z"}),
        ("identity.linked", {"subjects": ["a", "a"]}),
        ("identity.linked", {"subjects": ["a"]}),
        ("alert.silenced", {"matcher": None}),
    ],
)
def test_a_value_outside_the_contract_is_refused(event_type: str, fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        read(event_type, **fields)


def test_what_the_contract_does_not_know_is_ignored() -> None:
    event = read("call.queued", schema_version=9, mood="sunny")
    assert event.schema_version == 9
    assert not hasattr(event, "mood")


def test_a_whole_number_may_be_written_with_a_point() -> None:
    event = read("call.answered", wait_ms=12000.0)
    assert isinstance(event, CallAnswered)
    assert (event.wait_ms, type(event.wait_ms)) == (12000, int)


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T08:00:00.001+08:00", 1),
        ("1970-01-01t00:00:00.0019999z", 2),  # the seventh digit is rounded: 2 ms exactly
        ("1970-01-01T00:00:00.0019994Z", 1),
        ("1969-12-31T23:59:59.9999Z", -1),  # down, not towards zero
        ("2026-03-01 16:00:00+0800", 1_772_352_000_000),
    ],
)
def test_occurred_ms_is_exact(text: str, milliseconds: int) -> None:
    assert read("call.queued", occurred_at=text).occurred_ms == milliseconds


def test_epoch_ms_does_not_overflow_at_the_ends_of_time() -> None:
    # 9999-12-31T23:59:59.999 is 253,402,300,799,999 ms after 1970.
    last = datetime.max.replace(tzinfo=UTC)
    assert epoch_ms(last) == 253_402_300_799_999


def test_money_keeps_every_digit_whether_text_or_number() -> None:
    for amount in ("1234567890.1234", 1234567890.1234):
        event = read("purchase", amount=amount)
        assert isinstance(event, Purchase)
        assert event.amount == Decimal("1234567890.1234")


def test_a_segment_is_read_by_its_name_in_the_vocabulary() -> None:
    event = read("schedule.segment")
    assert isinstance(event, ScheduleSegment)
    assert (event.to - event.from_).total_seconds() == 4 * 3600


def test_an_event_cannot_be_changed() -> None:
    event = read("call.queued")
    assert isinstance(event, CallQueued)
    with pytest.raises(ValidationError, match="frozen"):
        event.queue = "other"
