"""An agent and a customer flow in; their conversation, and what came of it, flows out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from pipeline.simulator.agenda import Agenda
from pipeline.simulator.chance import Chance
from pipeline.simulator.contact import Contact, Stage
from pipeline.simulator.plan import QueuePlan
from pipeline.simulator.staff import Agent, Staff
from pipeline.simulator.truth import Truth
from pipeline.simulator.voice import Voice

_GOALS: Final = ("general", "billing", "technical", "complaints")
"""Where contacts are handed on to."""


class Ears(Protocol):
    """Who is told what came of contacts."""

    def lost(self, at: int, contact: Contact) -> None:
        """Somebody gave up, or was lost."""

    def unreached(self, at: int, contact: Contact) -> None:
        """Somebody was called and did not answer."""

    def helped(self, at: int, contact: Contact, agent: str) -> str:
        """A talk that was not handed on is over.

        Returns fields of `call.ended` about it, as JSON that begins with a comma.
        """

    def wrapped(self, at: int, contact: Contact, agent: str) -> None:
        """The agent is done with the work after it."""


@dataclass(slots=True)
class _Stay:
    """A contact with one agent."""

    contact: Contact
    agent: Agent
    plan: QueuePlan
    fields: str
    """The agent's, as JSON."""
    answered_at: int
    talk_ms: int
    hold_ms: int = 0
    work_ms: int = 0
    hung_up: bool = False
    """That the customer did not wait for the end of a hold."""
    goal: str = ""
    """The queue that it is handed on to."""


class Talk:
    """All conversations: answered, held, handed on, ended, written up.

    Args:
        enter: puts a contact into a queue.
    """

    def __init__(
        self,
        agenda: Agenda,
        voice: Voice,
        truth: Truth,
        chance: Chance,
        *,
        staff: Staff,
        ears: Ears,
        enter: Callable[[int, Contact, str], None],
    ) -> None:
        self._agenda = agenda
        self._voice = voice
        self._truth = truth
        self._chance = chance
        self._staff = staff
        self._ears = ears
        self._enter = enter

    def begin(self, at: int, contact: Contact, agent: Agent, plan: QueuePlan) -> None:
        """The two are connected."""
        chance = self._chance
        contact.stage = Stage.TALKING
        fields = f'"agent_id":"{agent.id}","team":"{agent.team.plan.name}"'
        if not contact.called_back:
            fields = f'"queue":"{plan.name}",{fields}'
        self._say(at, contact, "call.answered", f'{fields},"wait_ms":{contact.wait_ms}')
        if agent.state != "talking":
            self._staff.change(at, agent, "talking")
        mean_s = plan.talk_s + (90 if contact.matter.complaint and plan.rank == 1 else 0)
        talk_ms = max(4_000, chance.length(mean_s * 1000))
        stay = _Stay(contact, agent, plan, fields, at, talk_ms)
        if contact.channel == "phone" and chance.random() < 0.14:
            self._agenda.note(at + talk_ms // 2, self._hold, stay)
        else:
            self._agenda.note(at + talk_ms, self._end, stay)

    def _hold(self, at: int, stay: _Stay) -> None:
        stay.hold_ms = self._chance.length(38_000)
        self._say(at, stay.contact, "call.held", f'"agent_id":"{stay.agent.id}"')
        if self._chance.random() < 0.03:  # the customer hangs up meanwhile
            stay.talk_ms = at - stay.answered_at
            stay.hung_up = True
            self._agenda.note(at + stay.hold_ms, self._end, stay)
        else:
            self._agenda.note(at + stay.hold_ms, self._resume, stay)

    def _resume(self, at: int, stay: _Stay) -> None:
        fields = f'"agent_id":"{stay.agent.id}","hold_ms":{stay.hold_ms}'
        self._say(at, stay.contact, "call.held", fields)
        self._agenda.note(stay.answered_at + stay.talk_ms + stay.hold_ms, self._end, stay)

    def _end(self, at: int, stay: _Stay) -> None:
        contact, agent, chance = stay.contact, stay.agent, self._chance
        if self._may_go_on(stay):
            self._hand_on(at, stay)
        about = "" if stay.goal else self._ears.helped(at, contact, agent.id)
        self._truth.follows.here(at, contact.id, contact.matter.topic.name if about else "")
        ended_by = "customer" if stay.hung_up or chance.random() < 0.7 else "agent"
        self._say(
            at,
            contact,
            "call.ended",
            f'{stay.fields},"talk_ms":{stay.talk_ms},"hold_ms":{stay.hold_ms},'
            f'"ended_by":"{ended_by}"{about}',
        )
        mean_s = stay.plan.work_s
        if mean_s:
            stay.work_ms = max(1_000, chance.length(mean_s * 1000))
            self._staff.change(at, agent, "acw")
            self._agenda.note(at + stay.work_ms, self._wrap_up, stay)
        else:
            self._finish(at, stay)
        if stay.goal:
            contact.transferred = True
            self._agenda.note(at + 500, self._go_on, stay)

    @staticmethod
    def _may_go_on(stay: _Stay) -> bool:
        """Whether it is a caller who is still there and was not handed on before."""
        contact = stay.contact
        fresh = not (stay.hung_up or contact.transferred or contact.called_back)
        return fresh and contact.channel == "phone" and contact.direction == "inbound"

    def _hand_on(self, at: int, stay: _Stay) -> None:
        """Sometimes the agent asks another, or hands the contact on."""
        contact, chance = stay.contact, self._chance
        share = chance.random()
        if share > 0.09:
            return
        by = f'"agent_id":"{stay.agent.id}"'
        if share > 0.06:
            self._say(at, contact, "call.transferred", f'{by},"consult":true')
            return
        goal = chance.pick(_GOALS)
        if goal != contact.queue:
            stay.goal = goal
            self._say(at, contact, "call.transferred", f'{by},"to_queue":"{goal}"')

    def _go_on(self, at: int, stay: _Stay) -> None:
        self._enter(at, stay.contact, stay.goal)

    def _wrap_up(self, at: int, stay: _Stay) -> None:
        self._say(at, stay.contact, "call.acw_ended", f'{stay.fields},"acw_ms":{stay.work_ms}')
        self._finish(at, stay)

    def _finish(self, at: int, stay: _Stay) -> None:
        self._truth.handled(
            at, stay.plan.name, talk_ms=stay.talk_ms, hold_ms=stay.hold_ms, acw_ms=stay.work_ms
        )
        if not stay.goal:
            stay.contact.stage = Stage.GONE
            self._ears.wrapped(at, stay.contact, stay.agent.id)
        stay.agent.load -= 1
        self._staff.free(at, stay.agent)

    def _say(self, at: int, contact: Contact, kind: str, fields: str) -> None:
        self._voice.say(at, kind, contact.fields + fields)
