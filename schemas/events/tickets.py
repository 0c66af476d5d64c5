"""What a ticket desk reports flows in: the life of a ticket, one body under thirteen names."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, ClassVar, Final, Literal

from pydantic import AfterValidator, Field

from schemas.events.envelope import (
    Count,
    Currency,
    Event,
    Id,
    Instant,
    Label,
    Labels,
    Money,
    Name,
    Text,
)

MAX_COMPENSATION: Final = 10**9


def _payable(amount: Decimal) -> Decimal:
    if not 0 <= amount <= MAX_COMPENSATION:
        msg = f"should be an amount from 0 to {MAX_COMPENSATION:,}, in whole units of its currency"
        raise ValueError(msg)
    return amount


Compensation = Annotated[Money, AfterValidator(_payable)]


class TicketBody(Event):
    """What any ticket event may say; a field that is absent did not change."""

    family: ClassVar[str] = "ticket"

    ticket_id: Id
    contact_id: Id | None = None
    root_contact_id: Id | None = None
    channel: Label | None = None
    category: Annotated[tuple[Name, ...], Field(min_length=1, max_length=3)] | None = None
    """From the broad to the narrow."""
    topic: Name | None = None
    product: Name | None = None
    region: Name | None = None
    segment: Name | None = None
    tier: Label | None = None
    severity: Label | None = None
    priority: Label | None = None
    urgent_reasons: Labels | None = None
    demand: Name | None = None
    department: Name | None = None
    owner: Id | None = None
    team: Name | None = None
    handler_level: Label | None = None
    received_at: Instant | None = None
    due_at: Instant | None = None
    promised_at: Instant | None = None
    legal_due_at: Instant | None = None
    auto: bool | None = None
    """The reply came from a machine."""
    reason: Name | None = None
    merged_into: Id | None = None
    outcome: Name | None = None
    compensation_option: Label | None = None
    compensation_amount: Compensation | None = None
    currency: Currency | None = None
    root_cause: Name | None = None
    cause_party: Name | None = None
    quality_dimension: Label | None = None
    upheld: bool | None = None
    required_fields: Count | None = None
    filled_fields: Count | None = None
    subject_text: Text | None = None
    text: Text | None = None
    seq: Count | None = None
    """The desk's own order, for desks whose clock ties."""


class TicketReceived(TicketBody):
    """The complaint reached the centre, by whatever channel."""

    event_type: Literal["ticket.received"] = "ticket.received"


class TicketRegistered(TicketBody):
    """It was written down and has a number."""

    event_type: Literal["ticket.registered"] = "ticket.registered"


class TicketDispatched(TicketBody):
    """It was sent to a department, team or owner."""

    event_type: Literal["ticket.dispatched"] = "ticket.dispatched"


class TicketAccepted(TicketBody):
    """The receiver took it on."""

    event_type: Literal["ticket.accepted"] = "ticket.accepted"


class TicketUpdated(TicketBody):
    """Some of its fields changed."""

    event_type: Literal["ticket.updated"] = "ticket.updated"


class TicketReplied(TicketBody):
    """The customer was answered."""

    event_type: Literal["ticket.replied"] = "ticket.replied"


class TicketResolved(TicketBody):
    """What it asked for was done or finally refused."""

    event_type: Literal["ticket.resolved"] = "ticket.resolved"


class TicketFollowedUp(TicketBody):
    """The customer was asked whether it is."""

    event_type: Literal["ticket.followed_up"] = "ticket.followed_up"


class TicketClosed(TicketBody):
    """Nothing more is to be done."""

    event_type: Literal["ticket.closed"] = "ticket.closed"


class TicketArchived(TicketBody):
    """It left the desk's daily view."""

    event_type: Literal["ticket.archived"] = "ticket.archived"


class TicketReturned(TicketBody):
    """The receiver sent it back."""

    event_type: Literal["ticket.returned"] = "ticket.returned"


class TicketReopened(TicketBody):
    """It was resolved or closed, and is open again."""

    event_type: Literal["ticket.reopened"] = "ticket.reopened"


class TicketMerged(TicketBody):
    """It duplicates `merged_into` and ends here."""

    event_type: Literal["ticket.merged"] = "ticket.merged"


EVENTS: tuple[type[Event], ...] = (
    TicketReceived,
    TicketRegistered,
    TicketDispatched,
    TicketAccepted,
    TicketUpdated,
    TicketReplied,
    TicketResolved,
    TicketFollowedUp,
    TicketClosed,
    TicketArchived,
    TicketReturned,
    TicketReopened,
    TicketMerged,
)
