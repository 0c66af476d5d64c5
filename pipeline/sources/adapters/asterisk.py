"""Lines of Asterisk's queue_log flow in, call events and agent states flow out.

`time|uniqueid|queue|member|event|parameters...`, as the Asterisk documentation lists them
(docs.asterisk.org, Operation / Logging / Queue Logs). The log has no ids of its own, so an event's
id is made of the call's and of the whole line: a line that is read again says nothing new.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final, NamedTuple

from pipeline.masking import quoted
from pipeline.sources.adapters.adapter import (
    Adapter,
    EventDict,
    Reading,
    Sender,
    phone_of,
)

NAME: Final = "asterisk"
_TIME: Final = re.compile(r"\d{9,10}(?:\.\d{1,6})?", re.ASCII)
_WITHOUT_CALL: Final = frozenset({"", "NONE", "REALTIME", "MANAGER"})
_FIXED: Final = 5

_STATES: Final = {
    "ADDMEMBER": "ready",
    "AGENTLOGIN": "ready",
    "AGENTCALLBACKLOGIN": "ready",
    "UNPAUSE": "ready",
    "UNPAUSEALL": "ready",
    "PAUSE": "not_ready",
    "PAUSEALL": "not_ready",
    "REMOVEMEMBER": "offline",
    "AGENTLOGOFF": "offline",
    "AGENTCALLBACKLOGOFF": "offline",
}
_EXITS: Final = {
    # Event -> (why the caller left without an answer, where the time waited stands)
    "EXITEMPTY": ("no agents", 2),
    "EXITWITHTIMEOUT": ("timeout", 2),
    "EXITWITHKEY": ("key pressed", 3),
}
_TRANSFERS: Final = ("TRANSFER", "BLINDTRANSFER", "ATTENDEDTRANSFER")


class _Refused(Exception):
    """A line cannot be read; the text names place, value and remedy."""


class _Line(NamedTuple):
    """One line, split."""

    at: datetime
    call: str
    queue: str
    member: str
    event: str
    parameters: list[str]
    event_id: str

    def number(self, place: int, what: str, *, default: int | None = None) -> int:
        """A whole number among the parameters."""
        text = self.parameters[place].strip() if place < len(self.parameters) else ""
        if text.isascii() and text.isdigit() and len(text) < 10:
            return int(text)
        if not text and default is not None:
            return default
        msg = (
            f"{self.event} has {quoted(text) if text else 'nothing'} as its parameter {place + 1}, "
            f"{what}; a whole number belongs there: check what writes the queue_log"
        )
        raise _Refused(msg)

    def optional_ms(self, place: int, unit_ms: int, what: str) -> int | None:
        """A duration that older versions leave out."""
        if place >= len(self.parameters) or not self.parameters[place].strip():
            return None
        return self.number(place, what) * unit_ms


def _lines(body: bytes) -> Iterator[bytes]:
    return (line.rstrip(b"\r") for line in body.split(b"\n") if line.strip())


def _read(line: bytes, sender: Sender) -> Reading:
    try:
        entry = _split(line)
        make = _CALLS.get(entry.event)
        if make is not None:
            if entry.call in _WITHOUT_CALL:
                msg = (
                    f"{entry.event} has {quoted(entry.call)} as its second field, the call's "
                    "unique id; check what writes the queue_log"
                )
                raise _Refused(msg)
            return Reading(tuple(make(entry, sender)))
        if entry.event in _STATES:
            return Reading(tuple(_state(entry, sender)))
    except _Refused as refused:
        return Reading(problem=str(refused), content=line)
    return Reading(skipped=f"queue_log event {entry.event[:40]}")


def _split(line: bytes) -> _Line:
    fields = line.decode("utf-8", errors="replace").split("|")
    if len(fields) < _FIXED:
        msg = (
            f"the line has {len(fields)} fields, not time|uniqueid|queue|member|event; check that "
            "the file is a queue_log"
        )
        raise _Refused(msg)
    time, call, queue, member, event = fields[:_FIXED]
    if not _TIME.fullmatch(time):
        msg = f"the first field is {quoted(time)}, not a Unix time in seconds; check the file"
        raise _Refused(msg)
    digest = hashlib.sha256(line).hexdigest()[:16]
    return _Line(
        datetime.fromtimestamp(float(time), UTC),
        call,
        queue,
        member,
        event.strip().upper(),
        fields[_FIXED:],
        f"{call[:100]}:{event[:30]}:{digest}",
    )


def _call(
    line: _Line, sender: Sender, event_type: str, step: str = "", **fields: object
) -> EventDict:
    """An event of a call; what a line says twice, as in a transfer, has an id per step."""
    return sender.event(
        event_type, line.at, line.event_id + step, contact_id=line.call, **fields
    ) | {"queue": sender.names.queues.get(line.queue, line.queue)}


def _agent(line: _Line, sender: Sender) -> str:
    if line.member in ("", "NONE"):
        msg = f"{line.event} names no member in its fourth field; check what writes the queue_log"
        raise _Refused(msg)
    return sender.names.agents.get(line.member, line.member)


def _enter(line: _Line, sender: Sender) -> Iterable[EventDict]:
    caller = phone_of(line.parameters[1]) if len(line.parameters) > 1 else None
    yield _call(line, sender, "call.queued", channel="phone", direction="inbound", phone=caller)


def _connect(line: _Line, sender: Sender) -> Iterable[EventDict]:
    wait = line.number(0, "the seconds waited") * 1000
    yield _call(line, sender, "call.answered", agent_id=_agent(line, sender), wait_ms=wait)


def _complete(line: _Line, sender: Sender) -> Iterable[EventDict]:
    yield _ended(line, sender, 1, "agent" if line.event == "COMPLETEAGENT" else "customer")


def _transfer(line: _Line, sender: Sender) -> Iterable[EventDict]:
    agent = _agent(line, sender)
    yield _call(line, sender, "call.transferred", ":0", agent_id=agent)
    # An attended transfer has one field or two on how it was made, before the usual three.
    place = len(line.parameters) - 2 if line.event == "ATTENDEDTRANSFER" else 3
    yield _ended(line, sender, max(place, 0), "transfer", ":1")


def _ended(line: _Line, sender: Sender, place: int, by: str, step: str = "") -> EventDict:
    talk = line.number(place, "the seconds talked") * 1000
    agent = _agent(line, sender)
    return _call(line, sender, "call.ended", step, agent_id=agent, talk_ms=talk, ended_by=by)


def _abandon(line: _Line, sender: Sender) -> Iterable[EventDict]:
    wait = line.number(2, "the seconds waited") * 1000
    yield _call(line, sender, "call.abandoned", wait_ms=wait, phase="queue")


def _exit(line: _Line, sender: Sender) -> Iterable[EventDict]:
    reason, place = _EXITS[line.event]
    wait = line.optional_ms(place, 1000, "the seconds waited")
    yield _call(line, sender, "call.flow_out", wait_ms=wait, reason=reason)


def _ring(line: _Line, sender: Sender) -> Iterable[EventDict]:
    # Only of this one is the unit documented.
    told = line.event == "RINGNOANSWER"
    ring = line.optional_ms(0, 1, "the milliseconds it rang") if told else None
    yield _call(line, sender, "call.ringing", agent_id=_agent(line, sender), ring_ms=ring)


def _fail(line: _Line, sender: Sender) -> Iterable[EventDict]:
    yield _call(line, sender, "call.failed", reason="incompatible channels")


def _state(line: _Line, sender: Sender) -> Iterable[EventDict]:
    reason = line.parameters[0].strip()[:200] if line.parameters else ""
    queue = sender.names.queues.get(line.queue, line.queue)
    yield sender.event(
        "agent.state",
        line.at,
        line.event_id,
        agent_id=_agent(line, sender),
        state=_STATES[line.event],
        reason=reason or None if line.event.startswith("PAUSE") else None,
        queues=None if line.queue in ("", "NONE") else [queue],
    )


_CALLS: Final = {
    "ENTERQUEUE": _enter,
    "CONNECT": _connect,
    "COMPLETEAGENT": _complete,
    "COMPLETECALLER": _complete,
    "ABANDON": _abandon,
    "RINGNOANSWER": _ring,
    "RINGCANCELED": _ring,
    "SYSCOMPAT": _fail,
    **dict.fromkeys(_EXITS, _exit),
    **dict.fromkeys(_TRANSFERS, _transfer),
}

ASTERISK: Final = Adapter(NAME, _read, _lines)
