"""A ticket flows in; what was wrong in it, what is paid and whether anybody called flow out.

Each ticket draws from a stream of its own, so what is decided here changes nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pipeline.simulator.chance import Chance, Weighted
from pipeline.simulator.ticket import Ticket
from pipeline.simulator.topics import REGIONS

_OPTIONS: Final = Weighted([("1", 30), ("2", 40), ("3", 15), ("4", 8), ("discretionary", 7)])
_MISFILED: Final = 0.05
_CALLED: Final = 0.93
_PROMISED: Final = 0.4
HOUR_MS: Final = 3_600_000
_PROMISE_H: Final = {"normal": 36, "urgent": 18, "very_urgent": 8}


@dataclass(frozen=True)
class Payment:
    """Compensation by one of the standard options, or at somebody's discretion."""

    option: str
    amount: int
    """In yuan."""


def payment(ticket: Ticket, amount: int) -> Payment:
    """Return how an amount is paid; at discretion it is threefold."""
    option = _chance("payment", ticket).choose(_OPTIONS)
    return Payment(option, amount * 3 if option == "discretionary" else amount)


def right_region(ticket: Ticket) -> str:
    """Return the region that a ticket should have been written down for; "" if it was."""
    chance = _chance("region", ticket)
    if not chance.hit(_MISFILED):
        return ""
    return chance.pick([name for name in REGIONS if name != ticket.matter.caller.region])


def promise(ticket: Ticket, at: int) -> int:
    """Return by when a customer is told that he will hear something; 0 if nothing is said."""
    chance = _chance("promise", ticket)
    return at + _PROMISE_H[ticket.priority] * HOUR_MS if chance.hit(_PROMISED) else 0


def was_called(ticket: Ticket) -> bool:
    """Return whether the customer says that somebody got in touch in time."""
    return _chance("called", ticket).hit(_CALLED - (0.3 if ticket.late else 0))


def _chance(purpose: str, ticket: Ticket) -> Chance:
    return Chance(0, f"{purpose}:{ticket.name}:{ticket.reopened}")
