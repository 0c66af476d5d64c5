"""Zendesk's ticket events, and its signature."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline.sources.adapters.zendesk import verify
from schemas.adapters import AdapterNames
from tests.sources.adapters.reading import PAYLOADS, events_of, problem_of, readings_of

NAME = "zendesk"


def event(kind: str, change: object = None, **detail: Any) -> dict[str, Any]:
    return {
        "id": "e-1",
        "type": f"zen:event-type:{kind}",
        "time": "2026-03-02T09:00:00.123456789Z",
        "account_id": 1,
        "subject": "zen:ticket:77",
        "zendesk_event_version": "2022-11-06",
        "detail": {
            "id": 77,
            "status": "OPEN",
            "priority": "HIGH",
            "subject": "Refund",
            "description": "Where is my refund?",
            "requester_id": 5,
            "group_id": 3,
            "assignee_id": None,
            "created_at": "2026-03-02T08:59:59Z",
            "updated_at": "2026-03-02T09:00:00Z",
            "via": {"channel": "email"},
        }
        | detail,
        "event": change or {},
    }


def test_a_new_ticket() -> None:
    names = AdapterNames(departments={"3": "billing"}, agents={"9": "li"})
    (ticket,) = events_of(NAME, event("ticket.created", assignee_id=9), names)
    assert ticket == {
        "event_id": "zendesk:e-1",
        "event_type": "ticket.registered",
        "site": "example",
        "source": NAME,
        "occurred_at": "2026-03-02T09:00:00.123457+00:00",
        "version": 1_772_442_000_000,
        "ticket_id": "77",
        "customer_id": "zendesk:5",
        "channel": "email",
        "priority": "high",
        "department": "billing",
        "owner": "li",
        "subject_text": "Refund",
        "text": "Where is my refund?",
        "received_at": "2026-03-02T08:59:59+00:00",
    }
    assert events_of(NAME, event("ticket.created", assignee_id=9), names) == [ticket]


def change(current: str, previous: str) -> dict[str, str]:
    return {"current": current, "previous": previous}


@pytest.mark.parametrize(
    ("kind", "changed", "ours"),
    [
        ("status_changed", change("SOLVED", "OPEN"), "resolved"),
        ("status_changed", change("CLOSED", "SOLVED"), "closed"),
        ("status_changed", change("ARCHIVED", "CLOSED"), "archived"),
        ("status_changed", change("OPEN", "SOLVED"), "reopened"),
        ("status_changed", change("PENDING", "OPEN"), "updated"),
        ("status_changed", change("DELETED", "OPEN"), "closed"),
        ("status_changed", None, "updated"),
        ("group_assignment_changed", change("3", "2"), "dispatched"),
        ("agent_assignment_changed", change("9", ""), "dispatched"),
        ("priority_changed", change("HIGH", "LOW"), "updated"),
        ("tags_changed", None, "updated"),
        ("something_new", None, "updated"),
        ("soft_deleted", None, "closed"),
        ("marked_as_spam", None, "closed"),
        ("merged", {"target_ticket_id": "12"}, "merged"),
    ],
)
def test_what_becomes_of_a_ticket(kind: str, changed: object, ours: str) -> None:
    (ticket,) = events_of(NAME, event(f"ticket.{kind}", changed))
    assert ticket["event_type"] == f"ticket.{ours}"
    assert ticket.get("merged_into") == ("12" if ours == "merged" else None)


@pytest.mark.parametrize(
    ("staff", "public", "ours", "text"),
    [
        (True, True, "ticket.replied", "Done."),
        (False, True, "ticket.updated", "Done."),
        (True, False, "ticket.updated", None),
    ],
)
def test_comments(staff: bool, public: bool, ours: str, text: str | None) -> None:
    comment = {"id": "1", "body": "Done.", "is_public": public, "author": {"is_staff": staff}}
    (ticket,) = events_of(NAME, event("ticket.comment_added", {"comment": comment}))
    assert (ticket["event_type"], ticket.get("text")) == (ours, text)


def test_what_is_no_tickets_is_passed_over_by_name() -> None:
    (reading,) = readings_of(NAME, {"type": "zen:event-type:user.created", "detail": {}})
    assert reading.skipped == "Zendesk event user.created"


def test_fields_that_nobody_reads_are_counted_by_name() -> None:
    (reading,) = readings_of(NAME, event("ticket.created", new_field=1))
    assert {"detail.new_field", "account_id"} <= set(reading.ignored)


def test_what_cannot_be_read_is_named() -> None:
    sent = event("ticket.created")
    del sent["detail"]["id"]
    assert problem_of(NAME, sent) == (
        "detail.id is missing; send the record whole, as the vendor wrote it"
    )
    sent = event("ticket.created")
    del sent["id"]
    assert problem_of(NAME, sent).startswith("id is missing; ")
    assert "detail.updated_at is 'now'" in problem_of(NAME, event("ticket.x", updated_at="now"))
    assert "the record is 5" in problem_of(NAME, "5")


def test_the_signature() -> None:
    # printf '%s%s' "$t" "$body" | openssl dgst -sha256 -hmac s3cret -binary | base64
    body, timestamp = b'{"id":"e-1"}', "2026-03-02T09:00:00Z"
    headers = {
        "X-Zendesk-Webhook-Signature": "6otYV7H+qYmDhCtVzlBqiX5D/M0LyzPNpL0yyWX0DrY=",
        "X-Zendesk-Webhook-Signature-Timestamp": timestamp,
    }
    assert verify(headers, body, "s3cret")
    assert verify({name.lower(): value for name, value in headers.items()}, body, "s3cret")
    assert not verify(headers, body + b" ", "s3cret")
    assert not verify(headers, body, "another")
    assert not verify(headers | {"X-Zendesk-Webhook-Signature-Timestamp": "later"}, body, "s3cret")
    assert not verify(headers | {"X-Zendesk-Webhook-Signature": "ümläut"}, body, "s3cret")
    assert not verify({}, body, "s3cret")


@pytest.mark.real_data
def test_the_event_of_zendesks_own_documents() -> None:
    body = (PAYLOADS / "zendesk_event.json").read_bytes()
    (ticket,) = events_of(NAME, body)
    assert ticket["event_type"] == "ticket.registered"
    assert ticket["event_id"] == f"zendesk:{json.loads(body)['id']}"
    assert (ticket["ticket_id"], ticket["channel"]) == ("35436", "web")
