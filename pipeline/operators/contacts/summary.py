"""A contact's steps in event time flow in, one fact flows out: queues entered, outcome, durations.

A **leg** is one stay in one queue. Most contacts have one; a transfer to a second queue opens
another. The contact as a whole counts once: its outcome is that of its first answered leg, else of
its last.

The rules are idempotent by nature: a call queued twice in one queue, or answered twice, counts
once; the first exit from a queue wins over a contradicting later one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

Exit = Literal["", "answered", "abandoned", "flow_out", "callback", "failed"]
Outcome = Literal[
    "ivr",
    "waiting",
    "talking",
    "handled",
    "abandoned",
    "ivr_abandoned",
    "flow_out",
    "callback",
    "failed",
    "expired",
]

Fields = Mapping[str, str | int | bool]


class Step(NamedTuple):
    """What a contact keeps of one event. Ordered by event time, then by the natural order of
    events that share a millisecond, then by id, so that any two readers agree.
    """

    at: int
    rank: int
    event_id: str
    version: int
    corrects: str
    fields: Fields


RANK = {
    "ivr.started": 0,
    "ivr.ended": 1,
    "call.queued": 2,
    "call.ringing": 3,
    "call.answered": 4,
    "call.held": 5,
    "call.transferred": 6,
    "call.flow_out": 7,
    "call.callback": 8,
    "call.failed": 9,
    "call.abandoned": 10,
    "call.ended": 11,
    "call.acw_ended": 12,
}
"""The event types that make up a contact, in their natural order within one millisecond."""


class Leg:
    """One stay in one queue, from entry to exit, with the talk that followed an answer."""

    __slots__ = (
        "acw_at",
        "acw_ms",
        "agent_id",
        "callback_at",
        "ended_at",
        "ended_by",
        "exit",
        "exit_at",
        "hold_ms",
        "holding",
        "holds",
        "phase",
        "queue",
        "queued_at",
        "talk_ms",
        "team",
        "transfers",
        "wait_ms",
    )

    def __init__(self, queue: str, queued_at: int) -> None:
        self.queue = queue
        self.queued_at = queued_at
        self.exit: Exit = ""
        self.exit_at = 0
        self.wait_ms: int | None = None
        self.phase = ""
        self.agent_id = ""
        self.team = ""
        self.holds = 0
        self.hold_ms = 0
        self.holding = False
        self.transfers = 0
        self.talk_ms: int | None = None
        self.ended_at = 0
        self.ended_by = ""
        self.acw_at = 0
        self.acw_ms: int | None = None
        self.callback_at = 0

    @property
    def completed_at(self) -> int:
        """When handling was complete: the end of after-call work, else of the talk; 0 if open."""
        return max(self.ended_at, self.acw_at) if self.ended_at else 0

    def leave(self, exit_: Exit, step: Step) -> None:
        """Close the stay in the queue; the switch's own wait is believed where it gives one."""
        self.exit = exit_
        self.exit_at = step.at
        wait = step.fields.get("wait_ms")
        self.wait_ms = wait if isinstance(wait, int) else max(0, step.at - self.queued_at)


class Fact:
    """What one contact amounts to. Instants are epoch ms (0 = not yet), durations ms (None =
    unknown).
    """

    __slots__ = (
        "attributes",
        "events",
        "failed_reason",
        "identified",
        "ivr_ms",
        "legs",
        "open",
        "outcome",
        "overall",
        "phase",
        "started_at",
        "talk_ms",
        "wait_ms",
    )

    def __init__(self) -> None:
        self.started_at = 0
        self.legs: list[Leg] = []
        self.overall: Leg | None = None
        self.outcome: Outcome = "ivr"
        self.open = True
        self.phase = ""
        self.failed_reason = ""
        self.wait_ms: int | None = None
        self.talk_ms: int | None = None
        self.ivr_ms: int | None = None
        self.attributes: dict[str, str] = {}
        self.identified = False
        self.events = 0

    def give_up(self) -> None:
        """Close a contact of which nothing more is heard; who was talking counts as talking."""
        self.open = False
        if self.outcome != "talking":
            self.outcome = "expired"


ATTRIBUTES = (
    "root_contact_id",
    "customer_id",
    "phone_hash",
    "channel",
    "direction",
    "call_type",
    "skill",
    "priority",
    "region",
    "product",
)
"""Fields that describe the whole contact: the first event in event time that carries one wins."""


def effective(steps: Iterable[Step]) -> list[Step]:
    """The steps that stand, in order: those that no correction replaces.

    Of several corrections of one event the highest version stands (then the greatest id), so the
    order in which they came does not matter.
    """
    steps = sorted(steps)
    if not any(step.corrects for step in steps):
        return steps
    best: dict[str, tuple[int, str]] = {}
    for step in steps:
        if step.corrects:
            rank = (step.version, step.event_id)
            best[step.corrects] = max(rank, best.get(step.corrects, rank))
    return [
        step
        for step in steps
        if step.event_id not in best
        and (not step.corrects or best[step.corrects] == (step.version, step.event_id))
    ]


