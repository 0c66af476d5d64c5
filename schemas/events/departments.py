"""What leaves the desk flows in: tasks of departments, escalations inside and outside."""

from __future__ import annotations

from typing import ClassVar, Literal

from schemas.events.envelope import Event, Id, Ids, Instant, Label, Name, Text


class TaskBody(Event):
    """A piece of a ticket's work that a department does."""

    family: ClassVar[str] = "task"

    task_id: Id
    ticket_id: Id
    department: Name | None = None
    interface_person: Id | None = None
    """Who has it in hand there: the one responsible for such tasks, or whoever stands in."""
    task_type: Name | None = None
    """What is asked for, as the departments' times are agreed by it: a check, a refund, a visit."""
    due_at: Instant | None = None
    urge_level: Label | None = None
    """The rung of the ladder: ticket, email, phone or leader."""
    reason: Name | None = None
    text: Text | None = None


class TaskAssigned(TaskBody):
    """The department has it."""

    event_type: Literal["task.assigned"] = "task.assigned"


class TaskUrged(TaskBody):
    """Somebody asked the department to hurry."""

    event_type: Literal["task.urged"] = "task.urged"


class TaskAnswered(TaskBody):
    """The department answered."""

    event_type: Literal["task.answered"] = "task.answered"


class TaskReturned(TaskBody):
    """The answer was sent back, or the department sent the task back."""

    event_type: Literal["task.returned"] = "task.returned"


class TaskClosed(TaskBody):
    """The answer was accepted."""

    event_type: Literal["task.closed"] = "task.closed"


class EscalationBody(Event):
    """A complaint that went past the people who should have settled it."""

    family: ClassVar[str] = "escalation"

    escalation_id: Id
    body: Name | None = None
    """Who received it: a regulator, an association, the back office."""
    received_at: Instant | None = None
    ticket_ids: Ids | None = None
    accountable: bool | None = None
    """The body found the enterprise or one of its people at fault; absent: not yet judged."""
    topic: Name | None = None
    text: Text | None = None


class EscalationInternal(EscalationBody):
    """From the front line to the back office."""

    event_type: Literal["escalation.internal"] = "escalation.internal"


class EscalationExternal(EscalationBody):
    """To a body outside the enterprise."""

    event_type: Literal["escalation.external"] = "escalation.external"


EVENTS: tuple[type[Event], ...] = (
    TaskAssigned,
    TaskUrged,
    TaskAnswered,
    TaskReturned,
    TaskClosed,
    EscalationInternal,
    EscalationExternal,
)
