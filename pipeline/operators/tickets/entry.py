"""A ticket flows in, what its customer's history should know of it flows out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.entries import TicketEntry, names_customer
from pipeline.operators.tickets.fact import TicketFact
from pipeline.operators.tickets.lifecycle import DONE
from schemas.repeats import IssueLevel

if TYPE_CHECKING:
    from pipeline.operators.tickets.state import Ticket

THREAT = "VU1"
"""The reason for "very urgent" that is a threat to escalate (article 004)."""
_DEPTHS: dict[IssueLevel, int] = {"category": 1, "subcategory": 2, "detail": 3}


def entry_of(ticket: Ticket) -> TicketEntry:
    """The ticket as it stands."""
    fact = ticket.fact
    get, cycles = fact.attributes.get, fact.cycles
    passed_on = (at for at, name in fact.counted if name == "dispatches")
    replies = (cycle.replied_at for cycle in cycles if cycle.replied_at)
    issue = issue_of(fact, ticket.rules.config.repeats.issue)
    return TicketEntry(
        ticket.id,
        fact.opened_at,
        get("contact_id", ""),
        names_customer(ticket.subject) or "customer_id" in fact.attributes,
        fact.merged,
        (issue,) if issue else (),
        next(passed_on, 0),
        cycles[0].ended_at if cycles[0].ended_as in DONE else 0,
        cycles[1].started_at if len(cycles) > 1 else 0,
        fact.auto_replied_at,
        next(replies, 0),
        fact.flagged_at if THREAT in fact.urgent_reasons else 0,
        (
            *(get(name, "") for name in ("channel", "priority", "department", "team", "owner")),
            fact.category[0] if fact.category else "",
            *(get(name, "") for name in ("topic", "product", "region")),
            "",
        ),
        ticket.rules.version,
    )


def issue_of(fact: TicketFact, level: IssueLevel) -> str:
    """What it is about at that level; "" if nobody said."""
    topic, category = fact.attributes.get("topic", ""), fact.category
    if level == "topic" and topic:
        return topic
    return category[: _DEPTHS.get(level, len(category))][-1] if category else topic
