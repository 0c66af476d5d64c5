"""A contact's fact flows in, the cells that it counts as flow out.

Cut-offs, each in the minute of its own moment:

    contacts     the contact's first event
    entry        the leg's queue entry: offered, unmatched
    level        the service-level event, min(exit, entry + threshold): sl_offered (Cisco's form,
                 so that a caller who waits too long lowers the level now, not when he is served)
    exit         the leg's exit: answered, abandoned, flow-out, waits
    completion   the end of after-call work, else of the talk: handled, talk, hold, after-call work
    callback     the moment at which a requested callback reached the caller
    ring         the end of a ring that no agent answered: nonresponses, each time anew

A leg that failed in dispatch is neither offered nor an exit; it counts as `route_loss`. Outbound
contacts count as handled only. A contact with one leg counts alike for its queue and its site; with
several, each leg counts for its queue and the contact once for the site. What several agents did
in one leg counts for the one who answered it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipeline.contribution import Cell, Measure, place
from pipeline.operators.contacts.legs import Leg, Ring
from pipeline.timeline import minute_of
from schemas.histogram import bin_of
from schemas.site import QueueLimits

if TYPE_CHECKING:
    from pipeline.operators.contacts.state import Contact
    from pipeline.operators.contacts.summary import Fact

FAMILY = "calls"
ANSWERED_WITHIN_MS = 20_000  # the fixed threshold of `answered_20s`

Measures = tuple[tuple[Measure, int], ...]

_SITE = ("site",)
_QUEUE_SETS = ("queue", "call_type", "product")
_AGENT_SETS = ("queue", "call_type", "product", "agent")
_Sets = tuple[str, ...]
_ALONE: tuple[_Sets, _Sets] = ((*_AGENT_SETS, *_SITE), (*_QUEUE_SETS, *_SITE))
"""A contact's only leg counts for its queue and its site alike."""
_WHOLE: tuple[_Sets, _Sets] = (_SITE, _SITE)
_PART: tuple[_Sets, _Sets] = (_AGENT_SETS, _QUEUE_SETS)
"""Of several legs each counts for its queue, and the contact once for the site."""
_NOTHING = ("",) * 9
_PARTS_PER_LEG = 8

_START: Measures = (("contacts", 1),)
_IVR_ABANDONED: Measures = (("ivr_abandoned", 1),)
_OFFERED: Measures = (("offered", 1),)
_OFFERED_UNMATCHED: Measures = (("offered", 1), ("unmatched", 1))
_DECIDED: Measures = (("sl_offered", 1),)
_CALLED_BACK: Measures = (("callbacks_done", 1),)
_NONRESPONSE: Measures = (("nonresponses", 1),)
_ROUTE_LOSS: Measures = (("route_loss", 1),)


def cells_of(contact: Contact) -> list[Cell]:
    """Everything that this contact counts as, in the calls family, as it stands now.

    Cells come in the order in which a call goes through its stages, so that a further event leaves
    those before it as they are.
    """
    fact = contact.fact
    centre = place(FAMILY, contact.site, _SITE, _NOTHING)
    start = Cell(0, minute_of(fact.started_at), centre, _START)
    cells = [contact.cells[0] if contact.cells and contact.cells[0] == start else start]
    legs = fact.legs
    if len(legs) == 1:
        _count_leg(contact, legs[0], _PARTS_PER_LEG, _ALONE, cells)
    elif not legs:
        if fact.outcome == "ivr_abandoned":
            cells.append(Cell(1, minute_of(fact.left_menu_at), centre, _IVR_ABANDONED))
    elif (chosen := fact.overall) is not None:
        _count_leg(contact, _overall(fact, chosen), _PARTS_PER_LEG, _WHOLE, cells)
        for index, leg in enumerate(legs, start=2):
            _count_leg(contact, leg, index * _PARTS_PER_LEG, _PART, cells)
    if fact.rings and fact.attributes.get("direction") != "outbound":
        cells.extend(_rings(contact))
    return cells


def _rings(contact: Contact) -> Iterator[Cell]:
    """Count each ring for its agent and queue and for the site, whatever the legs are."""
    for number, ring in enumerate(contact.fact.rings, start=1):
        values = _values(contact, ring, ring.agent_id)
        where = place(FAMILY, contact.site, _ALONE[0 if ring.agent_id else 1], values)
        yield Cell(-number, minute_of(ring.at), where, _NONRESPONSE)


def _overall(fact: Fact, chosen: Leg) -> Leg:
    """The contact as one stay: in with its first leg, out with its deciding one, all its talk."""
    whole = Leg(chosen.queue, fact.legs[0].queued_at)
    whole.exit, whole.exit_at = chosen.exit, chosen.exit_at
    whole.wait_ms, whole.phase = fact.wait_ms, chosen.phase
    whole.agent_id, whole.team = chosen.agent_id, chosen.team
    for leg in fact.legs:
        whole.callback_at = whole.callback_at or leg.callback_at
        if not leg.completed_at:
            continue
        whole.talk_ms = (whole.talk_ms or 0) + (leg.talk_ms or 0)
        whole.held_ms += leg.hold_ms
        whole.holds += leg.holds
        whole.transfers += leg.transfers
        whole.hung_up_on_hold |= leg.hung_up_on_hold
        whole.ended_at = max(whole.ended_at, leg.ended_at)
        whole.acw_at = max(whole.acw_at, leg.acw_at)
        if leg.acw_ms is not None:
            whole.acw_ms = (whole.acw_ms or 0) + leg.acw_ms
    return whole


