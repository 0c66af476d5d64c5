"""One contact on its way through the centre: who, what about, where, and since when."""

from __future__ import annotations

from enum import Enum
from typing import Final

from pipeline.simulator.callers import Matter
from pipeline.simulator.texts import Temper
from pipeline.simulator.ticket import Ticket

OFFER_MS: Final = 75_000
"""After so long the queue offers to call back."""
OVERFLOW_MS: Final = 180_000
"""After so long a caller may be sent to the partner."""


class Stage(Enum):
    """Where a contact is."""

    MENU = 0
    WAITING = 1
    RINGING = 2
    TALKING = 3
    GONE = 4


class Contact:
    """A call or chat; instants in epoch ms."""

    __slots__ = (
        "attempts",
        "called_back",
        "channel",
        "direction",
        "fields",
        "id",
        "leaves",
        "leaves_at",
        "matter",
        "patient_until",
        "queue",
        "queued_at",
        "resolved",
        "stage",
        "started_at",
        "temper",
        "ticket",
        "transferred",
        "wait_ms",
    )

    def __init__(self, name: str, matter: Matter, at: int, direction: str = "inbound") -> None:
        self.id = name
        self.matter = matter
        self.started_at = at
        self.direction = direction
        self.fields = f'"contact_id":"{name}",{matter.caller.identity}'
        """Fields of every event of it, as JSON that ends with a comma."""
        self.channel = matter.channel
        self.stage = Stage.MENU
        self.queue = ""
        self.queued_at = 0
        self.wait_ms = 0
        self.patient_until = 0
        self.leaves = ""
        """How it leaves the queue unanswered, and when."""
        self.leaves_at = 0
        self.transferred = False
        self.called_back = False
        self.temper = Temper()
        self.resolved = False
        self.ticket: Ticket | None = None
        """The ticket that a follow-up call asks about."""
        self.attempts = 0
        """How often the centre tried to call."""

    @property
    def kind(self) -> str:
        """The `call_type`."""
        if self.ticket is not None:
            return "follow_up"
        if self.transferred:
            return "transfer"
        return "complaint" if self.matter.complaint else "enquiry"
