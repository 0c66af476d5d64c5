"""Ticket events flow in, tickets flow out: where each stands, what it waits for, what it counts as.

`lifecycle` says which stage may follow which, `fact` reads a ticket's steps, `levels` says in which
levels (backlog, overdue, ...) it was when, `cells` what it counts as, `row` how it is written down,
`state` declares the family of entities.
"""

from __future__ import annotations

from pipeline.operators.tickets.fact import TicketFact
from pipeline.operators.tickets.state import Ticket

__all__ = ["Ticket", "TicketFact"]
