"""What every event carries flows in, a validated envelope flows out: base class and field types.

A field's bounds are written here once. `pipeline.decode_fast` builds its own decoder from these
annotations, so a bound that is added here holds on both paths.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from typing import Annotated, ClassVar, Final

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST: Final = datetime(1900, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)
"""Bounds of every instant but `occurred_at` (which decode bounds): the store's own range."""

MAX_DURATION_MS: Final = 7 * 24 * 3600 * 1000
"""No call, hold or wait lasts longer than a week; a larger number is in the wrong unit."""
MAX_COUNT: Final = 2**63 - 1
MAX_MONEY_DIGITS: Final = 15
"""A double carries 15 digits exactly, so an amount sent as a JSON number stays what it was."""
MAX_MONEY_PLACES: Final = 4

_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d[Tt ](?:[01]\d|2[0-3]):\d\d:\d\d(?:\.\d{1,6})?)(\d*)([Zz]|[+-]\d\d:?\d\d)",
    re.ASCII,
)


def epoch_ms(instant: datetime) -> int:
    """Whole milliseconds since 1970, rounded down, exact for every aware instant.

    >>> epoch_ms(datetime(1999, 1, 1, 0, 0, 0, 1999, tzinfo=UTC))
    915148800001
    """
    since = instant - EPOCH
    return since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000


def _read_instant(value: object) -> datetime:
    """Admit RFC 3339 text only: a bare number could be seconds or milliseconds.

    Digits beyond the microsecond (.NET sends seven) are rounded half up.
    """
    if isinstance(value, datetime):
        return value
    match = _INSTANT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        msg = "should be a time with seconds and a zone, such as 2026-03-01T08:00:00Z"
        raise ValueError(msg)
    head, beyond, zone = match.groups()
    try:
        instant = datetime.fromisoformat(head.upper() + zone.upper())
        return instant + timedelta(microseconds=1) if beyond >= "5" else instant
    except (ValueError, OverflowError) as error:
        msg = f"should be a time that exists ({error})"
        raise ValueError(msg) from error


def _within_store_range(value: datetime) -> datetime:
    if not EARLIEST <= value < LATEST:
        msg = "should be a time between the years 1900 and 2200"
        raise ValueError(msg)
    return value


def _day_within_store_range(value: date) -> date:
    if not EARLIEST.date() <= value < LATEST.date():
        msg = "should be a day between the years 1900 and 2200"
        raise ValueError(msg)
    return value


def _whole_number(value: object) -> object:
    """Read 12000.0 as 12000: tables with an empty cell write every whole number so."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _sane_money(value: Decimal) -> Decimal:
    _, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        msg = "should be a finite amount"
        raise ValueError(msg)
    if -exponent > MAX_MONEY_PLACES or len(digits) + max(exponent, 0) > MAX_MONEY_DIGITS:
        msg = (
            f"should be an amount of at most {MAX_MONEY_DIGITS} digits, "
            f"{MAX_MONEY_PLACES} of them decimals"
        )
        raise ValueError(msg)
    return value


def hundredths(amount: Decimal) -> int:
    """An amount in hundredths of its currency, half a hundredth rounded away from zero.

    >>> hundredths(Decimal("12.5")), hundredths(Decimal("0.005"))
    (1250, 1)
    """
    return int((amount * 100).to_integral_value(ROUND_HALF_UP))


Id = Annotated[str, Field(min_length=1, max_length=200)]
Label = Annotated[str, Field(min_length=1, max_length=64)]
"""A name out of a short list: site, source, queue, state, reason."""
Name = Annotated[str, Field(min_length=1, max_length=200)]
Text = Annotated[str, Field(max_length=20_000)]
"""Free text, masked before it entered the log."""
Document = Annotated[str, Field(max_length=500_000)]
Labels = Annotated[tuple[Label, ...], Field(max_length=50)]
Names = Annotated[tuple[Name, ...], Field(max_length=100)]
Ids = Annotated[tuple[Id, ...], Field(max_length=100)]
DurationMs = Annotated[int, Field(ge=0, le=MAX_DURATION_MS), BeforeValidator(_whole_number)]
Count = Annotated[int, Field(ge=0, le=MAX_COUNT), BeforeValidator(_whole_number)]
Share = Annotated[float, Field(ge=0, le=1)]
Sentiment = Annotated[float, Field(ge=-1, le=1)]
"""-1 is furious, 1 delighted; an adapter brings other scales to this one."""
Score = Annotated[float, Field(ge=0, le=100)]
Instant = Annotated[
    AwareDatetime, BeforeValidator(_read_instant), AfterValidator(_within_store_range)
]
Day = Annotated[date, AfterValidator(_day_within_store_range)]
"""A calendar day of the site."""
Money = Annotated[Decimal, AfterValidator(_sane_money)]
Currency = Annotated[str, Field(min_length=3, max_length=3)]
"""ISO 4217, such as CNY."""


class Event(BaseModel):
    """One thing that happened. Frozen; fields that the contract does not know are ignored.

    `family` names the group of event types that share a key and a life: all of one call, all of
    one ticket.
    """

    model_config = ConfigDict(
        frozen=True, strict=True, extra="ignore", allow_inf_nan=False, use_attribute_docstrings=True
    )

    family: ClassVar[str] = ""

    event_id: Id
    event_type: str
    site: Label
    source: Label
    occurred_at: Annotated[AwareDatetime, BeforeValidator(_read_instant)]
    schema_version: Annotated[int, Field(ge=1, le=MAX_COUNT)] = 1
    """A version newer than ours is accepted as long as it validates."""
    version: Count = 0
    """Of the same `event_id`; the highest one counts."""
    corrects: Id | None = None
    """The `event_id` that this event replaces."""
    subject: Id | None = None
    """Routing key, set at the edge."""
    customer_id: Id | None = None
    phone_hash: Id | None = None
    account_hash: Id | None = None
    repairs: Annotated[tuple[Name, ...], Field(max_length=20)] = ()
    """What an adapter had to mend, in its words: "negative ivr_ms dropped"."""

    @cached_property
    def occurred_ms(self) -> int:
        """`occurred_at` as whole milliseconds since 1970, UTC."""
        return epoch_ms(self.occurred_at)

    def check(self) -> None:
        """Raise ValueError where fields contradict each other; each by itself is valid."""

    @model_validator(mode="after")
    def _checked(self) -> Event:
        self.check()
        return self
