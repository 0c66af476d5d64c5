"""One ticket's events flow in one by one; its state, its next deadline and its fact flow out."""

from __future__ import annotations

from typing import Any, cast

from pipeline.contribution import Cell
from pipeline.entity import Entity, Fields, Value, fields_read
from pipeline.entries import TicketEntry
from pipeline.operators.tickets.cells import cells_of, dues_of
from pipeline.operators.tickets.entry import entry_of
from pipeline.operators.tickets.fact import ATTRIBUTES, INSTANTS, TYPES, TicketFact
from pipeline.operators.tickets.levels import NEVER
from pipeline.operators.tickets.lifecycle import OPEN
from pipeline.operators.tickets.row import now_row_of, row_of
from schemas.events import Event, epoch_ms, hundredths
from schemas.events.departments import EscalationBody
from schemas.events.tickets import TicketBody

RANK = {event_type: rank for rank, event_type in enumerate(TYPES)}
_READ = frozenset(
    {
        *(*ATTRIBUTES, *INSTANTS, "category", "urgent_reasons", "auto", "upheld", "seq"),
        *("required_fields", "filled_fields", "compensation_amount", "contacted_answer"),
        *("resolved_answer", "satisfied_answer", "task_id", "new_issue"),
    }
)
"""What the fact reads of an event, besides its identity and its time."""


class Ticket(Entity[TicketFact]):
    """The events of one ticket and what follows from them."""

    family = "ticket"
    types = RANK
    reads = fields_read(TYPES, _READ)

    __slots__ = ()

    @classmethod
    def ids_of(cls, event: Event) -> tuple[str, ...]:
        """See `Entity.ids_of`; an escalation is its first ticket's, on whose shard it lies."""
        if event.event_type.startswith("escalation."):
            return (cast(EscalationBody, event).ticket_ids or ())[:1]
        return (cast(TicketBody, event).ticket_id,)

    def say(self, event: Event) -> Fields:
        """See `Entity.say`; instants become epoch ms, money hundredths."""
        return {
            name: epoch_ms(cast(Any, value))
            if name in INSTANTS
            else hundredths(cast(Any, value))
            if name == "compensation_amount"
            else value
            for name, value in cast("dict[str, Value]", super().say(event)).items()
        }

    def begin(self) -> TicketFact:
        """See `Entity.begin`."""
        return TicketFact(self.rules)

    def settle(self) -> None:
        """See what is due next: a level entered or left, an answer, a resolution; or the end."""
        fact = self.fact
        fact.expired = False
        self.due = None
        if fact.stage not in OPEN:
            self.passed = 0  # what is over no longer depends on when its timers fired
            return
        fact.expired = self.passed >= fact.last_at + fact.limits.forget_ms
        if fact.expired:
            return
        moments = {at for span in fact.present() for at in (span.start, span.end)}
        coming = [at for at in moments if max(fact.last_at, self.passed) < at < NEVER]
        # What is due in the very moment of the last event may still be done in it.
        reached = max(fact.last_at - 1, self.passed)
        coming += [due for _, due in dues_of(fact) if reached < due < NEVER]
        self.due = min(coming, default=None)

    def count(self) -> list[Cell]:
        """See `Entity.count`."""
        return cells_of(self)

    def row(self) -> tuple[Any, ...]:
        """See `Entity.row`."""
        return row_of(self)

    def entry(self) -> TicketEntry:
        """See `Entity.entry`."""
        return entry_of(self)

    def now_row(self) -> tuple[Any, ...]:
        """See `Entity.now_row`."""
        return now_row_of(self)
