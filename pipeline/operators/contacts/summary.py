"""A contact's steps in event time flow in, one fact flows out: queues entered, outcome, durations.

A **leg** is one stay in one queue. Most contacts have one; a transfer to a second queue opens
another. The contact as a whole counts once: its outcome is that of its first answered leg, else of
its last.

The rules are idempotent by nature: a call queued twice in one queue, or answered twice, counts
once; the first exit from a queue wins over a contradicting later one; of each agent's talks and
after-call works in one stay the first end counts. An end that names nobody is that of whoever
answered last.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from pipeline.entity import Step, ms_of, text_of
from pipeline.operators.contacts.legs import Exit, Leg, Ring

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

_OUTCOME_OF_EXIT: dict[Exit, Outcome] = {
    "": "waiting",
    "abandoned": "abandoned",
    "flow_out": "flow_out",
    "callback": "callback",
    "failed": "failed",
}


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
_ATTRIBUTE_SET = frozenset(ATTRIBUTES)


class Fact:
    """What one contact amounts to, read step by step in event time.

    Instants are epoch ms (0 = not yet), durations ms (None = not said).
    """

    __slots__ = (
        "_contained",
        "_entered_at",
        "_entered_queue",
        "_leg",
        "_loose",
        "_loose_wait_ms",
        "attributes",
        "events",
        "failed_reason",
        "given_up",
        "ivr_ms",
        "last_at",
        "left_menu_at",
        "legs",
        "loose_talk_ms",
        "phase",
        "rings",
        "started_at",
        "topics",
    )

    def __init__(self) -> None:
        self.started_at = 0
        self.last_at = 0
        self.events = 0
        self.legs: list[Leg] = []
        self.attributes: dict[str, str] = {}
        self.ivr_ms: int | None = None
        self.left_menu_at = 0
        """When the caller hung up in the voice menu."""
        self.failed_reason = ""
        self.phase = ""
        self.given_up = False
        """That nothing more was heard of it for so long that it was closed."""
        self.loose_talk_ms: int | None = None
        """Talk that a switch recorded on a call that it calls hung up or failed."""
        self.topics: tuple[str, ...] = ()
        """What it was about, as told at the ends of its talks."""
        self._leg: Leg | None = None
        self.rings: list[Ring] = []
        """How often a set stopped ringing unanswered: of one agent in one instant once."""
        self._entered_at = 0
        """When an entry was last told, and into which queue."""
        self._entered_queue = ""
        self._contained = False
        self._loose: Outcome = "ivr"
        self._loose_wait_ms: int | None = None

    def read(self, step: Step) -> None:
        """Take in the next step in event time."""
        if not self.events:
            self.started_at = step.at
        self.events += 1
        self.last_at = step.at
        attributes = self.attributes
        for name, value in step.fields.items():
            if name in _ATTRIBUTE_SET and name not in attributes:
                attributes[name] = str(value)
        reader = _READERS[step.rank]
        if reader is not None:
            reader(self, step)

    # -- what follows -----------------------------------------------------------------------

    @property
    def identified(self) -> bool:
        """Whether it is known who calls."""
        return "customer_id" in self.attributes or "phone_hash" in self.attributes

    @property
    def overall(self) -> Leg | None:
        """The leg that decides for the whole: the first answered one, else the last."""
        for leg in self.legs:
            if leg.exit == "answered":
                return leg
        return self.legs[-1] if self.legs else None

    @property
    def open(self) -> bool:
        """Whether more is expected."""
        if self.given_up:
            return False
        if not self.legs:
            return self._loose == "ivr" and not self._contained
        return not self.legs[-1].exit or any(leg.agents and not leg.ended_at for leg in self.legs)

    @property
    def outcome(self) -> Outcome:
        """How it stands, or ended; one that was given up in conversation counts as talking."""
        leg = self.overall
        if leg is not None and leg.exit == "answered":
            return "handled" if leg.ended_at else "talking"
        if self.given_up and (leg is None or not leg.exit):
            return "expired"
        if leg is None:
            return self._loose
        return _OUTCOME_OF_EXIT[leg.exit]

    @property
    def wait_ms(self) -> int | None:
        """The customer's wait: from his first queue entry to the exit of the deciding leg."""
        leg = self.overall
        if leg is None:
            return self._loose_wait_ms
        if leg.wait_ms is None:
            return None
        return leg.wait_ms + leg.queued_at - self.legs[0].queued_at

    @property
    def talk_ms(self) -> int | None:
        """All talk of the contact."""
        talks = [leg.talk_ms for leg in self.legs if leg.talk_ms is not None]
        if self.loose_talk_ms is not None:
            talks.append(self.loose_talk_ms)
        return sum(talks) if talks else None

    # -- how each type is read --------------------------------------------------------------

    def _ivr_ended(self, step: Step) -> None:
        self.ivr_ms = ms_of(step.fields, "ivr_ms")
        self._contained = bool(step.fields.get("contained"))

    def _queued(self, step: Step) -> None:
        queue = text_of(step.fields, "queue")
        self._entered_at, self._entered_queue = step.at, queue
        leg = self._leg
        if leg is not None:
            if leg.implied and leg.queue in {"", queue}:
                # Two clocks: the exit was stamped before the entry that belongs to it.
                leg.implied = False
                leg.queue = queue
                leg.queue_cells = []
                return
            if not leg.exit:
                if leg.queue == queue:
                    return
                leg.leave("flow_out", step)
        self._enter(queue, step.at)

    def _enter(self, queue: str, queued_at: int) -> Leg:
        self._leg = Leg(queue, queued_at)
        self.legs.append(self._leg)
        return self._leg

    def _implied(self, step: Step) -> Leg:
        """A queue entry that was lost, or happened elsewhere: the exit implies it."""
        leg = self._enter(
            text_of(step.fields, "queue"), step.at - (ms_of(step.fields, "wait_ms") or 0)
        )
        leg.implied = True
        return leg

    def _rang(self, step: Step) -> None:
        if "ring_ms" not in step.fields:
            return  # it only begins to ring
        queue = text_of(step.fields, "queue") or self._entered_queue
        agent_id, team = text_of(step.fields, "agent_id"), text_of(step.fields, "team")
        if all((ring.at, ring.agent_id) != (step.at, agent_id) for ring in self.rings):
            self.rings.append(Ring(step.at, queue, agent_id, team))

    def _talk_of(self, step: Step) -> Leg | None:
        """The stay that the agent of a talk answered or took over, else the present one.

        After a transfer the caller may wait in the next queue before the first agent is done.
        """
        agent_id = text_of(step.fields, "agent_id")
        if agent_id:
            for leg in reversed(self.legs):
                if agent_id in leg.agents:
                    return leg
        return self._leg

    def _answered(self, step: Step) -> None:
        leg = self._leg
        if leg is not None and leg.exit in {"abandoned", "failed"}:
            return  # a race that the first exit has won
        if leg is None or leg.exit == "flow_out":
            leg = self._implied(step)
        agent_id = text_of(step.fields, "agent_id")
        if not leg.agents:
            leg.agent_id = agent_id
            leg.team = text_of(step.fields, "team")
            if leg.exit == "callback":
                leg.callback_at = step.at
            else:
                leg.leave("answered", step)
        leg.agents += (agent_id,)

    def _held(self, step: Step) -> None:
        leg = self._leg
        if leg is not None:
            hold = ms_of(step.fields, "hold_ms")
            leg.holds += 1
            leg.holding = hold is None
            leg.held_ms += hold or 0

    def _transferred(self, step: Step) -> None:
        if self._leg is not None and not step.fields.get("consult"):
            self._leg.transfers += 1

    def _flowed_out(self, step: Step) -> None:
        leg = self._leg
        if leg is None or leg.exit:
            return
        if step.at == self._entered_at and text_of(step.fields, "queue") not in {"", leg.queue}:
            return  # it left another queue for this one within one tick: the entry has said so
        leg.leave("flow_out", step)

    def _called_back(self, step: Step) -> None:
        if self._leg is not None and not self._leg.exit:
            self._leg.leave("callback", step)

    def _failed(self, step: Step) -> None:
        self.failed_reason = text_of(step.fields, "reason")
        if self._leg is None:
            self._loose = "failed"
            self._loose_wait_ms = ms_of(step.fields, "wait_ms")
        elif not self._leg.exit:
            self._leg.leave("failed", step)

    def _abandoned(self, step: Step) -> None:
        leg = self._leg
        phase = text_of(step.fields, "phase")
        if leg is None:
            if phase == "ivr":
                if self._loose == "ivr":
                    self._loose = "ivr_abandoned"
                    self.left_menu_at = step.at
                    self._loose_wait_ms = ms_of(step.fields, "wait_ms")
                    self.phase = phase
                return
            leg = self._implied(step)
        if not leg.exit:
            leg.leave("abandoned", step)
            leg.phase = phase
            self.phase = phase

    def _ended(self, step: Step) -> None:
        if self._leg is not None:
            self._leg.implied = False  # an entry that comes later is another one
        topics = step.fields.get("topics")
        if topics is not None and not isinstance(topics, str | int):
            self.topics = tuple(dict.fromkeys((*self.topics, *topics)))
        leg = self._talk_of(step)
        talk = ms_of(step.fields, "talk_ms")
        if leg is None or not leg.agents:
            if self.loose_talk_ms is None:
                self.loose_talk_ms = talk
            return
        agent_id = text_of(step.fields, "agent_id") or leg.agents[-1]
        if agent_id in leg.enders:
            return
        leg.enders += (agent_id,)
        leg.ended_at = step.at
        leg.talk_ms = (leg.talk_ms or 0) + (talk or 0)
        hold = ms_of(step.fields, "hold_ms")
        if hold is not None:
            leg.stated_hold_ms = (leg.stated_hold_ms or 0) + hold
            leg.holds = leg.holds or int(hold > 0)
        leg.ended_by = text_of(step.fields, "ended_by")
        # The end of a hold may be stamped just after the hang-up that ended it.
        leg.hung_up_on_hold = leg.holding and leg.ended_by in {"customer", "caller"}
        leg.holding = False

    def _acw_ended(self, step: Step) -> None:
        leg = self._talk_of(step)
        agent_id = text_of(step.fields, "agent_id")
        if leg is not None and leg.agents and agent_id not in leg.wrappers:
            leg.wrappers += (agent_id,)
            leg.acw_ms = (leg.acw_ms or 0) + (ms_of(step.fields, "acw_ms") or 0)
            leg.acw_at = step.at


_TYPES: tuple[tuple[str, Callable[[Fact, Step], None] | None], ...] = (
    ("ivr.started", None),
    ("ivr.ended", Fact._ivr_ended),
    ("call.queued", Fact._queued),
    ("call.ringing", Fact._rang),
    ("call.answered", Fact._answered),
    ("call.held", Fact._held),
    ("call.transferred", Fact._transferred),
    ("call.flow_out", Fact._flowed_out),
    ("call.callback", Fact._called_back),
    ("call.failed", Fact._failed),
    ("call.abandoned", Fact._abandoned),
    ("call.ended", Fact._ended),
    ("call.acw_ended", Fact._acw_ended),
)
RANK = {event_type: rank for rank, (event_type, _) in enumerate(_TYPES)}
"""The event types that make up a contact, in their natural order within one millisecond."""
_READERS = tuple(reader for _, reader in _TYPES)
