"""Genesys Cloud's conversation details flow in, the events of each conversation flow out.

As the analytics API gives them: participants with sessions, sessions with metrics and segments.
A metric's `emitDate` is when it was known and its `t...` values are milliseconds: `nOffered` is the
entry into a queue, `tAnswered` the answer after so long a wait, `tTalkComplete` the end of a talk.
A conversation is sent again while it goes on; the latest time in it is our `version`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import chain
from typing import Final

from pydantic import Field

from pipeline.sources.adapters.adapter import (
    Adapter,
    EventDict,
    Reading,
    Record,
    Sender,
    json_records,
    modelled,
    ms_between,
    phone_of,
    version_of,
)
from schemas.events.envelope import Instant

NAME: Final = "genesys"
_CUSTOMER: Final = frozenset({"customer", "external"})
_FLOW: Final = frozenset({"ivr", "workflow", "botflow"})
_GAVE_UP: Final = frozenset({"peer", "client", "endpoint"})
"""How a segment ends whose customer left; `system` and `transfer` are the flow's own doing."""


class _Metric(Record):
    name: str
    emitDate: Instant
    value: float = 0

    @property
    def ms(self) -> int:
        """The value of a `t...` metric."""
        return max(0, round(self.value))


class _Segment(Record):
    segmentType: str | None = None
    segmentStart: Instant
    segmentEnd: Instant | None = None
    disconnectType: str | None = None
    queueId: str | None = None


class _Session(Record):
    sessionId: str = Field(min_length=1, max_length=60)
    mediaType: str | None = None
    direction: str | None = None
    ani: str | None = None
    dnis: str | None = None
    metrics: tuple[_Metric, ...] = ()
    segments: tuple[_Segment, ...] = ()

    def metric(self, *names: str) -> _Metric | None:
        """The first of these metrics that the session has."""
        for name in names:
            for metric in self.metrics:
                if metric.name == name:
                    return metric
        return None

    def start(self) -> datetime | None:
        """When it began, as far as it says."""
        return min(self.times(), default=None)

    def times(self) -> Iterator[datetime]:
        """Every moment that it names."""
        for segment in self.segments:
            yield segment.segmentStart
            if segment.segmentEnd is not None:
                yield segment.segmentEnd
        yield from (metric.emitDate for metric in self.metrics)

    def queue(self, sender: Sender) -> str | None:
        """The queue that its segments name."""
        for segment in self.segments:
            if segment.queueId:
                return sender.names.queues.get(segment.queueId, segment.queueId)
        return None


class _Participant(Record):
    purpose: str | None = None
    userId: str | None = None
    teamId: str | None = None
    sessions: tuple[_Session, ...] = ()


class Conversation(Record):
    """What we read of a conversation's details, under Genesys's names."""

    conversationId: str = Field(min_length=1, max_length=60)
    conversationStart: Instant
    conversationEnd: Instant | None = None
    originatingDirection: str | None = None
    participants: tuple[_Participant, ...] = ()

    def sessions(self, purposes: Iterable[str]) -> list[_Session]:
        """The sessions of participants with one of these purposes, in order of time."""
        wanted = frozenset(purposes)
        found = chain.from_iterable(p.sessions for p in self.participants if p.purpose in wanted)
        return sorted(found, key=lambda session: session.start() or self.conversationStart)


class _Teller:
    """Makes the events of one conversation."""

    def __init__(self, conversation: Conversation, sender: Sender) -> None:
        self.conversation = conversation
        self.sender = sender
        self.outbound = conversation.originatingDirection == "outbound"
        everything = conversation.sessions(p.purpose or "" for p in conversation.participants)
        ends = chain.from_iterable(session.times() for session in everything)
        known = [conversation.conversationStart, conversation.conversationEnd, *ends]
        self.version = version_of(max(time for time in known if time is not None))
        customers = conversation.sessions(_CUSTOMER)
        media = next((s.mediaType for s in customers or everything if s.mediaType), None)
        self.channel = "phone" if media == "voice" else media
        numbers = (session.dnis if self.outbound else session.ani for session in customers)
        self.phone = next((phone for phone in map(phone_of, numbers) if phone), None)

    def event(self, event_type: str, step: str, at: datetime, **fields: object) -> EventDict:
        """An event of the conversation; `step` ends its id."""
        contact = self.conversation.conversationId
        common: dict[str, object] = {"contact_id": contact, "phone": self.phone}
        if event_type.startswith("call."):
            common["channel"] = self.channel
        step_id = f"genesys:{contact}:{step}"
        common["version"] = self.version
        return self.sender.event(event_type, at, step_id, **common, **fields)


