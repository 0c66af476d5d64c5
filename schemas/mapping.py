"""A mapping file as people write it, checked: what the columns of a table say in our events.

One row may tell of several events, each with its own condition and time. What a mapping may say of
a field follows from the events' own contracts, so a mistake is found before a row is read.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from schemas.documents import nearest
from schemas.events import EVENT_TYPES
from schemas.measures import Strict
from schemas.site import zone_name

Unit = Literal["ms", "s", "min", "h", "h:mm:ss"]
Kind = Literal["text", "instant", "day", "integer", "number", "boolean", "list", "object"]
RAW_FIELDS: Final = ("phone", "account")
"""What the edge turns into keyed hashes; no contract has it."""
FROM_ELSEWHERE: Final = frozenset({"event_id", "event_type", "site", "source", "occurred_at"})
_NOT_MAPPED: Final = FROM_ELSEWHERE | {"subject", "repairs", "version", "schema_version"}

Column = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Word = str | int | float | bool


def _words(value: object) -> object:
    """YAML reads `是: yes` as true and `1: a` with a number as its key; people mean the text."""
    if not isinstance(value, dict):
        return value
    return {_word(key): _word(item) for key, item in value.items()}


def _word(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _list_of_words(value: object) -> object:
    items = value if isinstance(value, list) else [value]
    return [_word(item) for item in items]


def _column(value: object) -> object:
    return {"column": value} if isinstance(value, str) else value


def _single(value: object) -> object:
    return [value] if isinstance(value, dict) else value


class Taken(Strict):
    """Where a field's value comes from: a column, several joined by a blank, or a constant."""

    column: Column | None = None
    columns: Annotated[tuple[Column, ...], Field(min_length=2, max_length=5)] | None = None
    constant: Annotated[str, BeforeValidator(_word)] | None = None
    values: Annotated[dict[str, str], BeforeValidator(_words)] | None = None
    """What a cell says, and what we say instead; a cell that is not listed is a mistake."""
    otherwise: Annotated[str, BeforeValidator(_word)] | None = None
    """What a cell means that is empty, or is not among `values`."""
    unit: Unit | None = None
    split: Annotated[str, Field(min_length=1, max_length=5)] | None = None
    """What stands between the parts of a list."""

    @model_validator(mode="after")
    def _one_origin(self) -> Taken:
        given = [name for name in ("column", "columns", "constant") if getattr(self, name)]
        if len(given) != 1:
            msg = f"give one of column, columns, constant (given: {', '.join(given) or 'none'})"
            raise ValueError(msg)
        return self

    def names(self) -> tuple[str, ...]:
        """The columns that it reads."""
        return self.columns or ((self.column,) if self.column else ())


Origin = Annotated[Taken, BeforeValidator(_column)]


class At(Taken):
    """When an event happened: a time, and durations that passed since."""

    plus: Annotated[tuple[Taken, ...], BeforeValidator(_single)] = ()


class When(Strict):
    """A condition on one column; all that are given must hold."""

    column: Column
    is_: Annotated[tuple[str, ...], BeforeValidator(_list_of_words)] | None = Field(
        default=None, alias="is"
    )
    not_: Annotated[tuple[str, ...], BeforeValidator(_list_of_words)] | None = Field(
        default=None, alias="not"
    )
    filled: bool | None = None

    @model_validator(mode="after")
    def _says_something(self) -> When:
        if self.is_ is None and self.not_ is None and self.filled is None:
            msg = "say what must hold: is: [...], not: [...] or filled: true"
            raise ValueError(msg)
        return self


class EventRule(Strict):
    """One event that a row may tell of."""

    type: str
    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,40}$")] | None = None
    """Ends its id; needed where a row tells of two events of one type."""
    when: Annotated[tuple[When, ...], BeforeValidator(_single)] = ()
    at: Annotated[At, BeforeValidator(_column)]
    fields: dict[str, Origin] = Field(default_factory=dict)


def _encoding(name: str) -> str:
    try:
        return codecs.lookup(name).name
    except LookupError:
        msg = "no encoding that is known; utf-8 and gb18030 are the usual ones"
        raise ValueError(msg) from None


