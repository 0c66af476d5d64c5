"""One task's events flow in one by one; its state, next deadline, fact and row flow out.

A task lies on the shard of its ticket, but is an entity of its own: a ticket may have several at
once, of several departments.
"""

from __future__ import annotations

from typing import Any, cast

from pipeline.contribution import Cell
from pipeline.entity import Entity, Fields, Value, fields_read
from pipeline.operators.tasks.cells import cells_of, due_of, highest_rung, in_time, person_of
from pipeline.operators.tasks.fact import TYPES, TaskFact
from schemas.events import Event, epoch_ms
from schemas.events.departments import TaskBody

DAY_MS = 86_400_000
RANK = {event_type: rank for rank, event_type in enumerate(TYPES)}
_READ = {
    *("ticket_id", "department", "interface_person", "task_type", "due_at", "urge_level"),
}


class Task(Entity[TaskFact]):
    """The events of one task and what follows from them."""

    family = "task"
    types = RANK
    reads = fields_read(TYPES, _READ)

    __slots__ = ()

    @classmethod
    def ids_of(cls, event: Event) -> tuple[str]:
        """See `Entity.ids_of`."""
        return (cast(TaskBody, event).task_id,)

    def say(self, event: Event) -> Fields:
        """See `Entity.say`; instants become epoch ms."""
        return {
            name: epoch_ms(cast(Any, value)) if name == "due_at" else value
            for name, value in cast("dict[str, Value]", super().say(event)).items()
        }

    def begin(self) -> TaskFact:
        """See `Entity.begin`."""
        return TaskFact()

    def settle(self) -> None:
        """See `Entity.settle`: an answer is due, or nothing was heard for too long."""
        fact = self.fact
        fact.expired = False
        self.due = None
        if not fact.is_held:
            self.passed = 0  # what is answered no longer depends on when its timers fired
            return
        forget_at = fact.last_at + self.rules.config.tickets.forget_days * DAY_MS
        fact.expired = self.passed >= forget_at
        if not fact.expired:
            due = due_of(fact.last, self.rules)
            reached = max(fact.last_at - 1, self.passed)
            self.due = due if due is not None and reached < due < forget_at else forget_at

    def count(self) -> list[Cell]:
        """See `Entity.count`."""
        return cells_of(self)

    def row(self) -> tuple[Any, ...]:
        """See `Entity.row`; of several assignments the last one is shown."""
        fact = self.fact
        last = fact.last
        due = due_of(last, self.rules)
        known = max(self.passed, fact.last_at - 1)
        verdict = None if due is None else in_time(last, due, known)
        urges = [urge for assignment in fact.assignments for urge in assignment.urges]
        turns = [turn for assignment in fact.assignments for turn in assignment.turns]
        return (
            self.site,
            self.id,
            self.shard,
            self.revision,
            self.subject,
            fact.ticket_id,
            last.department,
            person_of(last, self.rules),
            last.task_type,
            fact.stage,
            fact.opened_at,
            fact.assigned_at or None,
            due,
            last.turns[-1].end if last.is_answered else None,
            fact.closed_at or None,
            fact.last_at,
            last.held_ms if last.is_told and last.is_answered else None,
            verdict if verdict is None else int(verdict),
            len(urges),
            highest_rung(fact),
            urges[-1].at if urges else None,
            sum(turn.returned_at > 0 for turn in turns),
            int(fact.open),
            fact.events,
            self.domain,
            self.snapshot(),
        )
