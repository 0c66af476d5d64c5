"""A vendor's body flows in, its records flow out as our events: what every adapter is.

An adapter is pure: no clock, no memory, no network. So the same record, sent twice, gives the same
events with the same ids, and a record that the vendor wrote anew gives the same ids with a higher
`version`. It passes phone numbers and account names on as `phone` and `account`: the edge turns
them into keyed hashes before anything is written.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.masking import mask_text, quoted
from schemas.adapters import AdapterNames
from schemas.events import epoch_ms

MAX_TEXT: Final = 20_000
"""Characters of free text that an event may have."""
MAX_IGNORED: Final = 100
"""Names of unread fields that one record may add to the count."""

EventDict = dict[str, Any]
Verify = Callable[[Mapping[str, str], bytes, str], bool]
"""Headers, body as received, secret -> whether whoever knows the secret signed this body."""


class Record(BaseModel):
    """What we read of a vendor's record; whatever else it has is only counted."""

    model_config = ConfigDict(extra="allow", frozen=True, coerce_numbers_to_str=True)

    def ignored(self) -> Iterator[str]:
        """Name the fields that nobody reads, as `Agent.ARN`."""
        yield from self.model_extra or ()
        for name, info in type(self).model_fields.items():
            value = getattr(self, name)
            for item in value if isinstance(value, tuple) else (value,):
                if isinstance(item, Record):
                    yield from (f"{info.alias or name}.{inner}" for inner in item.ignored())


class Reading(NamedTuple):
    """One vendor record as we read it: events, or why there are none.

    `problem` is one masked sentence that names field and remedy. `skipped` says what a record is
    about that holds nothing for us. `ignored` names its fields that nobody reads. `content` is the
    record as it came, where it could not be read.
    """

    events: tuple[EventDict, ...] = ()
    problem: str = ""
    skipped: str = ""
    ignored: tuple[str, ...] = ()
    content: bytes = b""


@dataclass(frozen=True, slots=True)
class Sender:
    """Whose records they are: the site, the source's name, and the site's words for its ids."""

    site: str
    source: str
    names: AdapterNames = field(default_factory=AdapterNames)

    def event(self, event_type: str, at: datetime, event_id: str, **fields: object) -> EventDict:
        """Make an event of ours; fields that are None are left out."""
        event: EventDict = {
            "event_id": event_id,
            "event_type": event_type,
            "site": self.site,
            "source": self.source,
            "occurred_at": at.isoformat(),
        }
        event.update((name, value) for name, value in fields.items() if value is not None)
        return event


def json_records(body: bytes) -> Iterator[object]:
    """Yield the JSON values of a body: one, an array's items, one a line, or one behind another.

    Streams put records behind each other with nothing between. What is not JSON becomes a `Reading`
    that says where, and the reading goes on with the next line.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        yield Reading(
            problem=f"byte {error.start + 1:,} is not UTF-8; send JSON as UTF-8", content=body
        )
        return
    decoder = json.JSONDecoder()
    at = _after_space(text, 0)
    while at < len(text):
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            what = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deep"
            line_end = text.find("\n", at)
            end = len(text) if line_end < 0 else line_end
            yield Reading(
                problem=f"character {at + 1:,} begins no JSON value ({what}); send whole records",
                content=text[at:end].encode(),
            )
            at = _after_space(text, end)
            continue
        yield from value if isinstance(value, list) else (value,)
        at = _after_space(text, end)


def _after_space(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n,":
        at += 1
    return at


@dataclass(frozen=True, slots=True)
class Adapter:
    """One vendor's form.

    Attributes:
        name: in addresses and on the command line; the default `source` of its events.
        read_record: one record to its events, never raising.
        records: a body to its records; a `Reading` among them is passed on as it is.
        verify: tells whether a body is the vendor's; None where the vendor does not sign.
    """

    name: str
    read_record: Callable[[Any, Sender], Reading]
    records: Callable[[bytes], Iterator[object]] = json_records
    verify: Verify | None = None

    def read(self, body: bytes, sender: Sender) -> Iterator[Reading]:
        """Read a body, record by record, in its order."""
        for record in self.records(body):
            yield record if isinstance(record, Reading) else self.read_record(record, sender)


Model = TypeVar("Model", bound=Record)


def modelled(
    model: type[Model], mapping: Callable[[Model, Sender], Iterable[EventDict]]
) -> Callable[[object, Sender], Reading]:
    """Read records as this model, then by this mapping.

    What the model refuses becomes a problem that names the field.
    """

    def read(content: object, sender: Sender) -> Reading:
        try:
            record = model.model_validate(content)
        except ValidationError as error:
            return Reading(problem=_why(error), content=_as_bytes(content))
        ignored = tuple(name for name, _ in zip(record.ignored(), range(MAX_IGNORED), strict=False))
        return Reading(events=tuple(mapping(record, sender)), ignored=ignored)

    return read


def _why(error: ValidationError) -> str:
    """Put the first of pydantic's complaints into a sentence with a remedy."""
    first, *others = error.errors(include_url=False, include_context=False)
    place = ".".join(str(part) for part in first["loc"]) or "the record"
    if first["type"] == "missing":
        sentence = f"{place} is missing; send the record whole, as the vendor wrote it"
    else:
        found = quoted(first["input"]) if not isinstance(first["input"], dict | list) else "nested"
        problem = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
        sentence = (
            f"{place} is {found}, but {problem[0].lower()}{problem[1:]}; correct it at the source"
        )
    if others:
        places = (".".join(str(part) for part in other["loc"]) for other in others[:5])
        sentence += f" (also wrong: {', '.join(dict.fromkeys(places))})"
    return mask_text(sentence)


def _as_bytes(content: object) -> bytes:
    return json.dumps(content, ensure_ascii=False, default=str).encode("utf-8", "replace")


def version_of(instant: datetime | None) -> int | None:
    """The version of an event whose vendor says when its record was last written."""
    return None if instant is None else epoch_ms(instant)


def seconds(value: float | None) -> int | None:
    """Whole or broken seconds as our milliseconds."""
    return None if value is None else round(value * 1000)


def ms_between(start: datetime | None, end: datetime | None) -> int | None:
    """How long it took, in milliseconds; None where either is unknown or the order is wrong."""
    if start is None or end is None or end < start:
        return None
    return epoch_ms(end) - epoch_ms(start)


def phone_of(address: str | None) -> str | None:
    """A number as the vendor sent it, without its scheme; None for `anonymous` and its kin."""
    if address is None:
        return None
    number = address.partition(":")[2] if address.startswith(("tel:", "sip:")) else address
    number = number.partition("@")[0].strip()
    return number if any(character.isdigit() for character in number) else None