def _count_leg(
    contact: Contact, leg: Leg, part: int, sets: tuple[_Sets, _Sets], cells: list[Cell]
) -> None:
    """Add a leg's cells; `sets` are those of what an agent did, and of all else."""
    agent_sets, queue_sets = sets
    cells.extend(_queue_cells(contact, leg, part, sets))
    if leg.callback_at:
        plain = place(FAMILY, contact.site, queue_sets, _values(contact, leg, ""))
        cells.append(Cell(part + 3, minute_of(leg.callback_at), plain, _CALLED_BACK))
    if leg.completed_at:
        by_agent = place(FAMILY, contact.site, agent_sets, _values(contact, leg, leg.agent_id))
        completed = _completion_measures(leg)
        cells.append(Cell(part + 4, minute_of(leg.completed_at), by_agent, completed))


def _queue_cells(contact: Contact, leg: Leg, part: int, sets: tuple[_Sets, _Sets]) -> list[Cell]:
    """What a leg's stay in its queue counts as.

    After the exit nothing changes it but an attribute that becomes known later, or a further leg,
    so it is kept.
    """
    known = len(contact.fact.attributes)
    kept = leg.queue_cells
    if kept and leg.queue_cells_known == known and kept[0].part == part:
        return kept
    agent_sets, queue_sets = sets
    limits = contact.rules.limits(leg.queue)
    plain = place(FAMILY, contact.site, queue_sets, _values(contact, leg, ""))
    if leg.exit == "failed":
        return [Cell(part, minute_of(leg.exit_at), plain, _ROUTE_LOSS)]
    if contact.fact.attributes.get("direction") == "outbound":
        return []
    entry = _OFFERED if contact.fact.identified else _OFFERED_UNMATCHED
    cells = [Cell(part, minute_of(leg.queued_at), plain, entry)]
    level_at = _level_at(contact, leg, limits)
    if level_at is not None:
        cells.append(Cell(part + 1, minute_of(level_at), plain, _DECIDED))
    if leg.exit:
        where = plain
        if leg.exit == "answered":
            where = place(FAMILY, contact.site, agent_sets, _values(contact, leg, leg.agent_id))
        minute = minute_of(leg.exit_at)
        cells.append(Cell(part + 2, minute, where, _exit_measures(leg, limits)))
        # What every exit counts is the queue's, not the agent's.
        left: Measures = ((("wait_exit_bins", bin_of(leg.wait_ms or 0)), 1),)
        cells.append(Cell(part + 5, minute, plain, left))
        leg.queue_cells, leg.queue_cells_known = cells, known
    return cells


def _level_at(contact: Contact, leg: Leg, limits: QueueLimits) -> int | None:
    """The service-level event of a leg, or None while its outcome is open and within time."""
    due = leg.queued_at + limits.threshold_ms
    if leg.exit:
        if leg.wait_ms is not None and leg.wait_ms <= limits.threshold_ms:
            return leg.exit_at
        return min(leg.exit_at, due)
    return due if due <= contact.passed else None


def _exit_measures(leg: Leg, limits: QueueLimits) -> Measures:
    wait = leg.wait_ms or 0
    within = wait <= limits.threshold_ms
    measures: list[tuple[Measure, int]] = []
    if leg.exit == "answered":
        measures.append(("answered", 1))
        if within:
            measures.append(("answered_in_threshold", 1))
        if wait <= ANSWERED_WITHIN_MS:
            measures.append(("answered_20s", 1))
        if wait:
            measures.append(("wait_answered_ms", wait))
        measures.append((("wait_answered_bins", bin_of(wait)), 1))
    elif leg.exit == "abandoned":
        measures.extend(_abandon_measures(leg, wait, within=within, limits=limits))
    elif leg.exit == "flow_out":
        measures.append(("flow_out", 1))
    else:
        measures.append(("callbacks_requested", 1))
        if within:
            measures.append(("callbacks_in_threshold", 1))
    return tuple(measures)


def _abandon_measures(
    leg: Leg, wait: int, *, within: bool, limits: QueueLimits
) -> Iterator[tuple[Measure, int]]:
    yield "abandoned", 1
    yield ("ring_loss" if leg.phase == "ring" else "queue_loss"), 1
    if within:
        yield "abandoned_in_threshold", 1
    short = wait <= limits.short_abandon_ms
    if short:
        yield "short_abandoned", 1
    if wait:
        yield "wait_abandoned_ms", wait
    if wait and short:
        yield "wait_short_ms", wait


def _completion_measures(leg: Leg) -> Measures:
    talk, hold, acw = leg.talk_ms or 0, leg.hold_ms, leg.acw_ms or 0
    measures: list[tuple[Measure, int]] = [("handled", 1)]
    for name, value in (("talk_ms", talk), ("hold_ms", hold), ("acw_ms", acw)):
        if value:
            measures.append((name, value))
    if leg.holds:
        measures.append(("held", 1))
        measures.append((("hold_bins", bin_of(hold)), 1))
    if leg.transfers:
        measures.append(("transferred", 1))
    if leg.hung_up_on_hold:
        measures.append(("hold_abandoned", 1))
    measures.append((("talk_bins", bin_of(talk)), 1))
    if leg.acw_ms is not None:
        measures.append((("acw_bins", bin_of(acw)), 1))
    measures.append((("handle_bins", bin_of(talk + hold + acw)), 1))
    return tuple(measures)


def _values(contact: Contact, leg: Leg | Ring, agent_id: str) -> tuple[str, ...]:
    """Values in the order of the family's dimension columns."""
    attributes = contact.fact.attributes
    return (
        leg.queue,
        attributes.get("channel", ""),
        attributes.get("direction", ""),
        attributes.get("call_type", ""),
        attributes.get("priority", ""),
        agent_id,
        leg.team if agent_id else "",
        attributes.get("product", ""),
        attributes.get("region", ""),
    )
