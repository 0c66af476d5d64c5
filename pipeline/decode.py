"""Bytes of the log flow in, an event or a dead letter flows out; no bytes make it raise.

Almost every event takes the fast path (`decode_fast`). What that refuses is judged again by the
pydantic contract, whose verdict is final and whose reasons a person can read.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple, cast

import msgspec
from pydantic import ValidationError
from pydantic_core import ErrorDetails, from_json

from pipeline.decode_fast import fast_decoder
from pipeline.masking import mask_text, masked, quoted
from schemas.events import EVENT_TYPES, Event, epoch_ms
from schemas.events.envelope import EPOCH

__all__ = ["DeadLetter", "DeadLetterReason", "Decoder", "mask_text", "masked"]

MAX_SKEW_MS: Final = 300_000
MAX_PAYLOAD: Final = 1 << 20
EARLIEST_OCCURRED: Final = datetime(1990, 1, 1, tzinfo=UTC)
"""No call centre's export reaches back further; earlier times are a clock or a unit gone wrong."""

UNREADABLE_ROW_TYPE: Final = "source.unreadable_row"
"""Under this `event_type` an adapter hands over a row that it could not read, so that nothing is
lost: {"row": 17, "problem": "ser_time is not a number", "content": ...}. Never an event."""

_SIMPLE_BYTES: Final = 450
"""Shorter payloads cannot be nested deeper than both parsers read, nor hold a number too long."""
_FAST_BYTES: Final = 4096
"""Python reads no number of more than 4,300 digits; the fast decoder skips one unread."""
_FAST_BRACKETS: Final = 150
"""The contract's parser stops at 200 levels, the fast one where the stack of the day ends."""


class DeadLetterReason(StrEnum):
    """Why a record cannot be an event."""

    TOO_LARGE = "too_large"
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    NOT_AN_OBJECT = "not_an_object"
    UNKNOWN_EVENT_TYPE = "unknown_event_type"
    MISSING_FIELD = "missing_field"
    INVALID_FIELD = "invalid_field"
    CONTRADICTION = "contradiction"
    FROM_THE_FUTURE = "from_the_future"
    IMPOSSIBLE = "impossible"
    UNREADABLE_ROW = "unreadable_row"
    NO_KEY = "no_key"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that is kept but not counted.

    `detail` is one masked sentence: what is wrong and what to do. `payload` is as it came; show
    it through `masked` only. The rest is what could be read of the envelope, else empty.
    """

    reason: DeadLetterReason
    detail: str
    payload: bytes
    event_id: str = ""
    event_type: str = ""
    site: str = ""
    source: str = ""
    occurred_ms: int | None = None
    field: str = ""
    """The first field that is wrong, and its value as it may be shown; empty where it is no one
    field's fault."""
    value: str = ""


class _Fault(NamedTuple):
    """What is wrong with an object that is no event."""

    reason: DeadLetterReason
    detail: str
    field: str = ""
    value: str = ""


