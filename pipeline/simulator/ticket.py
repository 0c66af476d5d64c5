"""One ticket: what it is about, how it stands, and whose turn it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from pipeline.simulator.callers import Channel, Matter
from pipeline.simulator.texts import Complaint, Temper

DUE_H: Final = {"normal": 72, "urgent": 36, "very_urgent": 12}
"""Hours until a ticket should be resolved, by priority."""


@dataclass(slots=True)
class Ticket:
    """Instants are epoch ms."""

    name: str
    matter: Matter
    complaint: Complaint
    temper: Temper
    channel: Channel
    received_at: int
    priority: str
    reasons: tuple[str, ...]
    due_at: int
    department: str = ""
    dispatched_at: int = 0
    reworked: bool = False
    called: bool | None = None
    """Whether the customer says that somebody got in touch; None before he is asked."""
    paid: int = 0
    """In yuan."""
    open: bool = True
    tasks: int = 0
    returns: int = 0
    reopened: int = 0
    attempts: int = 0
    """Follow-up calls that nobody answered."""
    late: bool = False
    """That a department answered after it was due."""
    escalated: bool = False
    promised_at: int = 0
    """By when the customer was told to hear something, until he does."""
    is_error: bool = False
    """That it turned out to be caused by the centre's own service."""
    fields: str = field(init=False)
    """Fields of every event of it, as JSON that ends with a comma."""

    def __post_init__(self) -> None:
        """Write what all its events begin with."""
        self.fields = f'"ticket_id":"{self.name}",{self.matter.caller.identity}'


@dataclass(slots=True)
class Task:
    """What a department is asked for."""

    name: str
    ticket: Ticket
    department: str
    person: str
    """Who has it in hand there."""
    due_at: int
    since: int
    """Since when the department has it, or has it back."""
    held_ms: int = 0
    """For how long it had it until the last answer."""
    answered: bool = False
    urges: int = 0
    urged_at: int = 0
    """When it was last urged, if no answer followed yet."""
    again: bool = False
    """That its first answer was sent back."""
