"""Zammad's webhooks, which say what is and not what changed, and their signature."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.sources.adapters.zammad import verify
from schemas.adapters import AdapterNames
from tests.sources.adapters.reading import PAYLOADS, brief, events_of, problem_of

NAME = "zammad"
CREATED = "2026-03-02T09:00:00.000Z"


def webhook(
    updated: str = "2026-03-02T09:00:00.050Z", article: object = None, **ticket: Any
) -> dict[str, Any]:
    return {
        "ticket": {
            "id": 81,
            "created_at": CREATED,
            "updated_at": updated,
            "title": "Refund",
            "state": "open",
            "priority": {"id": 2, "name": "2 normal"},
            "group": {"id": 3, "name": "Service Desk"},
            "owner_id": 1,
            "customer_id": 8,
            "customer": {"id": 8, "email": "e@example.com", "phone": "+49 30 123456"},
            "create_article_type": "email",
        }
        | ticket,
        "article": article or {},
    }


def article(sender: str, at: str = CREATED, **fields: Any) -> dict[str, Any]:
    return {
        "id": 104,
        "created_at": at,
        "sender": sender,
        "internal": False,
        "content_type": "text/html",
        "body": "<div>Where is<br>my &amp; her <b>refund</b>?</div><div><br></div>",
    } | fields


def test_a_new_ticket() -> None:
    (ticket,) = events_of(NAME, webhook(article=article("Customer")))
    assert ticket == {
        "event_id": "zammad:81:registered",
        "event_type": "ticket.registered",
        "site": "example",
        "source": NAME,
        "occurred_at": "2026-03-02T09:00:00+00:00",
        "version": 1_772_442_000_050,
        "ticket_id": "81",
        "customer_id": "zammad:8",
        "phone": "+49 30 123456",
        "account": "e@example.com",
        "channel": "email",
        "priority": "2 normal",
        "department": "Service Desk",
        "subject_text": "Refund",
        "received_at": "2026-03-02T09:00:00+00:00",
        "text": "Where is\nmy & her refund?",
    }


LATER = "2026-03-02T10:00:00.000Z"


def test_later_webhooks_repeat_that_it_was_registered() -> None:
    early, late = events_of(NAME, webhook()), events_of(NAME, webhook(LATER, state="pending close"))
    assert brief(late, "event_id", "version") == [
        ("ticket.registered", "09:00:00", "zammad:81:registered", None),
        ("ticket.updated", "10:00:00", "zammad:81:updated:1772445600000", None),
    ]
    assert early[0]["event_id"] == late[0]["event_id"]
    assert early[0]["version"] > 0
    assert "priority" not in late[0]  # as it is now, not as it was then


@pytest.mark.parametrize(
    ("sender", "more", "ours"),
    [
        ("Agent", {}, ("ticket.replied", None)),
        ("System", {}, ("ticket.replied", True)),
        ("Customer", {}, ("ticket.updated", None)),
        ("Agent", {"internal": True}, None),
    ],
)
def test_articles(sender: str, more: dict[str, Any], ours: tuple[object, ...] | None) -> None:
    sent = webhook(LATER, article(sender, "2026-03-02T09:59:59.000Z", **more))
    found = [e for e in events_of(NAME, sent) if e["event_id"] == "zammad:81:article:104"]
    assert [(e["event_type"], e.get("auto")) for e in found] == ([ours] if ours else [])
    assert all(e["text"] == "Where is\nmy & her refund?" for e in found)


def test_closed_is_told_once_however_often_it_is_sent() -> None:
    closed = webhook(LATER, state="closed", close_at="2026-03-02T09:59:00Z")
    again = webhook(
        "2026-03-02T11:00:00Z", state={"name": "closed"}, close_at="2026-03-02T09:59:00Z"
    )
    first, second = events_of(NAME, closed)[-1], events_of(NAME, again)[-1]
    assert brief([first]) == [("ticket.closed", "09:59:00")]
    assert first["event_id"] == second["event_id"] == "zammad:81:closed:1772445540000"


def test_open_after_it_was_closed_is_reopened_and_closed_again_is_another_closing() -> None:
    times = {"close_at": "2026-03-02T09:59:00Z", "last_close_at": "2026-03-02T09:59:00Z"}
    reopened = events_of(NAME, webhook(LATER, **times))[-1]
    assert brief([reopened]) == [("ticket.reopened", "10:00:00")]
    times["last_close_at"] = "2026-03-02T12:00:00Z"
    closed = events_of(NAME, webhook("2026-03-02T12:00:01Z", state="closed", **times))[-1]
    assert brief([closed]) == [("ticket.closed", "12:00:00")]


def test_merged() -> None:
    merged = events_of(NAME, webhook(LATER, state="merged"))[-1]
    assert merged["event_type"] == "ticket.merged"


def test_the_sites_words_take_the_place_of_the_vendors() -> None:
    names = AdapterNames(departments={"Service Desk": "desk"}, agents={"5": "li"})
    (ticket,) = events_of(NAME, webhook(owner_id=5), names)
    assert (ticket["department"], ticket["owner"]) == ("desk", "li")


def test_what_cannot_be_read_is_named() -> None:
    sent = webhook()
    del sent["ticket"]["id"]
    assert problem_of(NAME, sent) == (
        "ticket.id is missing; send the record whole, as the vendor wrote it"
    )
    assert problem_of(NAME, {"article": {}}).startswith("ticket is missing; ")
    assert "ticket.created_at is 'soon'" in problem_of(NAME, webhook(created_at="soon"))


def test_the_signature() -> None:
    # printf '%s' "$body" | openssl dgst -sha1 -hmac s3cret
    body = b'{"ticket":{"id":81}}'
    headers = {"X-Hub-Signature": "sha1=c19b18fc8c1fbdfa69e179063c2051d67ea07e69"}
    assert verify(headers, body, "s3cret")
    assert verify({"x-hub-signature": headers["X-Hub-Signature"]}, body, "s3cret")
    assert not verify(headers, body + b" ", "s3cret")
    assert not verify(headers, body, "another")
    assert not verify({"X-Hub-Signature": "0000"}, body, "s3cret")
    assert not verify({}, body, "s3cret")


@pytest.mark.real_data
def test_the_webhook_of_zammads_own_documents() -> None:
    (ticket,) = events_of(NAME, (PAYLOADS / "zammad_webhook.json").read_bytes())
    assert ticket["event_type"] == "ticket.registered"
    assert ticket["occurred_at"] == "2020-11-13T14:34:35.282000+00:00"
    assert ticket["text"] == "This is a simple Webhook Test."
    assert (ticket["department"], ticket["owner"]) == ("Service Desk", "5")
