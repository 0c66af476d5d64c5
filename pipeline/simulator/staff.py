"""Shifts flow in, agents who are ready or not flow out, and every change of their state is said.

Agents are the servers of the floor: they are ready when they have nothing to do, and nobody is
answered while nobody is ready.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, Literal

from pipeline.simulator.agenda import Agenda
from pipeline.simulator.plan import TEAMS, TeamPlan
from pipeline.simulator.rota import Break, Shift
from pipeline.simulator.voice import Voice, listed

State = Literal["ready", "talking", "acw", "break", "offline"]
BUSY: Final = ("talking", "acw")


class Team:
    """Who is on duty of a team, and who has waited longest for work."""

    __slots__ = ("fields", "idle", "members", "plan", "queues")

    def __init__(self, plan: TeamPlan) -> None:
        self.plan = plan
        self.queues = plan.skills
        self.idle: deque[Agent] = deque()
        self.members: set[Agent] = set()
        self.fields = f'"team":"{plan.name}","queues":{listed(plan.skills)}'


class Agent:
    """One person in one shift; instants in epoch ms."""

    __slots__ = (
        "breaks",
        "fields",
        "id",
        "idle",
        "load",
        "reason",
        "said_at",
        "since",
        "since_ms",
        "state",
        "team",
        "until",
    )

    def __init__(self, name: str, team: Team, until: int, breaks: tuple[Break, ...]) -> None:
        self.id = name
        self.team = team
        self.until = until
        self.breaks = deque(breaks)
        self.state: State = "offline"
        self.reason = ""
        self.since = ""
        self.since_ms = 0
        self.said_at = 0
        self.load = 0
        """Contacts at present; from the first ring to the end of the work after it."""
        self.idle = False
        """Whether further contacts may come, and the team's list has them."""
        self.fields = f'"agent_id":"{name}",{team.fields}'


class Staff:
    """Everybody who works here.

    Args:
        work: gives an agent who is free a contact that waits; false where there is none.
        heartbeat_ms: how long an agent's state is not repeated at most; 0 repeats none.
    """

    def __init__(
        self,
        agenda: Agenda,
        voice: Voice,
        work: Callable[[int, Agent], bool],
        heartbeat_ms: int,
    ) -> None:
        self.teams = {plan.name: Team(plan) for plan in TEAMS}
        self.busy_ms = 0
        """Time on contacts of all, and below the time ready; a state counts when it ends."""
        self.ready_ms = 0
        self._agenda = agenda
        self._voice = voice
        self._work = work
        self._heartbeat_ms = heartbeat_ms

    @property
    def occupancy(self) -> float:
        """Time on contacts as a share of that and the time ready, in percent; 0 without either."""
        total = self.busy_ms + self.ready_ms
        return 100 * self.busy_ms / total if total else 0.0

    # -- shifts and breaks ------------------------------------------------------------------

    def begin(self, at: int, shift: Shift) -> None:
        """An agent's shift begins; breaks that would be over by now are over."""
        team = self.teams[shift.team.name]
        breaks = tuple(pause for pause in shift.breaks if pause.due >= at)
        agent = Agent(shift.agent, team, shift.end, breaks)
        team.members.add(agent)
        for pause in breaks:
            self._agenda.note(pause.due, self._leave_if_due, agent)
        self._agenda.note(shift.end, self._leave_if_due, agent)
        if self._heartbeat_ms:
            self._agenda.note(at + self._heartbeat_ms, self._beat, agent)
        self.free(at, agent)

    def call_away(self, at: int, agent: Agent, length: int, reason: str) -> None:
        """Send an agent away as soon as they are free, for a while."""
        agent.breaks.appendleft(Break(at, length, reason))
        self._leave_if_due(at, agent)

    def free(self, at: int, agent: Agent) -> None:
        """An agent has room for another contact, or goes, if it is time to."""
        if agent.until <= at or (agent.breaks and agent.breaks[0].due <= at):
            if agent.load == 0:
                self._leave(at, agent)
            return
        if agent.load == 0 and agent.state != "ready":
            self.change(at, agent, "ready")
        while not agent.idle and agent.load < agent.team.plan.capacity:
            if not self._work(at, agent):
                agent.idle = True
                agent.team.idle.append(agent)

    def next_of(self, team: Team) -> Agent | None:
        """Return who of a team has waited longest, with one contact more, or nobody."""
        if not team.idle:
            return None
        agent = team.idle.popleft()
        agent.load += 1
        if agent.load < team.plan.capacity:
            team.idle.append(agent)
        else:
            agent.idle = False
        return agent

    def _leave_if_due(self, at: int, agent: Agent) -> None:
        if agent.state == "offline":
            return
        if agent.idle:
            agent.idle = False
            agent.team.idle.remove(agent)
        if agent.load == 0 and agent.state == "ready":
            self.free(at, agent)

    def _leave(self, at: int, agent: Agent) -> None:
        if agent.until <= at:
            agent.team.members.discard(agent)
            self.change(at, agent, "offline")
            return
        pause = agent.breaks.popleft()
        self.change(at, agent, "break", pause.reason)
        self._agenda.note(at + pause.length, self._return, agent)

    def _return(self, at: int, agent: Agent) -> None:
        # Who is called away in a break comes back from it later.
        self.free(at, agent)

    # -- states -----------------------------------------------------------------------------

    def change(self, at: int, agent: Agent, state: State, reason: str = "") -> None:
        """An agent's state is another one from now on."""
        if agent.state in BUSY:
            self.busy_ms += at - agent.since_ms
        elif agent.state == "ready":
            self.ready_ms += at - agent.since_ms
        agent.state = state
        agent.since_ms = at
        agent.since = self._voice.instant(at)
        agent.reason = f',"reason":"{reason}"' if reason else ""
        self._say(at, agent)

    def _beat(self, at: int, agent: Agent) -> None:
        if agent.state == "offline":
            return
        if at - agent.said_at >= self._heartbeat_ms:
            self._say(at, agent)
        self._agenda.note(agent.said_at + self._heartbeat_ms, self._beat, agent)

    def _say(self, at: int, agent: Agent) -> None:
        agent.said_at = at
        self._voice.say(
            at,
            "agent.state",
            f'{agent.fields},"state":"{agent.state}","since":{agent.since}{agent.reason}',
        )
