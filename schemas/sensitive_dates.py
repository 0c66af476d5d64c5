"""Days around which complaints are watched more closely, as people write them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated

from pydantic import AfterValidator, Field

from schemas.measures import Strict, Text


def _month_day(text: str) -> str:
    if not re.fullmatch(r"\d\d-\d\d", text):
        msg = "write month and day as '03-15'"
        raise ValueError(msg)
    month, day = (int(part) for part in text.split("-"))
    try:
        date(2027, month, day)
    except ValueError as error:
        msg = "not a day of every year; choose one that is"
        raise ValueError(msg) from error
    return text


class SensitiveDate(Strict):
    """A day of the year, and how many days before and after it count with it."""

    name: Text
    day: Annotated[str, AfterValidator(_month_day)]
    days: Annotated[int, Field(strict=True, ge=0, le=90)] = 7

    def offset(self, at: date) -> int | None:
        """Return by how many days a date lies after the nearest such day; None beyond its window.

        >>> consumers = SensitiveDate(name=Text(zh="消费者权益日", en="Consumers"), day="03-15")
        >>> consumers.offset(date(2026, 3, 10)), consumers.offset(date(2026, 3, 23))
        (-5, None)
        """
        offsets = [(at - self.on(year)).days for year in range(at.year - 1, at.year + 2)]
        nearest = min(offsets, key=abs)
        return nearest if abs(nearest) <= self.days else None

    def on(self, year: int) -> date:
        """Return the day in a year."""
        return date.fromisoformat(f"{year}-{self.day}")


USUAL: Mapping[str, SensitiveDate] = {
    "consumer": SensitiveDate(
        name=Text(zh="3·15 消费者权益日", en="Consumer Rights Day, 15 March"), day="03-15"
    ),
    "telecom": SensitiveDate(
        name=Text(zh="5·17 电信日", en="Telecommunication Day, 17 May"), day="05-17"
    ),
}
"""What holds where a site says nothing."""
