"""Zammad's webhooks flow in, the events of tickets flow out; the signature is checked.

After admin-docs.zammad.org, "Webhooks": a trigger sends the ticket as it is and the article that
set it off, but not what changed. So we tell what the state says, under ids that follow from it: a
ticket that is closed was closed at `last_close_at`, however many webhooks say so.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from html.parser import HTMLParser
from typing import Annotated, Final

from pydantic import BeforeValidator, Field

from pipeline.sources.adapters.adapter import (
    MAX_TEXT,
    Adapter,
    EventDict,
    Record,
    Sender,
    modelled,
    phone_of,
    version_of,
)
from schemas.events.envelope import Instant

NAME: Final = "zammad"
_CLOSED: Final = frozenset({"closed"})
_AT_CREATION: Final = timedelta(seconds=5)
"""A ticket's first webhook is sent within the moment in which it is written."""
_NOBODY: Final = "1"
"""Zammad's user 1 owns what nobody owns."""


def _name(value: object) -> object:
    """Older versions send `"open"`, newer ones `{"id": 2, "name": "open"}`."""
    return value.get("name") if isinstance(value, dict) else value


def _or_none(value: object) -> object:
    """A webhook that no article set off has an empty one."""
    return value or None


Named = Annotated[str | None, BeforeValidator(_name)]


class _Group(Record):
    id: str | None = None
    name: str | None = None


class _Customer(Record):
    id: str | None = None
    email: str | None = None
    phone: str | None = None
    mobile: str | None = None


class _Ticket(Record):
    id: str = Field(min_length=1, max_length=150)
    created_at: Instant
    updated_at: Instant
    article_count: int | None = None
    title: str | None = None
    state: Named = None
    priority: Named = None
    group: _Group | None = None
    owner_id: str | None = None
    customer_id: str | None = None
    customer: _Customer | None = None
    create_article_type: Named = None
    close_at: Instant | None = None
    last_close_at: Instant | None = None
    escalation_at: Instant | None = None


class _Article(Record):
    id: str = Field(min_length=1, max_length=150)
    created_at: Instant
    body: str | None = None
    content_type: str | None = None
    internal: bool | None = None
    sender: Named = None
    type: Named = None


class Webhook(Record):
    """What we read of a webhook, under Zammad's names."""

    ticket: _Ticket
    article: Annotated[_Article | None, BeforeValidator(_or_none)] = None


def _events(record: Webhook, sender: Sender) -> Iterator[EventDict]:
    ticket, article = record.ticket, record.article
    customer = ticket.customer
    common: dict[str, object] = {
        "ticket_id": ticket.id,
        "customer_id": f"zammad:{ticket.customer_id}" if ticket.customer_id else None,
        "phone": phone_of((customer.phone or customer.mobile) if customer else None),
        "account": (customer.email or None) if customer else None,
        "channel": _channel(ticket.create_article_type),
    }
    now = common | _as_it_is(ticket, sender)

    def event(
        event_type: str, at: datetime, step: str, version: int | None, fields: dict[str, object]
    ) -> EventDict:
        step_id = f"zammad:{ticket.id}:{step}"
        return sender.event(event_type, at, step_id, version=version, **fields)

    version = version_of(ticket.updated_at)
    new = ticket.updated_at - ticket.created_at <= _AT_CREATION
    first: dict[str, object] = {"received_at": ticket.created_at.isoformat()}
    if new:
        if article is not None and _by(article, "customer"):
            first["text"] = _text(article)
        yield event("ticket.registered", ticket.created_at, "registered", version, now | first)
    else:
        # Its first webhook may have been lost; if it was not, or comes yet, its version is higher.
        yield event("ticket.registered", ticket.created_at, "registered", None, common | first)
        yield event("ticket.updated", ticket.updated_at, f"updated:{version}", None, now)
    if article is not None and not article.internal:
        step = f"article:{article.id}"
        said: dict[str, object] = common | {"text": _text(article)}
        if _by(article, "agent"):
            yield event("ticket.replied", article.created_at, step, None, said)
        elif _by(article, "system"):
            yield event("ticket.replied", article.created_at, step, None, said | {"auto": True})
        elif not new:
            yield event("ticket.updated", article.created_at, step, None, said)
    closed_at = ticket.last_close_at or ticket.close_at
    if ticket.state in _CLOSED:
        at = closed_at or ticket.updated_at
        yield event("ticket.closed", at, f"closed:{version_of(at)}", None, now)
    elif ticket.state == "merged":
        yield event("ticket.merged", closed_at or ticket.updated_at, "merged", None, common)
    elif closed_at is not None:
        step = f"reopened:{version_of(closed_at)}"
        yield event("ticket.reopened", ticket.updated_at, step, None, now)


def _as_it_is(ticket: _Ticket, sender: Sender) -> dict[str, object]:
    """The fields of a ticket that change in the course of its life."""
    group = ticket.group.name or ticket.group.id if ticket.group else None
    owner = ticket.owner_id if ticket.owner_id != _NOBODY else None
    return {
        "priority": ticket.priority,
        "department": sender.names.departments.get(group, group) if group else None,
        "owner": sender.names.agents.get(owner, owner) if owner else None,
        "due_at": ticket.escalation_at.isoformat() if ticket.escalation_at else None,
        "subject_text": ticket.title[:MAX_TEXT] if ticket.title else None,
    }


def _by(article: _Article, who: str) -> bool:
    return (article.sender or "").lower() == who


def _channel(article_type: str | None) -> str | None:
    return None if article_type is None else article_type.lower()[:64]


class _Words(HTMLParser):
    """Collects the text between tags; a block begins a new line."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.parts.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        if tag in ("br", "div", "p", "li", "tr"):
            self.parts.append("\n")


def _text(article: _Article) -> str | None:
    """What an article says, without its markup."""
    if not article.body:
        return None
    if "html" not in (article.content_type or ""):
        return article.body[:MAX_TEXT]
    words = _Words()
    words.feed(article.body)
    words.close()
    lines = (" ".join(line.split()) for line in "".join(words.parts).splitlines())
    return "\n".join(line for line in lines if line)[:MAX_TEXT]


def verify(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Whether Zammad signed this body: `X-Hub-Signature: sha1=` and HMAC-SHA1 over the body."""
    sent = {name.lower(): value for name, value in headers.items()}
    expected = "sha1=" + hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()
    return hmac.compare_digest(expected.encode(), sent.get("x-hub-signature", "").encode())


ZAMMAD: Final = Adapter(NAME, modelled(Webhook, _events), verify=verify)
