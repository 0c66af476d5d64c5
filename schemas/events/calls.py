"""What a switch, a voice menu and a call recorder report flows in: the events of one contact."""

from __future__ import annotations

from typing import ClassVar, Literal

from schemas.events.envelope import (
    Count,
    DurationMs,
    Event,
    Id,
    Instant,
    Label,
    Name,
    Names,
    Sentiment,
    Share,
    Text,
)


class ContactEvent(Event):
    """What is part of one contact, identified by `contact_id`."""

    contact_id: Id
    root_contact_id: Id | None = None
    """The first contact of a chain of transfers; the same as `contact_id` where it is alone."""


class _CallEvent(ContactEvent):
    family: ClassVar[str] = "call"

    channel: Label | None = None
    queue: Name | None = None


class CallQueued(_CallEvent):
    """The contact entered a queue for an agent: it is offered."""

    event_type: Literal["call.queued"] = "call.queued"
    queue: Name
    direction: Label | None = None
    call_type: Label | None = None
    skill: Name | None = None
    priority: Label | None = None
    region: Name | None = None
    product: Name | None = None


class CallRinging(_CallEvent):
    """An agent's set rang; `ring_ms` is known where it stopped ringing unanswered.

    Where the caller gave up meanwhile, `call.abandoned` says so, and nobody knows `ring_ms`.
    """

    event_type: Literal["call.ringing"] = "call.ringing"
    agent_id: Id | None = None
    team: Name | None = None
    ring_ms: DurationMs | None = None


class CallAnswered(_CallEvent):
    """An agent took the contact after `wait_ms` in the queue."""

    event_type: Literal["call.answered"] = "call.answered"
    agent_id: Id
    wait_ms: DurationMs
    team: Name | None = None


class CallAbandoned(_CallEvent):
    """The caller gave up before an agent answered."""

    event_type: Literal["call.abandoned"] = "call.abandoned"
    wait_ms: DurationMs
    phase: Literal["ivr", "queue", "ring"]


class CallHeld(_CallEvent):
    """A hold ended after `hold_ms`, or began where the duration is not yet known."""

    event_type: Literal["call.held"] = "call.held"
    agent_id: Id | None = None
    hold_ms: DurationMs | None = None


class CallTransferred(_CallEvent):
    """The contact was handed on; `consult` is true where the agents only spoke."""

    event_type: Literal["call.transferred"] = "call.transferred"
    agent_id: Id | None = None
    to_agent_id: Id | None = None
    to_queue: Name | None = None
    consult: bool | None = None
    reason: Name | None = None


class CallFlowOut(_CallEvent):
    """The contact left the queue without an answer and without giving up."""

    event_type: Literal["call.flow_out"] = "call.flow_out"
    wait_ms: DurationMs | None = None
    to_queue: Name | None = None
    reason: Name | None = None


class CallCallback(_CallEvent):
    """The caller asked to be called back."""

    event_type: Literal["call.callback"] = "call.callback"
    wait_ms: DurationMs | None = None
    requested_at: Instant | None = None
    due_at: Instant | None = None
    reason: Name | None = None


class CallFailed(_CallEvent):
    """The switch lost or could not route the contact."""

    event_type: Literal["call.failed"] = "call.failed"
    wait_ms: DurationMs | None = None
    reason: Name | None = None


class CallEnded(_CallEvent):
    """The conversation is over; what text analysis found in it may come with it."""

    event_type: Literal["call.ended"] = "call.ended"
    agent_id: Id | None = None
    team: Name | None = None
    talk_ms: DurationMs
    hold_ms: DurationMs | None = None
    ended_by: Label | None = None
    topics: Names | None = None
    topic_confidence: Share | None = None
    classifier_version: Label | None = None
    sentiment: Sentiment | None = None
    escalation_threat: bool | None = None
    intensity: Label | None = None
    reply_urgency: Label | None = None


class CallAcwEnded(_CallEvent):
    """The agent finished the work after the call."""

    event_type: Literal["call.acw_ended"] = "call.acw_ended"
    agent_id: Id
    team: Name | None = None
    acw_ms: DurationMs


class _IvrEvent(ContactEvent):
    family: ClassVar[str] = "ivr"

    menu: Name | None = None


class IvrStarted(_IvrEvent):
    """The voice menu, or a bot, took the contact."""

    event_type: Literal["ivr.started"] = "ivr.started"


class IvrEnded(_IvrEvent):
    """The contact left the voice menu; `contained` is true where it needed nobody else."""

    event_type: Literal["ivr.ended"] = "ivr.ended"
    contained: bool | None = None
    ivr_ms: DurationMs | None = None


class KbLookup(ContactEvent):
    """An agent looked something up while helping."""

    family: ClassVar[str] = "kb"

    event_type: Literal["kb.lookup"] = "kb.lookup"
    agent_id: Id | None = None
    article: Name | None = None
    found: bool | None = None
    results: Count | None = None


class TranscriptReady(ContactEvent):
    """What was said, as masked text."""

    family: ClassVar[str] = "transcript"

    event_type: Literal["transcript.ready"] = "transcript.ready"
    text: Text | None = None
    language: Label | None = None


CallEvent = (
    CallQueued
    | CallRinging
    | CallAnswered
    | CallAbandoned
    | CallHeld
    | CallTransferred
    | CallFlowOut
    | CallCallback
    | CallFailed
    | CallEnded
    | CallAcwEnded
    | IvrStarted
    | IvrEnded
)
"""Everything a contact's state machine reads; `event_type` tells the members apart."""

EVENTS: tuple[type[Event], ...] = (
    CallQueued,
    CallRinging,
    CallAnswered,
    CallAbandoned,
    CallHeld,
    CallTransferred,
    CallFlowOut,
    CallCallback,
    CallFailed,
    CallEnded,
    CallAcwEnded,
    IvrStarted,
    IvrEnded,
    KbLookup,
    TranscriptReady,
)
