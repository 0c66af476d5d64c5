"""A contact's fact flows in, the cells that it counts as flow out.

Cut-offs, each in the minute of its own moment:

    contacts     the contact's first event
    entry        the leg's queue entry: offered, unmatched
    level        the service-level event, min(exit, entry + threshold): sl_offered (Cisco's form,
                 so that a caller who waits too long lowers the level now, not when he is served)
    exit         the leg's exit: answered, abandoned, flow-out, waits
    completion   the end of after-call work, else of the talk: handled, talk, hold, after-call work
    callback     the moment at which a requested callback reached the caller

A leg that failed in dispatch is neither offered nor an exit; it counts as `route_loss`. Outbound
contacts count as handled only. A contact with one leg counts alike for its queue and its site; with
several, each leg counts for its queue and the contact once for the site.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.contribution import Cell, Measure
from pipeline.operators.contacts.summary import Leg
from pipeline.timeline import minute_of
from schemas.histogram import bin_of
from schemas.site import QueueLimits

if TYPE_CHECKING:
    from pipeline.operators.contacts.state import Contact
    from pipeline.operators.contacts.summary import Fact

FAMILY = "calls"
ANSWERED_WITHIN_MS = 20_000  # the fixed threshold of `answered_20s`

_SITE = ("site",)
_QUEUE_SETS = ("queue", "call_type", "product")
_AGENT_SETS = ("queue", "call_type", "product", "agent")
_PARTS_PER_LEG = 8

Measures = list[tuple[Measure, int]]


def cells_of(contact: Contact) -> list[Cell]:
    """Everything that this contact counts as, in the calls family."""
    fact = contact.fact
    site = contact.site
    nothing = ("",) * 9
    start: tuple[tuple[Measure, int], ...] = (("contacts", 1),)
    if fact.outcome == "ivr_abandoned":
        start = (("contacts", 1), ("ivr_abandoned", 1))
    cells = [Cell(0, FAMILY, site, minute_of(fact.started_at), _SITE, nothing, start)]
    legs = fact.legs
    if len(legs) == 1:
        sets = _QUEUE_SETS + _SITE
        cells.extend(_leg_cells(contact, legs[0], _PARTS_PER_LEG, sets, _AGENT_SETS + _SITE))
    elif fact.overall is not None:
        whole = _overall(fact, fact.overall)
        cells.extend(_leg_cells(contact, whole, _PARTS_PER_LEG, _SITE, _SITE))
        for index, leg in enumerate(legs, start=2):
            part = index * _PARTS_PER_LEG
            cells.extend(_leg_cells(contact, leg, part, _QUEUE_SETS, _AGENT_SETS))
    return cells


def _overall(fact: Fact, chosen: Leg) -> Leg:
    """The contact as one stay: in with its first leg, out with its deciding one, all its talk."""
    whole = Leg(chosen.queue, fact.legs[0].queued_at)
    whole.exit, whole.exit_at = chosen.exit, chosen.exit_at
    whole.wait_ms, whole.phase = chosen.wait_ms, chosen.phase
    whole.agent_id, whole.team = chosen.agent_id, chosen.team
    for leg in fact.legs:
        whole.callback_at = whole.callback_at or leg.callback_at
        if not leg.completed_at:
            continue
        whole.talk_ms = (whole.talk_ms or 0) + (leg.talk_ms or 0)
        whole.hold_ms += leg.hold_ms
        whole.holds += leg.holds
        whole.transfers += leg.transfers
        whole.holding, whole.ended_by = leg.holding, leg.ended_by
        whole.ended_at = max(whole.ended_at, leg.ended_at)
        whole.acw_at = max(whole.acw_at, leg.acw_at)
        if leg.acw_ms is not None:
            whole.acw_ms = (whole.acw_ms or 0) + leg.acw_ms
    return whole


def _leg_cells(
    contact: Contact,
    leg: Leg,
    part: int,
    queue_sets: tuple[str, ...],
    agent_sets: tuple[str, ...],
) -> list[Cell]:
    """A leg's cells; `agent_sets` are those of what an agent did, `queue_sets` of all else."""
    site, limits = contact.site, contact.rules.limits(leg.queue)
    plain = _dims(contact, leg, "")
    cells: list[Cell] = []

    def count(stage: int, at: int, sets: tuple[str, ...], measures: Measures) -> None:
        dims = _dims(contact, leg, leg.agent_id) if sets is agent_sets else plain
        cells.append(Cell(part + stage, FAMILY, site, minute_of(at), sets, dims, tuple(measures)))

    if leg.exit == "failed":
        count(0, leg.exit_at, queue_sets, [("route_loss", 1)])
        return cells
    if contact.fact.attributes.get("direction") != "outbound":
        entry: Measures = [("offered", 1)]
        if not contact.fact.identified:
            entry.append(("unmatched", 1))
        count(0, leg.queued_at, queue_sets, entry)
        level_at = _level_at(contact, leg, limits)
        if level_at is not None:
            count(1, level_at, queue_sets, [("sl_offered", 1)])
        if leg.exit:
            sets = agent_sets if leg.exit == "answered" else queue_sets
            count(2, leg.exit_at, sets, _exit_measures(leg, limits))
    if leg.callback_at:
        count(3, leg.callback_at, queue_sets, [("callbacks_done", 1)])
    if leg.completed_at:
        count(4, leg.completed_at, agent_sets, _completion_measures(leg))
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
    measures: Measures = []
    match leg.exit:
        case "answered":
            measures.append(("answered", 1))
            if within:
                measures.append(("answered_in_threshold", 1))
            if wait <= ANSWERED_WITHIN_MS:
                measures.append(("answered_20s", 1))
            if wait:
                measures.append(("wait_answered_ms", wait))
            measures.append((("wait_answered_bins", bin_of(wait)), 1))
        case "abandoned":
            measures.append(("abandoned", 1))
            measures.append(("ring_loss" if leg.phase == "ring" else "queue_loss", 1))
            if within:
                measures.append(("abandoned_in_threshold", 1))
            if wait <= limits.short_abandon_ms:
                measures.append(("short_abandoned", 1))
                if wait:
                    measures.append(("wait_short_ms", wait))
            if wait:
                measures.append(("wait_abandoned_ms", wait))
        case "flow_out":
            measures.append(("flow_out", 1))
        case "callback":
            measures.append(("callbacks_requested", 1))
            if within:
                measures.append(("callbacks_in_threshold", 1))
        case _:
            pass
    measures.append((("wait_exit_bins", bin_of(wait)), 1))
    return measures


def _completion_measures(leg: Leg) -> Measures:
    talk, hold, acw = leg.talk_ms or 0, leg.hold_ms, leg.acw_ms or 0
    measures: Measures = [("handled", 1)]
    for name, value in (("talk_ms", talk), ("hold_ms", hold), ("acw_ms", acw)):
        if value:
            measures.append((name, value))
    if leg.holds:
        measures.append(("held", 1))
        measures.append((("hold_bins", bin_of(hold)), 1))
    if leg.transfers:
        measures.append(("transferred", 1))
    if leg.holding and leg.ended_by in {"customer", "caller"}:
        measures.append(("hold_abandoned", 1))
    measures.append((("talk_bins", bin_of(talk)), 1))
    if leg.acw_ms is not None:
        measures.append((("acw_bins", bin_of(acw)), 1))
    measures.append((("handle_bins", bin_of(talk + hold + acw)), 1))
    return measures


def _dims(contact: Contact, leg: Leg, agent_id: str) -> tuple[str, ...]:
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