class TableMapping(Strict):
    """One kind of export."""

    format: Literal[1]
    source: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    time_zone: Annotated[str, AfterValidator(zone_name)] | None = None
    """Of times without a zone; the site's when not given."""
    encoding: Annotated[str, AfterValidator(_encoding)] = "utf-8"
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    sheet: str | None = None
    header_row: Annotated[int, Field(ge=1, le=100)] = 1
    key: Annotated[tuple[Column, ...], Field(min_length=1, max_length=5)]
    """The columns that name a row: event ids are made of them."""
    version: Origin | None = None
    """When a row was last written, or its number; of one key the highest counts."""
    time_formats: tuple[str, ...] = ()
    """As Python's strptime has them, or excel, unix, unix_ms; ISO 8601 when not given."""
    empty: Annotated[tuple[str, ...], BeforeValidator(_list_of_words)] = ("",)
    """Cells that say nothing."""
    fields: dict[str, Origin] = Field(default_factory=dict)
    """Of every event whose contract has them."""
    events: Annotated[tuple[EventRule, ...], Field(min_length=1, max_length=30)]

    def fields_of(self, rule: EventRule) -> dict[str, Taken]:
        """What an event of this rule is given, its own before what is common to all."""
        known = kinds_of(rule.type)
        common = {name: taken for name, taken in self.fields.items() if _outer(name) in known}
        return common | rule.fields

    def uses(self) -> Iterator[tuple[str, str]]:
        """Every column that is read, and what for."""
        for column in self.key:
            yield column, "key"
        if self.version:
            yield from ((column, "version") for column in self.version.names())
        for rule in self.events:
            for condition in rule.when:
                yield condition.column, f"when of {rule.type}"
            for taken in (rule.at, *rule.at.plus):
                yield from ((column, f"at of {rule.type}") for column in taken.names())
            for name, taken in self.fields_of(rule).items():
                yield from ((column, f"{name} of {rule.type}") for column in taken.names())


def _outer(name: str) -> str:
    return name.partition(".")[0]


@cache
def kinds_of(event_type: str) -> Mapping[str, Kind]:
    """What each field of an event type holds, from its contract; none if there is no such type."""
    model = EVENT_TYPES.get(event_type)
    if model is None:
        return {}
    properties = model.model_json_schema()["properties"]
    kinds = {name: _kind(shape) for name, shape in properties.items() if name not in _NOT_MAPPED}
    return kinds | dict.fromkeys(RAW_FIELDS, "text")


_KINDS: Final[Mapping[str, Kind]] = {
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
    "array": "list",
    "object": "object",
}


def _kind(shape: Mapping[str, Any]) -> Kind:
    for option in shape.get("anyOf", (shape,)):
        if option.get("type") == "null":
            continue
        formats: Mapping[str, Kind] = {"date-time": "instant", "date": "day"}
        if option.get("format") in formats:
            return formats[option["format"]]
        return _KINDS.get(option.get("type", ""), "text")
    return "text"


Problem = tuple[tuple[str | int, ...], str]


def mapping_problems(mapping: TableMapping) -> Iterator[Problem]:
    """Say what is wrong with a mapping that the events' contracts alone can tell."""
    seen: set[tuple[str, str | None]] = set()
    for index, rule in enumerate(mapping.events):
        place = ("events", index)
        if (rule.type, rule.name) in seen:
            yield (*place, "type"), f"{rule.type} twice; give each a name of its own, name: ..."
        seen.add((rule.type, rule.name))
        for inner, problem in _rule_problems(mapping, rule):
            yield (*place, *inner), problem
    yield from _common_problems(mapping)


def _rule_problems(mapping: TableMapping, rule: EventRule) -> Iterator[Problem]:
    model = EVENT_TYPES.get(rule.type)
    if model is None:
        yield ("type",), f"{rule.type!r} is no event; {nearest(rule.type, _TYPES)}"
        return
    for name, taken in rule.fields.items():
        problem = _field_problem(name, taken, rule.type)
        if problem:
            yield ("fields", name), problem
    given = {_outer(name) for name in mapping.fields_of(rule)}
    for name, info in model.model_fields.items():
        told = info.alias or name
        if info.is_required() and told not in given | FROM_ELSEWHERE:
            yield (), f"{rule.type} cannot do without {told}; add it to fields"
    for number, taken in enumerate(rule.at.plus):
        if taken.unit is None:
            yield ("at", "plus", number), _UNIT_MISSING


def _common_problems(mapping: TableMapping) -> Iterator[Problem]:
    """A common field is judged by the first event that has it, or by the first of all."""
    types = [rule.type for rule in mapping.events if rule.type in EVENT_TYPES]
    for name, taken in mapping.fields.items():
        having = [event_type for event_type in types if _outer(name) in kinds_of(event_type)]
        for event_type in (having or types)[:1]:
            problem = _field_problem(name, taken, event_type)
            if problem:
                yield ("fields", name), problem


_TYPES: Final = tuple(EVENT_TYPES)
_UNIT_MISSING: Final = f"a duration; say its unit: {', '.join(get_args(Unit))}"


def _field_problem(name: str, taken: Taken, event_type: str) -> str:
    known = kinds_of(event_type)
    outer, dot, inner = name.partition(".")
    kind = known.get(outer)
    if kind is None:
        return f"{event_type} has no field {outer!r}; {nearest(outer, sorted(known))}"
    if (kind == "object") != bool(dot and inner):
        way = f"write {outer}.NAME for each of its parts" if kind == "object" else "it has no parts"
        return f"{outer} of {event_type}: {way}"
    if outer.endswith("_ms") and taken.unit is None and taken.constant is None:
        return _UNIT_MISSING
    if taken.unit is not None and not outer.endswith("_ms"):
        return f"{outer} is no duration; leave out unit"
    if kind == "list" and taken.split is None and taken.constant is None:
        return 'a list; say what stands between its parts: split: ";"'
    return ""