def summarise(steps: Iterable[Step]) -> Fact:
    """Read all events of one contact, given in any order, in event time."""
    fact = Fact()
    standing = effective(steps)
    fact.events = len(standing)
    fact.started_at = standing[0].at if standing else 0
    attributes = fact.attributes
    legs = fact.legs
    leg: Leg | None = None  # the one being waited in, or talked in
    contained = False
    for step in standing:
        rank, fields = step.rank, step.fields
        for name, value in fields.items():
            if name in _ATTRIBUTE_SET and name not in attributes:
                attributes[name] = str(value)
        match rank:
            case 0:  # ivr.started
                pass
            case 1:  # ivr.ended
                fact.ivr_ms = _ms(fields, "ivr_ms", fact.ivr_ms)
                contained = bool(fields.get("contained"))
            case 2:  # call.queued
                queue = _text(fields, "queue")
                if leg is not None and not leg.exit:
                    if leg.queue == queue:
                        continue
                    leg.leave("flow_out", step)
                leg = Leg(queue, step.at)
                legs.append(leg)
            case 4:  # call.answered
                leg = _answer(legs, leg, step)
            case 5:  # call.held
                if leg is not None:
                    leg.holds += 1
                    hold = _ms(fields, "hold_ms", None)
                    leg.holding = hold is None
                    leg.hold_ms += hold or 0
            case 6:  # call.transferred
                if leg is not None and not fields.get("consult"):
                    leg.transfers += 1
            case 7:  # call.flow_out
                if leg is not None and not leg.exit:
                    leg.leave("flow_out", step)
            case 8:  # call.callback
                if leg is not None and not leg.exit:
                    leg.leave("callback", step)
            case 9:  # call.failed
                fact.failed_reason = _text(fields, "reason")
                if leg is not None and not leg.exit:
                    leg.leave("failed", step)
                elif not legs:
                    fact.outcome = "failed"
                    fact.wait_ms = _ms(fields, "wait_ms", None)
            case 10:  # call.abandoned
                leg = _abandon(fact, leg, step)
            case 11:  # call.ended
                _end(fact, leg, step)
            case 12:  # call.acw_ended
                if leg is not None and leg.exit == "answered" and leg.acw_ms is None:
                    leg.acw_ms = _ms(fields, "acw_ms", None)
                    leg.acw_at = step.at
            case _:  # call.ringing says nothing about the contact's outcome
                pass
    fact.identified = "customer_id" in attributes or "phone_hash" in attributes
    _conclude(fact, contained=contained)
    return fact


def _answer(legs: list[Leg], leg: Leg | None, step: Step) -> Leg | None:
    fields = step.fields
    if leg is not None and leg.exit == "callback":
        leg.callback_at = leg.callback_at or step.at
        leg.agent_id = leg.agent_id or _text(fields, "agent_id")
        return leg
    if leg is not None and leg.exit in {"answered", "abandoned", "failed"}:
        return leg  # answered twice, or a race that the first exit has won
    if leg is None or leg.exit == "flow_out":
        # The queue entry was lost, or happened elsewhere: the answer implies it.
        leg = Leg(_text(fields, "queue"), step.at - (_ms(fields, "wait_ms", None) or 0))
        legs.append(leg)
    leg.leave("answered", step)
    leg.agent_id = _text(fields, "agent_id")
    leg.team = _text(fields, "team")
    return leg


def _abandon(fact: Fact, leg: Leg | None, step: Step) -> Leg | None:
    phase = _text(step.fields, "phase")
    if leg is None:
        if phase == "ivr":
            if fact.outcome == "ivr":
                fact.outcome = "ivr_abandoned"
                fact.phase = phase
                fact.wait_ms = _ms(step.fields, "wait_ms", None)
            return None
        leg = Leg(_text(step.fields, "queue"), step.at - (_ms(step.fields, "wait_ms", None) or 0))
        fact.legs.append(leg)
    if not leg.exit:
        leg.leave("abandoned", step)
        leg.phase = phase
    return leg


def _end(fact: Fact, leg: Leg | None, step: Step) -> None:
    talk = _ms(step.fields, "talk_ms", None)
    if leg is not None and leg.exit in {"answered", "callback"}:
        if leg.ended_at:
            return
        leg.ended_at = step.at
        leg.talk_ms = talk
        hold = _ms(step.fields, "hold_ms", None)
        if hold is not None:
            leg.hold_ms = hold
            leg.holds = leg.holds or int(hold > 0)
        leg.ended_by = _text(step.fields, "ended_by")
    elif fact.talk_ms is None:
        fact.talk_ms = talk  # a switch may record talk on a call that it calls hung up


def _conclude(fact: Fact, *, contained: bool) -> None:
    """Give the contact the outcome of its first answered leg, else of its last."""
    if fact.legs:
        chosen = next((leg for leg in fact.legs if leg.exit == "answered"), fact.legs[-1])
        fact.overall = chosen
        fact.phase = chosen.phase
        fact.wait_ms = chosen.wait_ms
        talks = [leg.talk_ms for leg in fact.legs if leg.talk_ms is not None]
        if talks:
            fact.talk_ms = sum(talks) + (fact.talk_ms or 0)
        last = fact.legs[-1]
        if chosen.exit == "answered":
            fact.outcome = "handled" if chosen.ended_at else "talking"
            fact.open = not all(leg.ended_at for leg in fact.legs if leg.exit == "answered")
        elif chosen.exit:
            fact.outcome = chosen.exit
            fact.open = False
        else:
            fact.outcome = "waiting"
        fact.open = fact.open or not last.exit
    else:
        fact.open = fact.outcome == "ivr" and not contained


_ATTRIBUTE_SET = frozenset(ATTRIBUTES)


def _text(fields: Fields, name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _ms(fields: Fields, name: str, default: int | None) -> int | None:
    value = fields.get(name)
    return value if isinstance(value, int) else default
