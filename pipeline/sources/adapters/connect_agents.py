"""Amazon Connect's agent events flow in; agent states, and what they say of contacts, flow out.

Semantics after docs.aws.amazon.com/connect, "Agent event streams data model": each event holds the
agent's snapshot before and after, so an event is understood alone, in whatever order events come.
A heartbeat repeats the snapshot every 120 s, up to an hour after a logout. A contact that has ENDED
stays in the snapshot while the agent does the work after it; what left the snapshot is done.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from pydantic import Field

from pipeline.sources.adapters.adapter import (
    Adapter,
    EventDict,
    Record,
    Sender,
    modelled,
    ms_between,
    version_of,
)
from pipeline.sources.adapters.connect import (
    QueueReference,
    agent_of,
    channel_of,
    direction_of,
    event_id,
    queue_of,
)
from schemas.events.envelope import Instant

NAME: Final = "connect-agent-events"
_TALKING: Final = frozenset({"CONNECTED", "CONNECTED_ONHOLD"})
_RINGING: Final = frozenset({"INCOMING", "PENDING", "CONNECTING"})
_UNANSWERED: Final = frozenset({"MISSED", "REJECTED", "ERROR"})
_STATE_OF_CONTACT: Final = (
    # The first that fits says what the agent does: of several chats one may ring, another be over.
    ("CONNECTED", "talking"),
    ("CONNECTED_ONHOLD", "holding"),
    ("ENDED", "acw"),
    ("INCOMING", "ringing"),
    ("PENDING", "ringing"),
    ("CONNECTING", "ringing"),
)
_STATE_OF_STATUS: Final = {"Available": "ready", "Offline": "offline"}
_STATE_OF_TYPE: Final = {"ROUTABLE": "ready", "OFFLINE": "offline"}


class _Status(Record):
    Name: str | None = None
    Type: str | None = None


class _Contact(Record):
    ContactId: str = Field(min_length=1, max_length=150)
    State: str
    StateStartTimestamp: Instant
    Channel: str | None = None
    InitialContactId: str | None = None
    InitiationMethod: str | None = None
    Queue: QueueReference | None = None
    QueueTimestamp: Instant | None = None
    ConnectedToAgentTimestamp: Instant | None = None


class _Group(Record):
    Name: str | None = None


class _RoutingProfile(Record):
    InboundQueues: tuple[QueueReference, ...] | None = None


class _Configuration(Record):
    AgentHierarchyGroups: dict[str, _Group | None] | None = None
    RoutingProfile: _RoutingProfile | None = None


class _Snapshot(Record):
    AgentStatus: _Status
    Contacts: tuple[_Contact, ...] | None = None
    Configuration: _Configuration | None = None

    def contacts(self) -> dict[str, _Contact]:
        """The agent's contacts by id."""
        return {contact.ContactId: contact for contact in self.Contacts or ()}


class AgentEvent(Record):
    """What we read of an agent event, under Amazon's names."""

    EventId: str = Field(min_length=1, max_length=150)
    EventTimestamp: Instant
    EventType: str
    AgentARN: str = Field(min_length=1)
    CurrentAgentSnapshot: _Snapshot | None = None
    PreviousAgentSnapshot: _Snapshot | None = None


def _events(record: AgentEvent, sender: Sender) -> Iterator[EventDict]:
    current, previous = record.CurrentAgentSnapshot, record.PreviousAgentSnapshot
    agent = agent_of(record.AgentARN, sender)
    team = _team(current or previous)
    yield _state(record, sender, agent, team)
    now = current.contacts() if current else {}
    before = previous.contacts() if previous else {}
    for contact in now.values():
        yield from _changes(contact, before.get(contact.ContactId), _Who(record, sender, agent))
    for contact in before.values():
        if contact.State == "ENDED" and contact.ContactId not in now:
            acw = ms_between(contact.StateStartTimestamp, record.EventTimestamp)
            if acw is not None:
                who = _Who(record, sender, agent)
                yield who.did(contact, "call.acw_ended", "acw", record.EventTimestamp, acw_ms=acw)


