"""Event models flow in, a JSON decoder many times faster than theirs flows out.

Each pydantic model gets a msgspec twin with the same attributes, generated from the model's own
annotations, so the contract stays written once. The twin may refuse what the model would take
(the decoder then asks the model), and never takes what the model would refuse.
"""

from __future__ import annotations

import functools
import operator
import types
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin

import msgspec
from annotated_types import Ge, Le, MaxLen, MinLen
from pydantic import AfterValidator, AwareDatetime, BeforeValidator
from pydantic.fields import FieldInfo

from schemas.events import Event

Check = Callable[[Any], Any]
_PLAIN = (str, int, float, bool, Decimal, date, type(None))
OCCURRED_MS_KEY = "(occurred_ms)"
"""Where JSON would have to put `occurred_ms`; the decoder overwrites whatever stands there."""


def fast_decoder(models: Iterable[type[Event]]) -> msgspec.json.Decoder[Any]:
    """Build the decoder of all `models`, told apart by their `event_type`."""
    return msgspec.json.Decoder(_either(_twin(model) for model in models))


def _twin(model: type[Event]) -> type[msgspec.Struct]:
    fields: list[tuple[str, Any, Any]] = []
    checks: list[tuple[str, Check]] = []
    for name, info in model.model_fields.items():
        if name == "event_type":
            continue
        annotation, field_checks = _translate(info.annotation, info.metadata)
        checks += [(name, check) for check in field_checks]
        default = msgspec.NODEFAULT if info.is_required() else info.default
        fields.append((name, annotation, msgspec.field(name=info.alias, default=default)))
    fields.append(("occurred_ms", int, msgspec.field(name=OCCURRED_MS_KEY, default=0)))
    event_type = model.model_fields["event_type"].default
    namespace: dict[str, Any] = {
        "__doc__": f"Fast twin of {model.__name__}.",
        "event_type": event_type,
        "family": model.family,
        "check": model.check,
    }
    if checks or model.check is not Event.check:
        namespace["__post_init__"] = _post_init(checks)
    return msgspec.defstruct(
        model.__name__,
        fields,
        namespace=namespace,
        tag_field="event_type",
        tag=event_type,
        frozen=True,
        kw_only=True,
        gc=False,  # no twin can be part of a cycle, and the collector need not walk a million
    )


def _post_init(checks: list[tuple[str, Check]]) -> Callable[[Any], None]:
    def post_init(self: Any) -> None:
        for name, check in checks:
            value = getattr(self, name)
            if value is not None:
                check(value)
        self.check()

    return post_init


def _translate(annotation: Any, metadata: Iterable[Any] = ()) -> tuple[Any, list[Check]]:
    """Turn one annotation of a model into msgspec's, and what msgspec cannot say into checks."""
    if get_origin(annotation) is Annotated:
        annotation, *inner = get_args(annotation)
        metadata = (*inner, *metadata)
    bounds: dict[str, Any] = {}
    checks: list[Check] = []
    for item in _flat(metadata):
        match item:
            case Ge(ge=bound):
                bounds["ge"] = bound
            case Le(le=bound):
                bounds["le"] = bound
            case MinLen(min_length=bound):
                bounds["min_length"] = bound
            case MaxLen(max_length=bound):
                bounds["max_length"] = bound
            case AfterValidator(func=check):
                checks.append(cast(Check, check))
            case BeforeValidator():
                pass  # it takes in more than msgspec does; the model is asked about that
            case _:
                msg = f"{item!r} has no fast form yet: add one to {__name__}"
                raise TypeError(msg)
    if annotation is AwareDatetime:
        annotation, bounds["tz"] = datetime, True
    else:
        annotation, inner_checks = _translate_inner(annotation)
        checks += inner_checks
    return (Annotated[annotation, msgspec.Meta(**bounds)] if bounds else annotation), checks


def _translate_inner(annotation: Any) -> tuple[Any, list[Check]]:
    """Translate what an annotation is made of: the members of a union, the items of a tuple."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is None or origin is Literal:
        if annotation in _PLAIN or origin is Literal:
            return annotation, []
        msg = f"{annotation!r} has no fast form yet: add one to {__name__}"
        raise TypeError(msg)
    parts = [
        (argument, []) if argument is Ellipsis else _translate(argument) for argument in arguments
    ]
    checks = [check for _, part_checks in parts for check in part_checks]
    inner = tuple(part for part, _ in parts)
    if origin in {Union, types.UnionType}:
        return _either(inner), checks  # checks skip None, the only other member there may be
    if checks:
        msg = f"{annotation!r}: checks of items have no fast form yet: add one to {__name__}"
        raise TypeError(msg)
    return origin[inner], []


def _either(members: Iterable[Any]) -> Any:
    return functools.reduce(operator.or_, members)


def _flat(metadata: Iterable[Any]) -> Iterator[Any]:
    """Open up `Field(...)`, which carries its bounds inside."""
    for item in metadata:
        if isinstance(item, FieldInfo):
            yield from item.metadata
        else:
            yield item
