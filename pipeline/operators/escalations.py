"""Escalation events flow in, escalations flow out: each counts once, when its body received it.

An escalation may name no ticket, or several, so it is an entity of its own beside the tickets.
"""

from __future__ import annotations

from typing import Any, cast

from pipeline.contribution import Cell, Measure, place
from pipeline.entity import Entity, Fields, Step, Value, fields_read, ms_of, text_of
from pipeline.entries import EscalationEntry
from pipeline.timeline import minute_of
from schemas.events import Event, epoch_ms
from schemas.events.departments import EscalationBody

TYPES = ("escalation.internal", "escalation.external")
RANK = {event_type: rank for rank, event_type in enumerate(TYPES)}
_SETS = ("site",)
_NO_DIMS = ("",) * 10


class EscalationFact:
    """What one escalation amounts to; the latest word counts. Instants are epoch ms."""

    __slots__ = ("accountable", "body", "events", "external", "last_at", "received_at", "tickets")

    open = False  # nothing is waited for: a judgement that comes later finds it in the store

    def __init__(self) -> None:
        self.external = False
        self.received_at = 0
        self.last_at = 0
        self.events = 0
        self.body = ""
        self.accountable: bool | None = None
        self.tickets: list[str] = []

    def read(self, step: Step) -> None:
        """Take in the next step."""
        if not self.events:
            self.received_at = step.at
        self.events += 1
        self.last_at = step.at
        self.external = TYPES[step.rank] == "escalation.external"
        received = ms_of(step.fields, "received_at")
        self.received_at = self.received_at if received is None else received
        self.body = text_of(step.fields, "body") or self.body
        judged = step.fields.get("accountable")
        self.accountable = self.accountable if judged is None else bool(judged)
        tickets = step.fields.get("ticket_ids")
        if tickets is not None and not isinstance(tickets, str | int):
            self.tickets = list(tickets)


class Escalation(Entity[EscalationFact]):
    """The events of one escalation."""

    family = "escalation"
    types = RANK
    reads = fields_read(TYPES, {"body", "received_at", "accountable", "ticket_ids"})

    __slots__ = ()

    @classmethod
    def ids_of(cls, event: Event) -> tuple[str]:
        """See `Entity.ids_of`."""
        return (cast(EscalationBody, event).escalation_id,)

    def say(self, event: Event) -> Fields:
        """See `Entity.say`; instants become epoch ms."""
        return {
            name: epoch_ms(cast(Any, value)) if name == "received_at" else value
            for name, value in cast("dict[str, Value]", super().say(event)).items()
        }

    def begin(self) -> EscalationFact:
        """See `Entity.begin`."""
        return EscalationFact()

    def settle(self) -> None:
        """See `Entity.settle`: an escalation has no deadline."""

    def count(self) -> list[Cell]:
        """See `Entity.count`."""
        fact = self.fact
        kind = "escalations_external" if fact.external else "escalations_internal"
        measures: list[tuple[Measure, int]] = [(kind, 1)]
        if fact.accountable is not None:
            measures += [("escalations_judged", 1), ("escalations_accountable", fact.accountable)]
        where = place("tickets", self.site, _SETS, _NO_DIMS)
        return [Cell(0, minute_of(fact.received_at), where, tuple(measures))]

    def entry(self) -> EscalationEntry | None:
        """See `Entity.entry`: only what went outside; it may name neither customer nor ticket."""
        fact = self.fact
        if not fact.external:
            return None
        return EscalationEntry(
            self.id,
            fact.received_at,
            not self.subject.startswith("escalation:"),
            (*[""] * 9, fact.body),
            self.rules.version,
        )

    def row(self) -> tuple[Any, ...]:
        """See `Entity.row`."""
        fact = self.fact
        return (
            self.site,
            self.id,
            self.shard,
            self.revision,
            self.subject,
            int(fact.external),
            fact.body,
            fact.received_at,
            fact.last_at,
            fact.accountable if fact.accountable is None else int(fact.accountable),
            fact.tickets,
            fact.events,
            self.domain,
            self.snapshot(),
        )
