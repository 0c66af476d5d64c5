"""What a switch and a rota report about the staff flows in: agent states and schedules."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from schemas.events.envelope import Event, Id, Instant, Label, Name, Names


class AgentState(Event):
    """An agent's state as of now; a heartbeat repeats it."""

    family: ClassVar[str] = "agent"

    event_type: Literal["agent.state"] = "agent.state"
    agent_id: Id
    state: Label
    since: Instant | None = None
    reason: Name | None = None
    team: Name | None = None
    queues: Names | None = None


class ScheduleSegment(Event):
    """A stretch of an agent's rota, from `from` to `to`."""

    family: ClassVar[str] = "schedule"

    event_type: Literal["schedule.segment"] = "schedule.segment"
    agent_id: Id
    from_: Instant = Field(alias="from")
    to: Instant
    activity: Label | None = None
    team: Name | None = None

    def check(self) -> None:
        """Refuse a segment that does not last."""
        if self.to <= self.from_:
            msg = f"to ({self.to.isoformat()}) should be later than from ({self.from_.isoformat()})"
            raise ValueError(msg)


EVENTS: tuple[type[Event], ...] = (AgentState, ScheduleSegment)
