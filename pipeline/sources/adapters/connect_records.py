"""Amazon Connect's contact records flow in, the events of each contact flow out.

Semantics after docs.aws.amazon.com/connect, "Data model for contact records": delivered at least
once; delivered again when something changes, with a later LastUpdateTimestamp, which is our
`version`; durations in whole seconds; the agent's interaction without the time on hold.
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
    phone_of,
    seconds,
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

NAME: Final = "connect-records"
_ENDED_BY: Final = {"CUSTOMER_DISCONNECT": "customer", "AGENT_DISCONNECT": "agent"}
_GAVE_UP: Final = "CUSTOMER_DISCONNECT"
_FLOW_ENDED: Final = "CONTACT_FLOW_DISCONNECT"
_THROUGH_A_FLOW: Final = frozenset({"INBOUND", "API", "WEBRTC_API", None})
"""Ways to begin that lead through a contact flow; the others begin at a queue or an agent."""


class _Level(Record):
    GroupName: str | None = None


class _Agent(Record):
    ARN: str = Field(min_length=1)
    ConnectedToAgentTimestamp: Instant | None = None
    AgentInteractionDuration: int | None = None
    CustomerHoldDuration: int | None = None
    AfterContactWorkDuration: int | None = None
    AfterContactWorkEndTimestamp: Instant | None = None
    HierarchyGroups: dict[str, _Level | None] | None = None


class _Queue(QueueReference):
    EnqueueTimestamp: Instant | None = None
    DequeueTimestamp: Instant | None = None
    Duration: int | None = None


class _Endpoint(Record):
    Address: str | None = None
    Type: str | None = None


class ContactRecord(Record):
    """What we read of a contact record, under Amazon's names."""

    ContactId: str = Field(min_length=1, max_length=150)
    InitiationTimestamp: Instant
    LastUpdateTimestamp: Instant | None = None
    InitialContactId: str | None = None
    NextContactId: str | None = None
    InitiationMethod: str | None = None
    Channel: str | None = None
    ConnectedToSystemTimestamp: Instant | None = None
    DisconnectTimestamp: Instant | None = None
    DisconnectReason: str | None = None
    TransferCompletedTimestamp: Instant | None = None
    CustomerEndpoint: _Endpoint | None = None
    Queue: _Queue | None = None
    Agent: _Agent | None = None


def _events(record: ContactRecord, sender: Sender) -> Iterator[EventDict]:
    endpoint = record.CustomerEndpoint
    of_calls = {"channel": channel_of(record.Channel), "queue": queue_of(record.Queue, sender)}
    common = {
        "version": version_of(record.LastUpdateTimestamp),
        "contact_id": record.ContactId,
        "root_contact_id": record.InitialContactId or None,
        "phone": phone_of(endpoint.Address)
        if endpoint and endpoint.Type == "TELEPHONE_NUMBER"
        else None,
    }
    for event_type, step, at, fields in _steps(record, sender):
        ours = {**common, **(of_calls if event_type.startswith("call.") else {}), **fields}
        yield sender.event(event_type, at, event_id(record.ContactId, step), **ours)


_Step = tuple[str, str, datetime, dict[str, object]]
"""Event type, the end of its id, when, and what only it says."""


def _steps(record: ContactRecord, sender: Sender) -> Iterator[_Step]:
    queued_at = record.Queue.EnqueueTimestamp if record.Queue else None
    answered_at = record.Agent.ConnectedToAgentTimestamp if record.Agent else None
    direction = direction_of(record.InitiationMethod)
    if record.InitiationMethod in _THROUGH_A_FLOW:
        yield from _flow(record, queued_at or answered_at)
    if queued_at is not None or answered_at is not None:
        at = queued_at or answered_at or record.InitiationTimestamp
        queue = queue_of(record.Queue, sender) or direction
        yield "call.queued", "queued", at, {"direction": direction, "queue": queue}
    if record.Agent is not None and answered_at is not None:
        yield from _service(record, record.Agent, answered_at, sender)
    elif record.DisconnectTimestamp is not None:
        yield from _unanswered(record, record.DisconnectTimestamp, queued_at)


