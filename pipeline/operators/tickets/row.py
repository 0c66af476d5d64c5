"""A ticket flows in; its rows in the tables `tickets` and `tickets_now` flow out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.operators.tickets.cells import resolved_by
from pipeline.operators.tickets.lifecycle import OPEN
from pipeline.operators.tickets.sensitive import around
from pipeline.operators.tickets.standards import over_authority, standard_outcome, walked

if TYPE_CHECKING:
    from pipeline.operators.tickets.state import Ticket


def row_of(ticket: Ticket) -> tuple[Any, ...]:
    """The ticket as it stands, in the order of the table's columns."""
    fact = ticket.fact
    get, instants = fact.attributes.get, fact.instants
    first, due = fact.cycles[0], fact.due_at
    resolved, hours = fact.resolved_at, fact.hours
    category = [*fact.category, "", "", ""]
    standards = ticket.rules.config.standards
    way = walked(fact, standards)
    return (
        ticket.site,
        ticket.id,
        ticket.shard,
        ticket.revision,
        ticket.subject,
        *(get(name, "") for name in ("customer_id", "contact_id", "channel")),
        *category[:3],
        *(get(name, "") for name in ("topic", "product", "region", "segment", "tier")),
        *(get(name, "") for name in ("severity", "priority", "department", "team", "owner")),
        *(get(name, "") for name in ("handler_level", "outcome", "root_cause", "cause_party")),
        get("merged_into", ""),
        fact.stage,
        list(fact.urgent_reasons),
        int(fact.very_urgent),
        _flag(fact.upheld),
        fact.opened_at,
        fact.registered_at or None,
        fact.dispatched_at or None,
        fact.accepted_at or None,
        first.replied_at or None,
        fact.flagged_at or None,
        fact.escalated_at or None,
        resolved or None,
        fact.closed_at or None,
        fact.last_at,
        due,
        instants.get("promised_at"),
        instants.get("legal_due_at"),
        first.replied_at - first.started_at if first.replied_at else None,
        resolved - fact.opened_at if resolved else None,
        hours.elapsed(first.started_at, first.replied_at) if hours and first.replied_at else None,
        hours.elapsed(fact.opened_at, resolved) if hours and resolved else None,
        int(resolved <= due) if resolved and due is not None else None,
        "" if fact.is_off_hours is None else "offhours" if fact.is_off_hours else "business",
        *_sensitive(ticket),
        len(fact.cycles) - 1,
        fact.reassignments,
        len(fact.owners),
        fact.returns,
        fact.urges,
        fact.illegal,
        get("compensation_option", ""),
        get("currency", "") or (standards.currency if fact.compensation else ""),
        fact.compensation,
        _flag(over_authority(fact, standards)),
        _flag(standard_outcome(fact, standards)),
        None if way is None else int(not way.skipped and not way.looped),
        [] if way is None else list(way.skipped),
        [] if way is None else list(way.looped),
        fact.reworked_at or None,
        fact.contacted,
        None if due is None else _flag(resolved_by(fact, max(due, fact.opened_at), ticket.passed)),
        int(ticket.open),
        fact.events,
        ticket.domain,
        ticket.snapshot(),
    )


def _flag(value: bool | None) -> int | None:
    return value if value is None else int(value)


def now_row_of(ticket: Ticket) -> tuple[Any, ...]:
    """The ticket among the open ones; its last value says that it is over and to be left out.

    Clocks are left to the reader as instants, so that the row stays true as time passes.
    """
    fact = ticket.fact
    get = fact.attributes.get
    clocks = {(span.level): span.start for span in fact.present()}
    return (
        ticket.site,
        ticket.id,
        ticket.shard,
        ticket.revision,
        fact.stage,
        *(get(name, "") for name in ("department", "team", "owner", "channel", "priority")),
        fact.category[0] if fact.category else "",
        get("topic", ""),
        int(fact.very_urgent),
        list(fact.urgent_reasons),
        fact.opened_at,
        fact.cycles[-1].started_at,
        fact.last_at,
        fact.due_at,
        clocks.get("at_risk_open"),
        clocks.get("at_risk_high"),
        clocks.get("silent_open"),
        fact.last_at + fact.limits.forget_ms,
        fact.reassignments,
        int(fact.stage not in OPEN),
    )


def _sensitive(ticket: Ticket) -> tuple[str, int | None, int | None]:
    """Around which sensitive date a complaint was opened, when, and when it is held against."""
    fact, rules = ticket.fact, ticket.rules
    found = around(rules.config.sensitive_dates, fact.opened_at, rules.zone)
    if found is None or fact.merged:
        return "", None, None
    return found.date, fact.opened_at, found.again_at
