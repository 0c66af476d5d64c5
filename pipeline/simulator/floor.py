"""Contacts flow in, wait, and are answered by whoever is ready; what happens to each is said.

Nothing is drawn that follows: how long somebody waits, whether they give up before, who takes the
call and whether an agent is free at all comes out of who is on duty and what they are busy with.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

from pipeline.simulator.agenda import Agenda
from pipeline.simulator.chance import Chance
from pipeline.simulator.contact import OFFER_MS, OVERFLOW_MS, Contact, Stage
from pipeline.simulator.plan import COMPLAINT_LINE, QUEUES, QueuePlan
from pipeline.simulator.staff import Agent, Staff, Team
from pipeline.simulator.talk import Ears, Talk
from pipeline.simulator.truth import Truth
from pipeline.simulator.voice import Voice

RING_LIMIT_MS: Final = 20_000
DIAL_LIMIT_MS: Final = 28_000
HANG_UP_MS: Final = 300
"""What a hang-up takes to arrive."""


class Queue:
    """Who waits here, and who may answer."""

    __slots__ = ("jobs", "plan", "teams", "waiting")

    def __init__(self, plan: QueuePlan, teams: tuple[Team, ...]) -> None:
        self.plan = plan
        self.teams = teams
        self.waiting: deque[Contact] = deque()
        self.jobs: deque[Contact] = deque()
        """Calls that the centre makes, when nobody waits."""

    def first(self) -> Contact | None:
        """Return who has waited longest; those who left are dropped here."""
        waiting = self.waiting
        while waiting and waiting[0].stage is not Stage.WAITING:
            waiting.popleft()
        return waiting[0] if waiting else None


class Floor:
    """All queues and agents.

    Args:
        ears: told what came of contacts.
    """

    def __init__(
        self,
        agenda: Agenda,
        voice: Voice,
        truth: Truth,
        chance: Chance,
        *,
        heartbeat_ms: int,
        ears: Ears,
    ) -> None:
        self.staff = Staff(agenda, voice, self._work, heartbeat_ms)
        self._agenda = agenda
        self._voice = voice
        self._truth = truth
        self._chance = chance
        self._ears = ears
        self._talk = Talk(
            agenda, voice, truth, chance, staff=self.staff, ears=ears, enter=self._enter
        )
        teams = self.staff.teams.values()
        self.queues = {plan.name: Queue(plan, _by_skill(plan.name, teams)) for plan in QUEUES}
        self._served = {
            name: tuple(self.queues[queue] for queue in team.queues)
            for name, team in self.staff.teams.items()
        }

    # -- into a queue -----------------------------------------------------------------------

    def call_in(self, at: int, contact: Contact) -> None:
        """Somebody calls, and hears the menu, or writes, and waits at once."""
        chance = self._chance
        if contact.channel != "phone":
            self._enter(at, contact, "chat")
            return
        self._say(at, contact, "ivr.started", '"menu":"main"')
        self._agenda.note(at + chance.between(8_000, 50_000), self._leave_menu, contact)

    def _leave_menu(self, at: int, contact: Contact) -> None:
        matter, share = contact.matter, self._chance.random()
        if share < 0.02:
            self._say(at, contact, "call.abandoned", '"wait_ms":0,"phase":"ivr"')
            contact.stage = Stage.GONE
            return
        contained = share < 0.12 and not matter.complaint
        fields = f'"ivr_ms":{at - contact.started_at},"contained":{_bool(contained)}'
        self._say(at, contact, "ivr.ended", fields)
        if contained:
            contact.stage = Stage.GONE
        elif matter.caller.vip:
            self._enter(at, contact, "vip")
        elif matter.complaint and self._chance.hit(COMPLAINT_LINE):
            self._enter(at, contact, "complaints")
        else:
            self._enter(at, contact, matter.topic.queue)

    def _enter(self, at: int, contact: Contact, name: str) -> None:
        chance, queue = self._chance, self.queues[name]
        contact.queue = name
        contact.queued_at = at
        contact.stage = Stage.WAITING
        self._queued(at, contact, queue)
        self._truth.entered(at, name, contact.id)
        if chance.random() < 0.001:
            contact.stage = Stage.GONE
            self._say(at, contact, "call.failed", f'"queue":"{name}","reason":"no route"')
            self._truth.unrouted(at, name, contact.id)
            self._ears.lost(at, contact)
            return
        patience_ms = 1_500 + chance.gap(queue.plan.patience_s * 1000)
        contact.patient_until = at + patience_ms
        contact.leaves, contact.leaves_at = "abandoned", contact.patient_until
        if patience_ms > OFFER_MS:
            self._offer(at, contact)
        if not self._ring_somebody(at, contact):
            queue.waiting.append(contact)
            self._agenda.note(contact.leaves_at, self._leave_queue, contact)

    def _offer(self, at: int, contact: Contact) -> None:
        """What the queue offers to those who wait long, and how they will take it."""
        chance = self._chance
        known = contact.channel == "phone" and contact.matter.caller.identity
        if known and chance.random() < 0.3:
            contact.leaves = "callback"
            asked_at = at + OFFER_MS + chance.between(3_000, 20_000)
            contact.leaves_at = min(asked_at, contact.patient_until)
        elif contact.queue == "general" and chance.random() < 0.6:
            overflow_at = at + OVERFLOW_MS
            if overflow_at < contact.patient_until:
                contact.leaves, contact.leaves_at = "flow_out", overflow_at

    def _leave_queue(self, at: int, contact: Contact) -> None:
        if contact.stage is not Stage.WAITING:
            return
        contact.stage = Stage.GONE
        wait_ms = at - contact.queued_at
        where = f'"queue":"{contact.queue}","wait_ms":{wait_ms}'
        if contact.leaves == "abandoned":
            self._abandon(at, contact, "queue")
        elif contact.leaves == "flow_out":
            self._truth.left(at, contact.queue, contact.id, "flow_out")
            self._say(at, contact, "call.flow_out", f'{where},"to_queue":"partner"')
        else:
            self._truth.left(at, contact.queue, contact.id, "callbacks_requested")
            due = self._voice.instant(at + 2 * 3_600_000)
            fields = f'{where},"requested_at":{self._voice.instant(at)},"due_at":{due}'
            self._say(at, contact, "call.callback", fields)
            contact.called_back = True
            self._agenda.note(at + HANG_UP_MS, self._end_unheard, contact)
            called_at = at + self._chance.between(10, 50) * 60_000
            self._agenda.note(called_at, self.call_out, contact)

    def _end_unheard(self, at: int, contact: Contact) -> None:
        self._say(at, contact, "call.ended", '"talk_ms":0,"ended_by":"caller"')

    def _abandon(self, at: int, contact: Contact, phase: str) -> None:
        contact.stage = Stage.GONE
        self._truth.left(at, contact.queue, contact.id, "abandoned")
        wait_ms = at - contact.queued_at
        fields = f'"queue":"{contact.queue}","wait_ms":{wait_ms},"phase":"{phase}"'
        self._say(at, contact, "call.abandoned", fields)
        self._ears.lost(at, contact)

    # -- who takes it -----------------------------------------------------------------------

    def _ring_somebody(self, at: int, contact: Contact) -> bool:
        for team in self.queues[contact.queue].teams:
            agent = self.staff.next_of(team)
            if agent is not None:
                self._ring(at, contact, agent)
                return True
        return False

    def _work(self, at: int, agent: Agent) -> bool:
        """Give a free agent who waits, the urgent first, else a call to make."""
        served = self._served[agent.team.plan.name]
        best: tuple[int, int] | None = None
        for queue in served:
            contact = queue.first()
            if contact is not None:
                key = queue.plan.rank, contact.queued_at
                if best is None or key < best:
                    best, chosen = key, queue
        if best is not None:
            agent.load += 1
            self._ring(at, chosen.waiting.popleft(), agent)
            return True
        for queue in served:
            if queue.jobs:
                agent.load += 1
                self._dial(at, queue.jobs.popleft(), agent)
                return True
        return False

    def _ring(self, at: int, contact: Contact, agent: Agent) -> None:
        chance = self._chance
        contact.stage = Stage.RINGING
        missed = chance.random() < 0.006
        ring_ms = RING_LIMIT_MS if missed else chance.between(1_200, 5_000)
        if not missed:
            fields = f'"queue":"{contact.queue}","agent_id":"{agent.id}"'
            self._say(at, contact, "call.ringing", fields)
        if at + ring_ms > contact.patient_until:
            gone_at = max(contact.patient_until, at + HANG_UP_MS)
            self._agenda.note(gone_at, self._hang_up, (contact, agent))
        else:
            deed = self._miss if missed else self._answer
            self._agenda.note(at + ring_ms, deed, (contact, agent))

    def _hang_up(self, at: int, both: tuple[Contact, Agent]) -> None:
        contact, agent = both
        self._abandon(at, contact, "ring")
        agent.load -= 1
        self.staff.free(at, agent)

    def _miss(self, at: int, both: tuple[Contact, Agent]) -> None:
        """The agent does not answer: the contact is first in the queue again."""
        contact, agent = both
        who = f'"agent_id":"{agent.id}","team":"{agent.team.plan.name}"'
        fields = f'"queue":"{contact.queue}",{who},"ring_ms":{RING_LIMIT_MS}'
        self._say(at, contact, "call.ringing", fields)
        agent.load -= 1
        self.staff.call_away(at, agent, self._chance.between(30_000, 120_000), "no_answer")
        contact.stage = Stage.WAITING
        if not self._ring_somebody(at, contact):
            self.queues[contact.queue].waiting.appendleft(contact)
            self._agenda.note(contact.leaves_at, self._leave_queue, contact)

    def _answer(self, at: int, both: tuple[Contact, Agent]) -> None:
        contact, agent = both
        contact.wait_ms = at - contact.queued_at
        self._truth.left(at, contact.queue, contact.id, "answered")
        self._talk.begin(at, contact, agent, self.queues[contact.queue].plan)

    # -- calls that the centre makes --------------------------------------------------------

    def call_out(self, at: int, contact: Contact) -> None:
        """Call somebody as soon as an agent has nothing else to do."""
        queue = self.queues[contact.queue]
        for team in queue.teams:
            agent = self.staff.next_of(team)
            if agent is not None:
                self._dial(at, contact, agent)
                return
        queue.jobs.append(contact)

    def _dial(self, at: int, contact: Contact, agent: Agent) -> None:
        chance = self._chance
        self.staff.change(at, agent, "talking")
        if chance.random() < 0.18:
            self._agenda.note(at + DIAL_LIMIT_MS, self._not_reached, (contact, agent))
            return
        contact.queued_at = at
        if contact.direction == "outbound":
            self._queued(at, contact, self.queues[contact.queue])
            self._truth.dialled()
        dial_ms = chance.between(5_000, 24_000)
        self._agenda.note(at + dial_ms, self._reached, (contact, agent))

    def _reached(self, at: int, both: tuple[Contact, Agent]) -> None:
        contact, agent = both
        contact.wait_ms = at - contact.queued_at if contact.direction == "outbound" else 0
        self._talk.begin(at, contact, agent, self.queues[contact.queue].plan)

    def _not_reached(self, at: int, both: tuple[Contact, Agent]) -> None:
        contact, agent = both
        agent.load -= 1
        self.staff.free(at, agent)
        self._ears.unreached(at, contact)

    # -- what is said -----------------------------------------------------------------------

    def _queued(self, at: int, contact: Contact, queue: Queue) -> None:
        matter = contact.matter
        self._say(
            at,
            contact,
            "call.queued",
            f'"queue":"{queue.plan.name}","channel":"{contact.channel}",'
            f'"direction":"{contact.direction}","call_type":"{contact.kind}",'
            f'"skill":"{queue.plan.name}","priority":"{queue.plan.priority}",'
            f'"region":"{matter.caller.region}","product":"{matter.product}"',
        )

    def _say(self, at: int, contact: Contact, kind: str, fields: str) -> None:
        self._voice.say(at, kind, contact.fields + fields)


def _by_skill(queue: str, teams: Iterable[Team]) -> tuple[Team, ...]:
    """Who may answer a queue: the team that is there for it before those that help out."""
    able = [team for team in teams if queue in team.queues]
    return tuple(sorted(able, key=lambda team: team.queues.index(queue)))


def _bool(value: bool) -> str:
    return "true" if value else "false"