def _events(conversation: Conversation, sender: Sender) -> Iterator[EventDict]:
    teller = _Teller(conversation, sender)
    queued = conversation.sessions({"acd"})
    agents = [
        (participant, session)
        for participant in conversation.participants
        if participant.purpose == "agent" and participant.userId
        for session in participant.sessions
    ]
    if not teller.outbound:
        yield from _flow(teller, reached=bool(queued or agents))
    for session in queued:
        yield from _stay(teller, session)
    for participant, session in agents:
        yield from _service(teller, participant, session, through_queue=bool(queued))


def _flow(teller: _Teller, *, reached: bool) -> Iterator[EventDict]:
    """The flow that every inbound conversation begins in, whether or not it says so."""
    conversation = teller.conversation
    flow = next(iter(conversation.sessions(_FLOW)), None)
    start = (flow.start() if flow else None) or conversation.conversationStart
    if flow is None and reached:
        return
    yield teller.event("ivr.started", "ivr-started", start)
    end = max(flow.times(), default=None) if flow else conversation.conversationEnd
    if end is None:
        return
    spent = flow.metric("tIvr", "tFlow") if flow else None
    last = flow.segments[-1].disconnectType if flow and flow.segments else None
    ours = {
        "ivr_ms": spent.ms if spent else None,
        "contained": True if not reached and last == "system" else None,
    }
    yield teller.event("ivr.ended", "ivr-ended", end, **ours)
    if not reached and last in _GAVE_UP:
        wait = ms_between(start, end) or 0
        yield teller.event("call.abandoned", "outcome", end, phase="ivr", wait_ms=wait)


def _stay(teller: _Teller, session: _Session) -> Iterator[EventDict]:
    """A stay in a queue; that an agent ended it is told by the agent's own session."""
    offered = session.metric("nOffered")
    at = offered.emitDate if offered else session.start()
    queue = session.queue(teller.sender)
    if at is None or queue is None:
        return
    direction = "outbound" if teller.outbound else "inbound"
    step = session.sessionId
    yield teller.event("call.queued", f"{step}:queued", at, queue=queue, direction=direction)
    gave_up = session.metric("tAbandon")
    moved = session.metric("tFlowOut")
    if gave_up is not None:
        ours: dict[str, object] = {"queue": queue, "wait_ms": gave_up.ms, "phase": "queue"}
        yield teller.event("call.abandoned", f"{step}:outcome", gave_up.emitDate, **ours)
    elif moved is not None:
        ours = {"queue": queue, "wait_ms": moved.ms}
        yield teller.event("call.flow_out", f"{step}:outcome", moved.emitDate, **ours)


def _service(
    teller: _Teller, participant: _Participant, session: _Session, *, through_queue: bool
) -> Iterator[EventDict]:
    """What one agent did with the conversation."""
    user = participant.userId or ""
    names = teller.sender.names
    who: dict[str, object] = {
        "agent_id": names.agents.get(user, user),
        "queue": session.queue(teller.sender),
        "team": names.departments.get(participant.teamId or ""),
    }
    step = session.sessionId
    answered = session.metric("tAnswered")
    talk = session.metric("tTalkComplete")
    spoke = next((s.segmentStart for s in session.segments if s.segmentType == "interact"), None)
    rang = session.metric("tNotResponding")
    if answered is not None:
        at, wait = answered.emitDate, answered.ms
    elif spoke is not None and talk is not None:
        at, wait = spoke, 0
    elif rang is not None:
        yield teller.event("call.ringing", f"{step}:ring", rang.emitDate, **who, ring_ms=rang.ms)
        return
    else:
        return
    if not through_queue:
        direction = "outbound" if teller.outbound else "inbound"
        queue = who["queue"] or direction
        yield teller.event("call.queued", f"{step}:queued", at, queue=queue, direction=direction)
    yield teller.event("call.answered", f"{step}:answered", at, **who, wait_ms=wait)
    moved = session.metric("nTransferred")
    if moved is not None:
        ours = {"agent_id": who["agent_id"], "queue": who["queue"]}
        yield teller.event("call.transferred", f"{step}:transferred", moved.emitDate, **ours)
    if talk is not None:
        held = session.metric("tHeldComplete")
        ended = {"talk_ms": talk.ms, "hold_ms": held.ms if held else None}
        yield teller.event("call.ended", f"{step}:ended", talk.emitDate, **who, **ended)
    work = session.metric("tAcw")
    if work is not None:
        ours = {name: who[name] for name in ("agent_id", "queue", "team")}
        yield teller.event("call.acw_ended", f"{step}:acw", work.emitDate, **ours, acw_ms=work.ms)


def _conversations(body: bytes) -> Iterator[object]:
    """Unpack what the API answers a query with: `{"conversations": [...]}`."""
    for record in json_records(body):
        if isinstance(record, dict) and "conversations" in record:
            inner = record["conversations"]
            if not isinstance(inner, list):
                yield Reading(problem="conversations is not a list; send the API's answer whole")
                continue
            yield from inner
        else:
            yield record


GENESYS: Final = Adapter(NAME, modelled(Conversation, _events), _conversations)