class _Who:
    """Says for whom and when contacts changed."""

    def __init__(self, record: AgentEvent, sender: Sender, agent: str) -> None:
        self.version = version_of(record.EventTimestamp)
        self.sender = sender
        self.agent = agent

    def did(
        self, contact: _Contact, event_type: str, step: str, at: datetime, **fields: object
    ) -> EventDict:
        """What the agent did with this contact."""
        return self.event(contact, event_type, step, at, agent_id=self.agent, **fields)

    def event(
        self, contact: _Contact, event_type: str, step: str, at: datetime, **fields: object
    ) -> EventDict:
        """An event of this contact, under the id that its contact record will repeat."""
        return self.sender.event(
            event_type,
            at,
            event_id(contact.ContactId, step),
            **{
                "version": self.version,
                "contact_id": contact.ContactId,
                "root_contact_id": contact.InitialContactId or None,
                "channel": channel_of(contact.Channel),
                "queue": queue_of(contact.Queue, self.sender),
                **fields,
            },
        )


def _changes(contact: _Contact, before: _Contact | None, who: _Who) -> Iterator[EventDict]:
    """What became of a contact between two snapshots."""
    was = before.State if before else ""
    answered_at = contact.ConnectedToAgentTimestamp
    if contact.State == was:
        return
    if contact.State in _UNANSWERED and was in _RINGING and before is not None:
        rang = ms_between(before.StateStartTimestamp, contact.StateStartTimestamp)
        step = f"ring:{who.agent}:{version_of(contact.StateStartTimestamp)}"
        yield who.did(contact, "call.ringing", step, contact.StateStartTimestamp, ring_ms=rang)
    if contact.State in _TALKING and was not in _TALKING and answered_at is not None:
        direction = direction_of(contact.InitiationMethod)
        queue = queue_of(contact.Queue, who.sender) or direction
        queued_at = contact.QueueTimestamp or answered_at
        wait = ms_between(queued_at, answered_at) or 0
        yield who.event(
            contact, "call.queued", "queued", queued_at, direction=direction, queue=queue
        )
        yield who.did(contact, "call.answered", "outcome", answered_at, wait_ms=wait)
    if contact.State == "ENDED" and was in _TALKING and answered_at is not None:
        talk = ms_between(answered_at, contact.StateStartTimestamp) or 0
        yield who.did(contact, "call.ended", "ended", contact.StateStartTimestamp, talk_ms=talk)


def _state(record: AgentEvent, sender: Sender, agent: str, team: str | None) -> EventDict:
    snapshot = record.CurrentAgentSnapshot
    if record.EventType == "LOGOUT" or snapshot is None:
        state, since, reason = "offline", None, None
    else:
        state, since, reason = _state_of(snapshot, sender)
    before = record.PreviousAgentSnapshot
    if since is None and (before is None or _state_of(before, sender)[0] != state):
        since = record.EventTimestamp
    return sender.event(
        "agent.state",
        record.EventTimestamp,
        f"connect:agent:{record.EventId}",
        agent_id=agent,
        state=state,
        since=since.isoformat() if since else None,
        reason=reason,
        team=team,
        queues=_queues(snapshot, sender),
    )


def _state_of(snapshot: _Snapshot, sender: Sender) -> tuple[str, datetime | None, str | None]:
    """What the agent does, since when, and the status that a person chose for it.

    A status began before the contacts that were taken in it, so it does not tell since when there
    is none.
    """
    for theirs, ours in _STATE_OF_CONTACT:
        starts = [c.StateStartTimestamp for c in snapshot.Contacts or () if c.State == theirs]
        if starts:
            return ours, min(starts), None
    status = snapshot.AgentStatus
    name = status.Name or ""
    known = _STATE_OF_STATUS | sender.names.states
    state = known.get(name) or _STATE_OF_TYPE.get(status.Type or "", "not_ready")
    return state, None, name or None if state == "not_ready" else None


def _queues(snapshot: _Snapshot | None, sender: Sender) -> list[str] | None:
    configuration = snapshot.Configuration if snapshot else None
    profile = configuration.RoutingProfile if configuration else None
    if profile is None or profile.InboundQueues is None:
        return None
    names = (queue_of(queue, sender) for queue in profile.InboundQueues)
    return [name for name in names if name][:100] or None


def _team(snapshot: _Snapshot | None) -> str | None:
    """The narrowest group of the agent's hierarchy: Level1 is the broadest of five."""
    configuration = snapshot.Configuration if snapshot else None
    levels = (configuration.AgentHierarchyGroups if configuration else None) or {}
    groups = [levels[key] for key in sorted(levels)]
    names = [group.Name for group in groups if group and group.Name]
    return names[-1] if names else None


CONNECT_AGENT_EVENTS: Final = Adapter(NAME, modelled(AgentEvent, _events))