class Decoder:
    """Turns payloads into events. Holds no state that changes a verdict."""

    def __init__(self, max_skew_ms: int = MAX_SKEW_MS, max_payload: int = MAX_PAYLOAD) -> None:
        """Refuse events over `max_skew_ms` ahead of their ingest, and over `max_payload` bytes."""
        self._max_skew_ms = max_skew_ms
        self._max_payload = max_payload
        self._simple_bytes = min(_SIMPLE_BYTES, max_payload)
        self._fast_bytes = min(_FAST_BYTES, max_payload)
        # The one cast: a twin has every attribute of the model that it was generated from.
        self._fast = cast(Callable[[bytes], Event], _FAST_DECODER.decode)

    def decode(self, payload: bytes, ingest_ms: int) -> Event | DeadLetter:
        """Judge one payload that entered the log at `ingest_ms` (milliseconds since 1970).

        Of a field that appears twice the last one counts.
        """
        if len(payload) > self._simple_bytes and not self._is_plain(payload):
            return self._judge(payload, ingest_ms)
        try:
            if not payload.isascii():
                payload.decode()  # the fast decoder does not look into fields that it skips
            event = self._fast(payload)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return self._judge(payload, ingest_ms)
        since = event.occurred_at - EPOCH  # epoch_ms, without the call
        occurred_ms = since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000
        if not _EARLIEST_MS <= occurred_ms <= ingest_ms + self._max_skew_ms:
            return self._judge(payload, ingest_ms)
        _set(event, "occurred_ms", occurred_ms)
        return event

    def _is_plain(self, payload: bytes) -> bool:
        """Tell whether both parsers are sure to agree on how deep and how long things may be."""
        if len(payload) > self._fast_bytes:
            return False
        return payload.count(b"[") + payload.count(b"{") <= _FAST_BRACKETS

    def _judge(self, payload: bytes, ingest_ms: int) -> Event | DeadLetter:
        """Ask the contract itself, and put its answer into words."""
        if len(payload) > self._max_payload:
            detail = (
                f"The record has {len(payload):,} bytes, more than the {self._max_payload:,} that "
                "an event may have; send long text shortened, attachments not at all."
            )
            return DeadLetter(DeadLetterReason.TOO_LARGE, detail, payload)
        unreadable = _why_unreadable(payload)
        if unreadable is not None:
            return unreadable
        try:
            content = from_json(payload, allow_inf_nan=False)
        except ValueError as error:
            detail = (
                f"The record is not JSON: {mask_text(str(error))}; send one JSON object per event."
            )
            return DeadLetter(DeadLetterReason.NOT_JSON, detail, payload)
        if not isinstance(content, dict):
            detail = (
                f"The record is {_KINDS[type(content)]}, not an object; send each event "
                'as an object of its own, {"event_type": ...}.'
            )
            return DeadLetter(DeadLetterReason.NOT_AN_OBJECT, detail, payload)
        return self._judge_object(content, payload, ingest_ms)

    def _judge_object(
        self, content: Mapping[str, Any], payload: bytes, ingest_ms: int
    ) -> Event | DeadLetter:
        event_type = content.get("event_type")
        model = EVENT_TYPES.get(event_type) if isinstance(event_type, str) else None
        if model is None:
            return _dead(_why_no_type(content), content, payload)
        try:
            event = model.model_validate_json(payload)
        except ValidationError as error:
            return _dead(_why_invalid(error, model), content, payload)
        if event.occurred_at < EARLIEST_OCCURRED:
            detail = (
                f"occurred_at is {event.occurred_at.isoformat()}, before 1990; "
                "check the source's clock and whether it sends seconds or milliseconds."
            )
            fault = _Fault(DeadLetterReason.IMPOSSIBLE, detail, *_occurred(content))
            return _dead(fault, content, payload)
        if event.occurred_ms > ingest_ms + self._max_skew_ms:
            ahead = timedelta(milliseconds=event.occurred_ms - ingest_ms)
            detail = (
                f"occurred_at is {event.occurred_at.isoformat()}, {ahead} after the event arrived "
                f"(at most {timedelta(milliseconds=self._max_skew_ms)} is allowed); "
                "set the source's clock and time zone."
            )
            fault = _Fault(DeadLetterReason.FROM_THE_FUTURE, detail, *_occurred(content))
            return _dead(fault, content, payload)
        return event


_FAST_DECODER: Final = fast_decoder(EVENT_TYPES.values())
_EARLIEST_MS: Final = epoch_ms(EARLIEST_OCCURRED)
_set: Final[Callable[[Any, str, int], None]] = msgspec.structs.force_setattr
_KINDS: Final[Mapping[type, str]] = {
    list: "a list",
    str: "a text",
    int: "a number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
}


def _why_unreadable(payload: bytes) -> DeadLetter | None:
    """Say what is wrong with bytes that no JSON parser need look at."""
    if not payload.strip():
        detail = "The record is empty; send one JSON object per event."
        return DeadLetter(DeadLetterReason.NOT_JSON, detail, payload)
    if payload.startswith((b"\xff\xfe", b"\xfe\xff")) or payload[:2].count(0) == 1:
        detail = "The record is UTF-16; write it as UTF-8."
        return DeadLetter(DeadLetterReason.NOT_UTF8, detail, payload)
    if payload.startswith(b"\xef\xbb\xbf"):
        detail = "The record begins with a byte order mark; write UTF-8 without one."
        return DeadLetter(DeadLetterReason.NOT_JSON, detail, payload)
    try:
        payload.decode()
    except UnicodeDecodeError as error:
        detail = (
            f"Byte {error.start + 1:,} of the record (0x{payload[error.start]:02x}) is not UTF-8; "
            "find out the source's encoding (GB18030?) and write UTF-8."
        )
        return DeadLetter(DeadLetterReason.NOT_UTF8, detail, payload)
    return None


