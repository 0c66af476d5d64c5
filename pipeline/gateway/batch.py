"""A body flows in, what of it goes into the log flows out, and what to tell its sender of the rest.

An event that keeps its contract is accepted. One that is an object but breaks it goes into the log
too, hardened, and becomes a dead letter there: it can be looked at and replayed. What is no JSON
object at all cannot be masked, so only its place, size and fault are kept, as a dead letter without
content. What the key may not write is refused and nothing of it is kept.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import msgspec

from pipeline.decode import MAX_PAYLOAD, DeadLetter, DeadLetterReason, Decoder
from pipeline.gateway.keys import ANY
from pipeline.gateway.problems import Refusal
from pipeline.masking import quoted
from pipeline.sources.adapters import Reading, Sender
from pipeline.sources.privacy import Privacy
from pipeline.sources.source import unreadable_row

JSON: Final = "application/json"
LINES: Final = frozenset(
    {"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"}
)
RESULTS: Final = ("accepted", "dead_letter", "refused")
MOST_PROBLEMS: Final = 1_000
"""Bad events that one answer tells of in full; all are counted."""
_MOST_FIELDS: Final = 50
_OURS: Final = frozenset({"config.changed"})
"""Types that no source may send: they change what all the others mean."""


class Scope(Protocol):
    """What a sender may write: events of this site and source; `*` is any."""

    @property
    def site(self) -> str:
        """The site."""

    @property
    def source(self) -> str:
        """The source."""


_array = msgspec.json.Decoder(list[msgspec.Raw])
_object = msgspec.json.Decoder(dict[str, Any])


@dataclass(slots=True)
class Batch:
    """What became of a body, event by event.

    Attributes:
        payloads: what goes into the log, in order.
        counts: events by what became of them: accepted, dead_letter, refused; and a vendor's
            records that were skipped, because they hold nothing for us.
        problems: of each event that was not accepted, what to tell its sender.
        ignored: fields that no contract knows, with how often they were dropped.
    """

    payloads: list[bytes] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    problems: list[dict[str, Any]] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)

    def note(self, line: int, status: str, **facts: object) -> None:
        """Count an event that was not accepted, and tell of it."""
        self.counts[status] += 1
        if len(self.problems) < MOST_PROBLEMS:
            told = {name: value for name, value in facts.items() if value != ""}
            self.problems.append({"line": line, "status": status, **told})

    @property
    def size(self) -> int:
        """Bytes that go into the log."""
        return sum(map(len, self.payloads))

    def tally(self) -> dict[str, int]:
        """What is counted of it once it is durable: see `Counts`."""
        tally = {result: self.counts[result] for result in RESULTS if self.counts[result]}
        if self.payloads:
            tally["payload_bytes"] = self.size
        if self.ignored:
            tally["dropped_fields"] = self.ignored.total()
        return tally


def split(body: bytes, content_type: str, most: int) -> list[bytes]:
    """The events of a body, each as its bytes; lines that are blank stay, for the numbers' sake.

    Raises:
        Refusal: 415 a type that is not known, 400 no JSON, 413 too many events.
    """
    if content_type in LINES:
        lines = body.removeprefix(b"\xef\xbb\xbf").split(b"\n")
        if lines and not lines[-1].strip():
            lines.pop()
    elif content_type == JSON:
        lines = _elements(body)
    else:
        message = (
            f"Content-Type is {content_type[:60]!r}; send application/json (an object or an array) "
            "or application/x-ndjson (one object a line)"
        )
        raise Refusal(415, "unknown_content_type", message)
    if len(lines) > most:
        message = f"the body has {len(lines):,} events and {most:,} are allowed; send fewer at once"
        raise Refusal(413, "too_many_events", message)
    if not any(line.strip() for line in lines):
        message = "the body has no event in it; send at least one JSON object"
        raise Refusal(400, "empty", message)
    return lines


def _elements(body: bytes) -> list[bytes]:
    try:
        body.decode()
    except UnicodeDecodeError as error:
        message = (
            f"byte {error.start + 1:,} of the body (0x{body[error.start]:02x}) is not UTF-8; "
            "find out the source's encoding (GB18030?) and send UTF-8"
        )
        raise Refusal(400, "not_utf8", message) from error
    start = body.lstrip()[:1]
    if start == b"{":
        return [body]
    try:
        return [bytes(raw) for raw in _array.decode(body)]
    except (msgspec.MsgspecError, RecursionError) as error:
        if start in {b"[", b""}:
            why = str(error) if start else "it is empty"
        else:
            why = "it is neither an object nor an array"
        message = f"the body is not JSON events: {why[:200]}; send an object or an array of them"
        raise Refusal(400, "not_json" if start else "empty", message) from error


class Judge:
    """Judges bodies. Holds nothing that changes, so any thread may use it.

    Args:
        privacy: what is done to every event before anything else is.
        max_skew_ms: how far ahead a source's clock may be; as in the core.
    """

    def __init__(self, privacy: Privacy, max_skew_ms: int = 300_000) -> None:
        self._privacy = privacy
        self._decoder = Decoder(max_skew_ms=max_skew_ms)

    def lines(self, lines: Iterable[bytes], scope: Scope, now_ms: int) -> Batch:
        """Judge events as bytes, each a line; blank ones are passed over."""
        batch = Batch()
        for number, line in enumerate(lines, 1):
            if line.strip():
                self._line(batch, number, line, scope, now_ms)
        return batch

    def readings(
        self, readings: Iterable[Reading], sender: Sender, scope: Scope, now_ms: int
    ) -> Batch:
        """Judge what an adapter made of a vendor's records; each record is a line."""
        batch = Batch()
        for number, reading in enumerate(readings, 1):
            batch.ignored.update(reading.ignored[:_MOST_FIELDS])
            for event in reading.events:
                self._event(batch, number, event, scope, now_ms)
            if reading.problem:
                self._place(batch, number, reading.content, reading.problem, sender)
                batch.note(number, "dead_letter", reason="unreadable_row", detail=reading.problem)
            elif reading.skipped:
                batch.counts["skipped"] += 1
        return batch

    def _line(self, batch: Batch, number: int, line: bytes, scope: Scope, now_ms: int) -> None:
        try:
            event = _object.decode(line) if len(line) <= MAX_PAYLOAD else None
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            event = None
        if event is None:
            self._keep_place(batch, number, line, scope, now_ms)
        else:
            self._event(batch, number, event, scope, now_ms)

    def _keep_place(
        self, batch: Batch, number: int, line: bytes, scope: Scope, now_ms: int
    ) -> None:
        """Of what cannot be read, keep where it stood and what is wrong, not what it says."""
        verdict = self._decoder.decode(line, now_ms)
        reason, detail = DeadLetterReason.NOT_JSON, "The record is nested too deep."
        if isinstance(verdict, DeadLetter):
            reason, detail = verdict.reason, verdict.detail
        site, source = (own if own != ANY else "" for own in (scope.site, scope.source))
        self._place(batch, number, line, detail, Sender(site, source))
        batch.note(number, "dead_letter", reason=reason.value, detail=detail)

    def _place(
        self, batch: Batch, number: int, content: bytes, problem: str, sender: Sender
    ) -> None:
        digest = hashlib.sha256(content).hexdigest()[:16]
        told = f"{problem} It had {len(content):,} bytes, SHA-256 {digest}"
        batch.payloads.append(
            unreadable_row(number, told, b"", site=sender.site, source=sender.source)
        )

    def _event(
        self, batch: Batch, number: int, event: dict[str, Any], scope: Scope, now_ms: int
    ) -> None:
        event, dropped = self._privacy.cleansed(event)
        for name in dropped:
            if name in batch.ignored or len(batch.ignored) < _MOST_FIELDS:
                batch.ignored[name] += 1
        for name, own in (("site", scope.site), ("source", scope.source)):
            if own != ANY:
                event.setdefault(name, own)
                if event[name] != own:
                    self._refuse(batch, number, event, name, own)
                    return
        if event.get("event_type") in _OURS:
            self._refuse(batch, number, event, "event_type", "that of something that happened")
            return
        payload = msgspec.json.encode(event)
        verdict = self._decoder.decode(payload, now_ms)
        if not isinstance(verdict, DeadLetter):
            batch.payloads.append(payload)
            batch.counts["accepted"] += 1
            return
        hardened = {
            name: value if name in _ENVELOPE else self._privacy.hardened(value)
            for name, value in event.items()
        }
        batch.payloads.append(msgspec.json.encode(hardened))
        batch.note(
            number,
            "dead_letter",
            event_id=verdict.event_id,
            reason=verdict.reason.value,
            field=verdict.field,
            value=verdict.value,
            detail=verdict.detail,
        )

    def _refuse(
        self, batch: Batch, number: int, event: dict[str, Any], name: str, allowed: str
    ) -> None:
        given = quoted(event[name])
        detail = f"{name} is {given}, but this key may only write {allowed}; use another key"
        if name == "event_type":
            detail = f"event_type {given} is not taken over HTTP; use 'goldpan run --site FILE'"
        event_id = event.get("event_id")
        batch.note(
            number,
            "refused",
            event_id=event_id if isinstance(event_id, str) else "",
            reason="not_allowed",
            field=name,
            value=given,
            detail=detail,
        )


_ENVELOPE = frozenset({"event_id", "event_type", "site", "source", "occurred_at"})
