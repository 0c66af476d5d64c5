"""Business calendars as people write them: weekly hours, days off, weekend days worked instead.

A calendar's times are those of the site's clock. The days of a country that come with the product
(`public_holidays`) are put in when the file is read, so what enters the log says every date by
itself: a later version that knows another year changes nothing that was computed before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, Field, StringConstraints, field_validator, model_validator

from schemas.holidays import PUBLIC
from schemas.measures import Strict

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)
CalendarName = Annotated[str, StringConstraints(min_length=1, max_length=64)]

Minutes = tuple[int, int]
"""From when until when a day is open, in minutes of the site's clock; 1440 is its end."""


def minutes_of(opening: str) -> Minutes:
    """Return what an opening says.

    >>> minutes_of("09:00-12:30")
    (540, 750)
    """
    first, last = (
        int(hour) * 60 + int(minute)
        for hour, minute in (time.split(":") for time in opening.split("-"))
    )
    return first, last


def _opening(text: str) -> str:
    match = re.fullmatch(r"(\d\d?):([0-5]\d)\s*-\s*(\d\d?):([0-5]\d)", text)
    if match is None:
        msg = "write opening hours as '09:00-18:00'"
        raise ValueError(msg)
    opening = "{:0>2}:{}-{:0>2}:{}".format(*match.groups())
    first, last = minutes_of(opening)
    if not first < last <= 1440:
        msg = "must end after it begins, at the latest at 24:00; write a night as two openings"
        raise ValueError(msg)
    return opening


def _apart(openings: tuple[str, ...]) -> tuple[str, ...]:
    ordered = tuple(sorted(openings))
    for one, next_ in pairwise(ordered):
        if minutes_of(next_)[0] < minutes_of(one)[1]:
            msg = f"{one} and {next_} overlap; make one of them, or move one"
            raise ValueError(msg)
    return ordered


def _weekdays(key: str) -> tuple[Weekday, ...]:
    """Return the weekdays that a key means.

    >>> _weekdays("mon-wed")
    ('mon', 'tue', 'wed')
    """
    first, _, last = key.partition("-")
    if first in WEEKDAYS and (last or first) in WEEKDAYS:
        days = WEEKDAYS[WEEKDAYS.index(first) : WEEKDAYS.index(last or first) + 1]
        if days:
            return days
    msg = f"write a weekday or a span of them, such as mon or mon-fri; known: {', '.join(WEEKDAYS)}"
    raise ValueError(msg)


def _key(key: str) -> str:
    _weekdays(key)
    return key


def _in_order(days: tuple[date, ...]) -> tuple[date, ...]:
    return tuple(sorted(set(days)))


Opening = Annotated[str, AfterValidator(_opening)]
Openings = Annotated[tuple[Opening, ...], AfterValidator(_apart)]
Days = Annotated[
    tuple[Annotated[date, Field(ge=date(1970, 1, 2), lt=date(2200, 1, 1))], ...],
    AfterValidator(_in_order),
]


class Calendar(Strict):
    """When somebody is at work.

    On a holiday nobody is; on a make-up day the hours are those of the weekday `make_up_as`. A date
    of one's own list comes before what the country says of it.
    """

    hours: dict[Annotated[str, AfterValidator(_key)], Openings]
    """By weekday or span of weekdays (`mon-fri`); a day that is not named is closed."""
    public_holidays: Literal["china"] | None = None
    holidays: Days = ()
    make_up_days: Days = ()
    make_up_as: Weekday = "mon"

    @model_validator(mode="before")
    @classmethod
    def _put_public_days_in(cls, data: Any) -> Any:
        """Replace a country's name by its days."""
        public = PUBLIC.get(str(data.get("public_holidays"))) if isinstance(data, dict) else None
        if public is None:
            return data
        own = [data.get(name) or [] for name in ("holidays", "make_up_days")]
        if not all(isinstance(days, list) for days in own):
            return data  # what is wrong with them is told below
        said = {str(day) for days in own for day in days}
        holidays, make_up_days = (
            [*days, *sorted(day for day in more if day.isoformat() not in said)]
            for days, more in zip(own, (public.holidays, public.make_up_days), strict=True)
        )
        return {
            **data,
            "public_holidays": None,
            "holidays": holidays,
            "make_up_days": make_up_days,
        }

    @field_validator("hours")
    @classmethod
    def _is_open_sometime(cls, hours: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        named = [day for key in hours for day in _weekdays(key)]
        for day in named:
            if named.count(day) > 1:
                msg = f"{day} is named twice, alone or in a span; name each weekday once"
                raise ValueError(msg)
        if not any(hours.values()):
            msg = "never open; give at least one weekday hours such as ['09:00-18:00']"
            raise ValueError(msg)
        return hours

    @model_validator(mode="after")
    def _days_make_sense(self) -> Calendar:
        both = set(self.holidays) & set(self.make_up_days)
        if both:
            msg = f"{min(both)} is a holiday and a make-up day; leave it in one of the two lists"
            raise ValueError(msg)
        if self.make_up_days and not self.on(self.make_up_days[0]):
            msg = (
                f"make-up days have the hours of {self.make_up_as}, which has none: set make_up_as"
            )
            raise ValueError(msg)
        years = self.years
        for year in range(min(years, default=0), max(years, default=0)):
            if year not in years:
                msg = (
                    f"holidays are named for {min(years)} and {max(years)}, but none for {year}; "
                    "name them, for what lies between would be taken for working days"
                )
                raise ValueError(msg)
        return self

    @cached_property
    def years(self) -> frozenset[int]:
        """The years for which holidays are named; none for a calendar that knows no holidays."""
        return frozenset(day.year for day in self.holidays)

    @cached_property
    def _week(self) -> dict[Weekday, tuple[Minutes, ...]]:
        return {
            day: tuple(minutes_of(opening) for opening in openings)
            for key, openings in self.hours.items()
            for day in _weekdays(key)
        }

    @cached_property
    def _dates(self) -> dict[date, tuple[Minutes, ...]]:
        """What single dates do differently."""
        worked = dict.fromkeys(self.make_up_days, self._week.get(self.make_up_as, ()))
        return {**dict.fromkeys(self.holidays, ()), **worked}

    def on(self, day: date) -> tuple[Minutes, ...]:
        """Return when a date is open, in order; nothing if it is closed."""
        own = self._dates.get(day)
        return self._week.get(WEEKDAYS[day.weekday()], ()) if own is None else own


def unnamed_years(calendar: Calendar, first: date, last: date) -> Iterator[int]:
    """Yield the years from one date to another whose holidays a calendar should name but does not.

    A calendar without any holidays is meant so.
    """
    if calendar.years:
        yield from (y for y in range(first.year, last.year + 1) if y not in calendar.years)