def _why_no_type(content: Mapping[str, Any]) -> _Fault:
    name = "event_type"
    if name not in content:
        detail = "event_type is missing; name the event's type, such as call.answered."
        return _Fault(DeadLetterReason.MISSING_FIELD, detail, name)
    found = content[name]
    if not isinstance(found, str):
        detail = f"event_type is {quoted(found)}, not a text; name a type, such as call.answered."
        return _Fault(DeadLetterReason.INVALID_FIELD, detail, name, quoted(found))
    if found == UNREADABLE_ROW_TYPE:
        row, problem = str(content.get("row"))[:20], str(content.get("problem"))[:500]
        detail = f"Row {row} cannot be read: {mask_text(problem)}; correct it and send it again."
        return _Fault(DeadLetterReason.UNREADABLE_ROW, detail)
    near = difflib.get_close_matches(found[:64], EVENT_TYPES, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else "the types are listed in the contract."
    detail = f"event_type {quoted(found)} is not known; {hint}"
    return _Fault(DeadLetterReason.UNKNOWN_EVENT_TYPE, detail, name, quoted(found))


def _why_invalid(error: ValidationError, model: type[Event]) -> _Fault:
    """Put the first of pydantic's complaints into a sentence and count the others."""
    first, *others = error.errors(include_url=False, include_context=False)
    fault = _explain(first, model)
    if others:
        names = ", ".join(dict.fromkeys(_field_of(other) for other in others[:5]))
        also = f" Also wrong: {names}{', ...' if len(others) > 5 else ''}."
        fault = fault._replace(detail=fault.detail + also)
    return fault


def _explain(error: ErrorDetails, model: type[Event]) -> _Fault:
    name = model.model_fields["event_type"].default
    field, problem = _field_of(error), error["msg"].removeprefix("Value error, ")
    if error["type"] == "missing":
        detail = f"{field} is missing; {name} cannot do without it."
        return _Fault(DeadLetterReason.MISSING_FIELD, detail, field)
    if error["type"] == "json_invalid":
        # One parser read it, the other did not: half a surrogate pair in a text, for instance.
        return _Fault(DeadLetterReason.NOT_JSON, f"The record is not JSON: {mask_text(problem)}.")
    if not error["loc"]:
        return _Fault(DeadLetterReason.CONTRADICTION, f"{problem}; correct it at the source.")
    if "should" in problem:
        problem = problem[problem.index("should") :]
    else:
        problem = f"should be valid: {problem}"
    value = quoted(error["input"])
    detail = f"{field} {problem}, but is {value}; correct it at the source."
    return _Fault(DeadLetterReason.INVALID_FIELD, detail, field, value)


def _field_of(error: ErrorDetails) -> str:
    return mask_text(".".join(str(part) for part in error["loc"])[:100])


def _occurred(content: Mapping[str, Any]) -> tuple[str, str]:
    return "occurred_at", quoted(content.get("occurred_at"))


def _dead(fault: _Fault, content: Mapping[str, Any], payload: bytes) -> DeadLetter:
    """Keep what can be read of the envelope, so that a person can find the source."""

    def text(key: str) -> str:
        value = content.get(key)
        return value[:200] if isinstance(value, str) else ""

    return DeadLetter(
        reason=fault.reason,
        detail=fault.detail,
        payload=payload,
        field=fault.field,
        value=fault.value,
        event_id=text("event_id"),
        event_type=text("event_type"),
        site=text("site"),
        source=text("source"),
        occurred_ms=_occurred_ms(content.get("occurred_at")),
    )


def _occurred_ms(value: object) -> int | None:
    try:
        instant = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return epoch_ms(instant) if instant is not None and instant.tzinfo is not None else None
