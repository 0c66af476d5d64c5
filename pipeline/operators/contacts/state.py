"""One contact's events flow in one by one; its state, its next deadline and its fact flow out."""

from __future__ import annotations

from typing import Any, TypeGuard, cast

from pipeline.contribution import Cell
from pipeline.entity import Entity, Standing, fields_read
from pipeline.entries import ContactEntry
from pipeline.operators.contacts.cells import cells_of
from pipeline.operators.contacts.row import row_of
from pipeline.operators.contacts.summary import ATTRIBUTES, RANK, Fact
from schemas.events import Event
from schemas.events.calls import ContactEvent

_READ = frozenset(
    {
        *ATTRIBUTES,
        *("queue", "agent_id", "team", "wait_ms", "phase", "reason", "ivr_ms", "contained"),
        *("ring_ms", "hold_ms", "consult", "talk_ms", "ended_by", "acw_ms", "topics"),
    }
)
"""What the summary reads of an event, besides its identity and its time."""


def is_contact_event(event: Event) -> TypeGuard[ContactEvent]:
    """Whether this operator reads the event."""
    return event.event_type in RANK


class Contact(Entity[Fact]):
    """The events of one contact and what follows from them."""

    family = "contact"
    types = RANK
    reads = fields_read(RANK, _READ)

    __slots__ = ()

    @classmethod
    def ids_of(cls, event: Event) -> tuple[str]:
        """See `Entity.ids_of`."""
        return (cast(ContactEvent, event).contact_id,)

    def begin(self) -> Fact:
        """See `Entity.begin`."""
        return Fact()

    def settle(self) -> None:
        """See what is due next, and whether it is overdue already: waits too long, or is lost."""
        fact, rules = self.fact, self.rules
        fact.given_up = False
        self.due = None
        if not fact.open:
            self.passed = 0  # what has ended no longer depends on when its timers fired
            return
        leg = fact.legs[-1] if fact.legs else None
        waiting = leg is None or not leg.exit
        due = fact.last_at + (rules.waiting_timeout_ms if waiting else rules.talking_timeout_ms)
        if due <= self.passed:
            fact.given_up = True
            return
        if leg is not None and waiting:
            threshold_ms = rules.limits(leg.queue).threshold_ms
            # The site's wait runs from the first entry, unless another leg has decided it.
            first = fact.legs[0] if fact.overall is leg else leg
            for queued_at in (first.queued_at, leg.queued_at):
                if queued_at + threshold_ms > self.passed:
                    due = min(due, queued_at + threshold_ms)
        self.due = due

    def count(self) -> list[Cell]:
        """See `Entity.count`."""
        return cells_of(self)

    def row(self) -> tuple[Any, ...]:
        """See `Entity.row`."""
        return row_of(self)

    def stands(self) -> tuple[Standing, ...]:
        """See `Entity.stands`: it waits in the queue of its last stay, or talks, or both at once.

        After a transfer the caller may wait in the next queue before the first agent is done.
        """
        fact = self.fact
        if not fact.open or fact.attributes.get("direction") == "outbound":
            return ()
        return tuple(
            Standing(leg.queue, None if leg.exit else leg.queued_at)
            for leg in fact.legs
            if (leg.exit == "answered" and not leg.ended_at)
            or (leg is fact.legs[-1] and not leg.exit)
        )

    def called_at(self) -> int | None:
        """When it began, if it is known who called."""
        return self.fact.started_at if self.fact.identified else None

    def entry(self) -> ContactEntry | None:
        """See `Entity.entry`: what the centre began is no contact of the customer's."""
        fact, attributes = self.fact, self.fact.attributes
        if attributes.get("direction") == "outbound":
            return None
        leg, call_type = fact.overall, attributes.get("call_type", "")
        return ContactEntry(
            self.id,
            fact.started_at,
            max([fact.started_at, *(max(leg.exit_at, leg.ended_at) for leg in fact.legs)]),
            attributes.get("root_contact_id", self.id),
            fact.identified,
            call_type in self.rules.complaint_types,
            any(leg.agent_id for leg in fact.legs),
            fact.topics,
            (
                leg.queue if leg else "",
                attributes.get("channel", ""),
                call_type,
                leg.agent_id if leg else "",
                leg.team if leg else "",
                fact.topics[0] if fact.topics else "",
                attributes.get("product", ""),
            ),
            self.rules.version,
        )