def _flow(record: ContactRecord, left_at: datetime | None) -> Iterator[_Step]:
    """The contact flow, which every inbound contact goes through before it reaches a queue."""
    start = record.ConnectedToSystemTimestamp or record.InitiationTimestamp
    yield "ivr.started", "ivr-started", start, {}
    end = left_at or record.DisconnectTimestamp
    if end is not None:
        contained = left_at is None and record.DisconnectReason == _FLOW_ENDED
        said: dict[str, object] = {"ivr_ms": ms_between(start, end), "contained": contained or None}
        yield "ivr.ended", "ivr-ended", end, said


def _service(
    record: ContactRecord, agent: _Agent, answered_at: datetime, sender: Sender
) -> Iterator[_Step]:
    who: dict[str, object] = {"agent_id": agent_of(agent.ARN, sender), "team": _team(agent)}
    queue = record.Queue
    wait = seconds(queue.Duration) if queue else None
    if wait is None:
        wait = ms_between(queue.EnqueueTimestamp if queue else None, answered_at) or 0
    yield "call.answered", "outcome", answered_at, {**who, "wait_ms": wait}
    if record.TransferCompletedTimestamp is not None:
        moved = {"agent_id": who["agent_id"]}
        yield "call.transferred", "transferred", record.TransferCompletedTimestamp, moved
    if record.DisconnectTimestamp is not None:
        talk = seconds(agent.AgentInteractionDuration)
        if talk is None:
            talk = ms_between(answered_at, record.DisconnectTimestamp) or 0
        reason = record.DisconnectReason
        said = {
            "talk_ms": talk,
            "hold_ms": seconds(agent.CustomerHoldDuration),
            "ended_by": None if reason is None else _ENDED_BY.get(reason, "system"),
        }
        yield "call.ended", "ended", record.DisconnectTimestamp, {**who, **said}
    acw = seconds(agent.AfterContactWorkDuration)
    if agent.AfterContactWorkEndTimestamp is not None and acw is not None:
        yield "call.acw_ended", "acw", agent.AfterContactWorkEndTimestamp, {**who, "acw_ms": acw}


def _unanswered(
    record: ContactRecord, ended_at: datetime, queued_at: datetime | None
) -> Iterator[_Step]:
    """How a contact ended that no agent took."""
    reason = record.DisconnectReason
    queue = record.Queue
    wait = seconds(queue.Duration) if queue else None
    if wait is None:
        wait = ms_between(queued_at, ended_at)
    left_at = (queue.DequeueTimestamp if queue else None) or ended_at
    if queued_at is None:
        start = record.ConnectedToSystemTimestamp or record.InitiationTimestamp
        if reason == _GAVE_UP and record.InitiationMethod in _THROUGH_A_FLOW:
            said: dict[str, object] = {"phase": "ivr", "wait_ms": ms_between(start, ended_at) or 0}
            yield "call.abandoned", "outcome", ended_at, said
        elif record.InitiationMethod not in _THROUGH_A_FLOW:
            yield "call.failed", "outcome", ended_at, {"reason": _words(reason)}
    elif record.NextContactId or reason == _FLOW_ENDED:
        why = "transferred" if record.NextContactId else "ended by the flow"
        yield "call.flow_out", "outcome", left_at, {"wait_ms": wait, "reason": why}
    elif reason == _GAVE_UP:
        yield "call.abandoned", "outcome", left_at, {"phase": "queue", "wait_ms": wait or 0}
    else:
        yield "call.failed", "outcome", left_at, {"wait_ms": wait, "reason": _words(reason)}


def _words(reason: str | None) -> str | None:
    return None if reason is None else reason.lower().replace("_", " ")[:200]


def _team(agent: _Agent) -> str | None:
    """The narrowest group of the agent's hierarchy: Level1 is the broadest of five."""
    levels = agent.HierarchyGroups or {}
    named = [levels[key] for key in sorted(levels) if levels[key] is not None]
    names = [level.GroupName for level in named if level and level.GroupName]
    return names[-1] if names else None


CONNECT_RECORDS: Final = Adapter(NAME, modelled(ContactRecord, _events))
