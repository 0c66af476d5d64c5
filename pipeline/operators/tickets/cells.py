"""A ticket's fact flows in, the cells that it counts as flow out.

What counts when: a ticket when it was opened; the end of a duration (acknowledged, accepted,
answered, resolved) when it ended; what was to be done by a time at that time, once it is known
whether it was; a transition at its moment. A reopening withdraws the resolution before it: only the
last one counts. A ticket counts for what is known of it now, so a change of category moves all that
it counted as; in levels it counts for whoever held it then.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipeline.business_time import BusinessTime
from pipeline.contribution import Cell, Measure, place
from pipeline.operators.tickets.fact import TicketFact
from pipeline.operators.tickets.levels import DAY_MS, NEVER
from pipeline.operators.tickets.lifecycle import DONE
from pipeline.operators.tickets.standards import (
    compensation,
    is_error,
    is_serious,
    over_authority,
    standard_outcome,
    walked,
)
from pipeline.timeline import minute_of
from schemas.histogram import bin_of
from schemas.standards import Standards

if TYPE_CHECKING:
    from pipeline.operators.tickets.state import Ticket

FAMILY = "tickets"
LEVELS = "ticket_levels"
TASKS = "tasks"
SETS = ("site", "team", "service", "topic", "region", "severity")
LEVEL_SETS = ("site", "team", "channel", "category")
REOPEN_WITHIN_MS = 14 * DAY_MS
ESCAPE_WITHIN_MS = 30 * DAY_MS

Counted = tuple[int, tuple[tuple[Measure, int], ...]]
"""A moment, epoch ms, and what counts then."""


def cells_of(ticket: Ticket) -> list[Cell]:
    """Everything that this ticket counts as, as it stands now."""
    fact = ticket.fact
    where = place(FAMILY, ticket.site, SETS, _values(fact))
    cells = [
        Cell(part, minute_of(at), where, measures)
        for part, (at, measures) in enumerate(
            _counted(fact, ticket.rules.config.standards, ticket.passed)
        )
    ]
    cells += _held(ticket, len(cells))
    known = max(fact.last_at, ticket.passed)
    for span in (*fact.levels.with_present(fact.present(), known), *fact.done):
        at = place(LEVELS, ticket.site, LEVEL_SETS, span.holder)
        cells.append(Cell(len(cells), minute_of(span.start), at, ((span.level, 1),)))
        if span.end != NEVER:
            cells.append(Cell(len(cells), minute_of(span.end), at, ((span.level, -1),)))
    return cells


def _held(ticket: Ticket, part: int) -> Iterator[Cell]:
    """What departments had of the time of a resolved ticket, among the counts of tasks."""
    fact = ticket.fact
    if not fact.resolved_at or not fact.hands.stints:
        return
    took = max(0, fact.resolved_at - fact.opened_at)
    for department, held in fact.hands.held(fact.opened_at, fact.resolved_at):
        dims, name = ("site", "") if department is None else ("department", department)
        where = place(TASKS, ticket.site, (dims,), (name, "", ""))
        measures: tuple[tuple[Measure, int], ...]
        measures = (("dept_held_ms", held), ("dept_ticket_ms", took))
        yield Cell(part, minute_of(fact.resolved_at), where, measures)
        part += 1


def dues_of(fact: TicketFact) -> Iterator[tuple[str, int]]:
    """By when what is to be done while the ticket is open, epoch ms."""
    present = fact.cycles[-1]
    due = fact.response_due(present)
    if due is not None and not present.replied_at:
        yield "response", due
    if promise := fact.promises.pending:
        yield "promise", promise.due
    yield from _ends_due(fact)


def _ends_due(fact: TicketFact) -> Iterator[tuple[str, int]]:
    for name, due in (("resolution", fact.due_at), ("legal", fact.instants.get("legal_due_at"))):
        if due is not None:
            yield name, max(due, fact.opened_at)


def _counted(fact: TicketFact, standards: Standards, passed: int) -> Iterator[Counted]:
    hours = fact.hours
    yield from _opened(fact, standards)
    if fact.registered_at and fact.received_at:
        yield _took("acknowledged", "ack", fact.received_at, fact.registered_at, hours)
    if fact.fields_required:
        filled = min(fact.fields_filled, fact.fields_required)
        amounts = (("fields_required", fact.fields_required), ("fields_filled", filled))
        yield fact.registered_at or fact.opened_at, amounts
    if fact.accepted_at and fact.registered_at:
        yield _took("accepted", "dispatch", fact.registered_at, fact.accepted_at, hours)
    if fact.dispatched_at:
        yield fact.dispatched_at, tuple(_dispatched(fact))
    for cycle in fact.cycles:
        if cycle.replied_at:
            yield _took("responses", "response", cycle.started_at, cycle.replied_at, hours)
    yield from _flagged(fact)
    if fact.escalated_at:
        open_ = (("escalated_open", 1),) if fact.escalated_open else ()
        yield fact.escalated_at, (("escalated", 1), *open_)
    yield from _ended(fact, standards)
    yield from _due(fact, passed)
    for at, name in fact.counted:
        yield at, ((name, 1),)


def _took(count: str, name: str, start: int, end: int, hours: BusinessTime | None) -> Counted:
    """A duration in calendar time, and in business time where it is known."""
    took = max(0, end - start)
    measures = ((count, 1), (f"{name}_ms", took), ((f"{name}_bins", bin_of(took)), 1))
    if hours is None:
        return end, measures
    took = hours.elapsed(start, end)
    name = f"{name}_business"
    business = (f"{count}_business", 1), (f"{name}_ms", took), ((f"{name}_bins", bin_of(took)), 1)
    return end, (*measures, *business)


def _dispatched(fact: TicketFact) -> Iterator[tuple[Measure, int]]:
    yield "dispatched", 1
    if fact.reworked_at:
        yield "reworked", 1
    if fact.contacted:
        yield "contact_asked", 1
        yield "said_contacted", int(fact.contacted == "yes")


def _opened(fact: TicketFact, standards: Standards) -> Iterator[Counted]:
    measures: list[tuple[Measure, int]] = [("opened", 1)]
    if not fact.merged:
        measures.append(("complaints", 1))
        if (off_hours := fact.is_off_hours) is not None:
            measures += [("complaints_calendar", 1), ("complaints_offhours", int(off_hours))]
    if is_serious(fact, standards):
        measures.append(("serious", 1))
    if is_error(fact, standards):
        measures.append(("error_complaints", 1))
    if fact.escalated_at and fact.escalated_at - fact.opened_at <= ESCAPE_WITHIN_MS:
        measures.append(("escaped_30d", 1))
    yield fact.opened_at, tuple(measures)


def _flagged(fact: TicketFact) -> Iterator[Counted]:
    flagged_at = fact.flagged_at
    if not flagged_at:
        return
    measures: list[tuple[Measure, int]] = [("very_urgent", 1)]
    if not fact.urgent_reasons:
        measures.append(("vu_unreasoned", 1))
    if fact.escalated_at and 0 <= fact.escalated_at - flagged_at <= ESCAPE_WITHIN_MS:
        measures.append(("vu_escaped_30d", 1))
    yield flagged_at, tuple(measures)
    if fact.urgent_handled_at:
        yield _took("vu_answered", "vu_response", flagged_at, fact.urgent_handled_at, fact.hours)


def _ended(fact: TicketFact, standards: Standards) -> Iterator[Counted]:
    first = fact.cycles[0]
    if first.ended_as in DONE:
        again = fact.cycles[1].started_at if len(fact.cycles) > 1 else NEVER
        soon = again - first.ended_at <= REOPEN_WITHIN_MS
        yield first.ended_at, (("finished", 1), *((("reopened_14d", 1),) if soon else ()))
    if fact.resolved_at:
        yield _took("resolved", "resolution", fact.opened_at, fact.resolved_at, fact.hours)
    if fact.closed_at:
        measures: list[tuple[Measure, int]] = [("closed", 1)]
        if fact.upheld is not None:
            measures += [("findings", 1), ("upheld", int(fact.upheld))]
        yield fact.closed_at, (*measures, *_judged(fact, standards))


def _judged(fact: TicketFact, standards: Standards) -> Iterator[tuple[Measure, int]]:
    """What a closed ticket counts as where the site has standards for it."""
    if (paid := compensation(fact, standards)) is not None:
        yield "compensated", 1
        yield "compensation", paid
    elif fact.compensation:
        yield "compensated_foreign", 1
    if (over := over_authority(fact, standards)) is not None:
        yield "authority_judged", 1
        yield "over_authority", int(over)
    if (standard := standard_outcome(fact, standards)) is not None:
        yield "outcomes_judged", 1
        yield "outcomes_standard", int(standard)
    if (way := walked(fact, standards)) is not None:
        yield "paths_judged", 1
        yield "paths_kept", int(not way.skipped and not way.looped)


def _due(fact: TicketFact, passed: int) -> Iterator[Counted]:
    """What was to be done by a time, and whether it was: at that time, once that is known."""
    for cycle in fact.cycles:
        due = fact.response_due(cycle)
        if due is None:
            break
        done = cycle.ended_at if cycle.ended_as in DONE else 0
        answered = min(cycle.replied_at or NEVER, done or NEVER)
        withdrawn = not done and 0 < cycle.ended_at <= due
        if answered <= due or (not withdrawn and _over(fact, due, passed)):
            yield due, (("response_due", 1), ("response_in_time", int(answered <= due)))
    for promise in fact.promises.made:
        is_over = promise is not fact.promises.pending or _over(fact, promise.due, passed)
        if is_over:
            yield promise.due, (("promises_due", 1), ("promises_kept", int(promise.is_kept)))
    for name, due in _ends_due(fact):
        met = resolved_by(fact, due, passed)
        if met is not None:
            yield due, ((f"{name}_due", 1), (f"{name}_in_time", int(met)))


def resolved_by(fact: TicketFact, due: int, passed: int) -> bool | None:
    """Whether it was resolved at that time; None while nobody knows, or if it ended otherwise."""
    if fact.cycles[-1].ended_as in {"merged", "archived"}:
        return None
    late = [c for c in fact.cycles if c.started_at <= due < (c.ended_at or NEVER)]
    return not late if not late or late[-1].ended_at or _over(fact, due, passed) else None


def _over(fact: TicketFact, due: int, passed: int) -> bool:
    """Whether it is known that the time has come and gone."""
    return due <= passed or due < fact.last_at


def _values(fact: TicketFact) -> tuple[str, ...]:
    """Values in the order of the family's dimension columns."""
    get = fact.attributes.get
    return (
        get("channel", ""),
        get("tier", ""),
        get("priority", ""),
        get("severity", ""),
        get("department", ""),
        get("team", ""),
        fact.category[0] if fact.category else "",
        get("topic", ""),
        get("product", ""),
        get("region", ""),
    )
