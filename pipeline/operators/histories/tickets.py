"""A customer's entries flow in, what his complaints count as flows out: `complaint_chains`.

What counts when: a complaint, and whether it repeats another, when it was opened; what became of a
settled one when it was settled first; of an automatic answer when it was given; of a threat when it
was flagged; what came before an escalation when the body outside received it.

Merged tickets are others' duplicates and count nowhere. A ticket that is reopened repeats nothing:
it is the same one.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from pipeline.contribution import Cell, Measure, place
from pipeline.entries import EscalationEntry, TicketEntry
from pipeline.operators.histories.told import Place, Rules, Told
from pipeline.site_rules import Windows
from pipeline.timeline import minute_of
from schemas.histogram import bin_of

FAMILY = "complaint_chains"
MANY = 3
"""Complaints about one issue, within the window, that are too many (article 004)."""
_SETS = ("site", "team", "owner", "topic", "service", "region")
_ESCALATION_SETS = ("site", "body")
_NEVER = 2**62

_Counted = tuple[int, tuple[tuple[Measure, int], ...]]
"""A moment, epoch ms, and what counts then."""


def ticket_cells(site: str, told: Told, rules: Rules) -> Iterator[tuple[Place, Cell]]:
    """What a customer's tickets and escalations count as, each with its entry."""
    tickets = sorted(
        (ticket for ticket in told.tickets if ticket.known and not ticket.merged),
        key=lambda ticket: (ticket.at, ticket.id),
    )
    following = _following(tickets)
    past: dict[str, list[int]] = {}
    counts: dict[str, int] = {}
    for number, ticket in enumerate(tickets):
        windows = rules(ticket.rules).windows
        opened: list[tuple[Measure, int]] = [("complaints_traced", 1)]
        for issue in ticket.issues:
            before = past.setdefault(issue, [])
            count = 1 + len(before) - bisect_left(before, ticket.at - windows.complaint_ms)
            opened.append(("complaints_issue", 1))
            if count > 1:
                opened.append(("repeat_complaints", 1))
            if count >= MANY > counts.get(issue, 0):
                opened.append(("third_complaints", 1))
            before.append(ticket.at)
            counts[issue] = count
        where = place(FAMILY, site, _SETS, ticket.values)
        outcomes = _outcomes(ticket, following[number], told, windows)
        for part, (at, measures) in enumerate(((ticket.at, tuple(opened)), *outcomes), start=1):
            yield ("ticket", ticket.id), Cell(part, minute_of(at), where, measures)
    for escalation in told.escalations:
        if escalation.known:
            windows = rules(escalation.rules).windows
            where = place(FAMILY, site, _ESCALATION_SETS, escalation.values)
            measures = tuple(_before(escalation, told, windows))
            minute = minute_of(escalation.at)
            yield ("escalation", escalation.id), Cell(0, minute, where, measures)


def _following(tickets: Sequence[TicketEntry]) -> list[int]:
    """When the next complaint about the issue of each was opened; never where there is none."""
    following = [_NEVER] * len(tickets)
    next_about: dict[str, int] = {}
    for number in range(len(tickets) - 1, -1, -1):
        for issue in tickets[number].issues:
            following[number] = next_about.get(issue, _NEVER)
            next_about[issue] = tickets[number].at
    return following


def _outcomes(
    ticket: TicketEntry, following: int, told: Told, windows: Windows
) -> Iterator[_Counted]:
    if ticket.finished_at and ticket.issues:
        until = ticket.finished_at + windows.complaint_ms
        came_back = 0 < ticket.reopened_at <= until or following <= until
        yield ticket.finished_at, (("settled", 1), ("settled_in_vain", int(came_back)))
    if ticket.auto_at:
        until = ticket.auto_at + windows.front_line_ms
        person = ticket.auto_at <= ticket.replied_at <= until or any(
            contact.helped and ticket.auto_at < contact.at <= until for contact in told.contacts
        )
        yield ticket.auto_at, (("auto_answered", 1), ("auto_answered_in_vain", int(person)))
    if ticket.threat_at:
        until = ticket.threat_at + windows.threat_ms
        carried_out = any(ticket.threat_at <= e.at <= until for e in told.escalations)
        yield ticket.threat_at, (("threats", 1), ("threats_carried_out", int(carried_out)))


def _before(
    escalation: EscalationEntry, told: Told, windows: Windows
) -> Iterator[tuple[Measure, int]]:
    """What the customer did before he went outside, as far back as is looked."""
    since, at = escalation.at - windows.look_back_ms, escalation.at
    yield "escalations_traced", 1
    if any(since <= contact.at < at for contact in told.contacts):
        yield "escalations_after_contact", 1
    complaints = [ticket.at for ticket in told.tickets if not ticket.merged]
    first = min((opened for opened in complaints if since <= opened < at), default=None)
    if first is not None:
        yield "escalations_after_ticket", 1
        yield "complaint_to_escalation_ms", at - first
        yield ("complaint_to_escalation_bins", bin_of(at - first)), 1
