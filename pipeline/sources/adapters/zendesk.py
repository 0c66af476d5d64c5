"""Zendesk's event webhooks flow in, the events of tickets flow out; the signature is checked.

After developer.zendesk.com, "Ticket events" and "Verifying webhooks": each event has an id of its
own, repeated when Zendesk sends it again, and holds the ticket as it was then in `detail` and what
changed in `event`. Delivery is at least once and in no order.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import Field

from pipeline.sources.adapters.adapter import (
    MAX_TEXT,
    Adapter,
    EventDict,
    Reading,
    Record,
    Sender,
    modelled,
    version_of,
)
from schemas.events.envelope import Instant

NAME: Final = "zendesk"
_PREFIX: Final = "zen:event-type:ticket."
_SOLVED: Final = frozenset({"SOLVED", "CLOSED", "ARCHIVED"})
_OF_STATUS: Final = {
    "SOLVED": "ticket.resolved",
    "CLOSED": "ticket.closed",
    "ARCHIVED": "ticket.archived",
    "DELETED": "ticket.closed",
}
_OF_TYPE: Final = {
    "created": "ticket.registered",
    "agent_assignment_changed": "ticket.dispatched",
    "group_assignment_changed": "ticket.dispatched",
    "merged": "ticket.merged",
    "soft_deleted": "ticket.closed",
    "permanently_deleted": "ticket.closed",
    "marked_as_spam": "ticket.closed",
}
"""What becomes of a ticket; every other ticket event says that some of its fields changed."""
_REASONS: Final = {
    "soft_deleted": "deleted",
    "permanently_deleted": "deleted",
    "marked_as_spam": "spam",
}


class _Via(Record):
    channel: str | None = None


class _Detail(Record):
    id: str = Field(min_length=1, max_length=150)
    status: str | None = None
    priority: str | None = None
    subject: str | None = None
    description: str | None = None
    assignee_id: str | None = None
    group_id: str | None = None
    requester_id: str | None = None
    created_at: Instant | None = None
    updated_at: Instant | None = None
    via: _Via | None = None


class _Author(Record):
    is_staff: bool | None = None


class _Comment(Record):
    id: str | None = None
    body: str | None = None
    is_public: bool | None = None
    author: _Author | None = None


class _Change(Record):
    current: Any = None
    previous: Any = None
    comment: _Comment | None = None
    target_ticket_id: str | None = None


class ZendeskEvent(Record):
    """What we read of an event, under Zendesk's names."""

    id: str = Field(min_length=1, max_length=150)
    type: str
    time: Instant
    detail: _Detail
    event: _Change | None = None


def _events(record: ZendeskEvent, sender: Sender) -> Iterator[EventDict]:
    detail = record.detail
    event_type, fields = _meaning(record.type.removeprefix(_PREFIX), record.event or _Change())
    if event_type == "ticket.registered":
        fields |= {"text": _cut(detail.description), "received_at": _told(detail.created_at)}
    group, owner = detail.group_id, detail.assignee_id
    yield sender.event(
        event_type,
        record.time,
        f"zendesk:{record.id}",
        **{
            "version": version_of(detail.updated_at),
            "ticket_id": detail.id,
            "customer_id": f"zendesk:{detail.requester_id}" if detail.requester_id else None,
            "channel": detail.via.channel if detail.via else None,
            "priority": detail.priority.lower() if detail.priority else None,
            "department": sender.names.departments.get(group, group) if group else None,
            "owner": sender.names.agents.get(owner, owner) if owner else None,
            "subject_text": _cut(detail.subject),
            **fields,
        },
    )


def _meaning(what: str, change: _Change) -> tuple[str, dict[str, object]]:
    """What an event says became of its ticket."""
    if what == "status_changed":
        current, previous = _status(change.current), _status(change.previous)
        if previous in _SOLVED and current not in _OF_STATUS:
            return "ticket.reopened", {}
        reason = "deleted" if current == "DELETED" else None
        return _OF_STATUS.get(current, "ticket.updated"), {"reason": reason}
    if what == "comment_added" and change.comment is not None:
        comment = change.comment
        if not comment.is_public:
            return "ticket.updated", {}  # a note among staff is nobody's answer and no complaint
        staff = bool(comment.author and comment.author.is_staff)
        return "ticket.replied" if staff else "ticket.updated", {"text": _cut(comment.body)}
    fields: dict[str, object] = {"reason": _REASONS.get(what)}
    if what == "merged":
        fields["merged_into"] = change.target_ticket_id
    return _OF_TYPE.get(what, "ticket.updated"), fields


def _status(value: object) -> str:
    return value.upper() if isinstance(value, str) else ""


def _cut(text: str | None) -> str | None:
    return None if text is None else text[:MAX_TEXT]


def _told(instant: Instant | None) -> str | None:
    return None if instant is None else instant.isoformat()


def verify(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Whether Zendesk signed this body: base64 of HMAC-SHA256 over timestamp and body."""
    sent = {name.lower(): value for name, value in headers.items()}
    timestamp = sent.get("x-zendesk-webhook-signature-timestamp", "")
    signature = sent.get("x-zendesk-webhook-signature", "")
    digest = hmac.new(secret.encode(), timestamp.encode() + body, hashlib.sha256).digest()
    return hmac.compare_digest(base64.b64encode(digest), signature.encode())


_read_ticket: Final = modelled(ZendeskEvent, _events)


def _read(content: Any, sender: Sender) -> Reading:
    """Pass over what is no ticket's: one webhook may be subscribed to users and articles too."""
    kind = content.get("type") if isinstance(content, dict) else None
    if isinstance(kind, str) and not kind.startswith(_PREFIX):
        return Reading(skipped=f"Zendesk event {kind.removeprefix('zen:event-type:')[:60]}")
    return _read_ticket(content, sender)


ZENDESK: Final = Adapter(NAME, _read, verify=verify)
