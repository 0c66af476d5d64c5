"""Public holidays and make-up working days that come with the product, by country and year.

China's are set anew each year by a notice of the State Council's General Office, published in
October or November of the year before: no rule gives them, so a year without its notice is not
known. Sources: 国办发明电〔2023〕7号 (2024), 〔2024〕12号 (2025), 〔2025〕7号 (2026).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType


@dataclass(frozen=True)
class PublicDays:
    """What a government has set: days off, and weekend days worked for them."""

    holidays: frozenset[date]
    make_up_days: frozenset[date]


def _days(spans: str) -> Iterator[date]:
    """Yield the days of spans like `2026-02-15/23`, within one month each, or of single dates."""
    for span in spans.split():
        first, _, last = span.partition("/")
        day = date.fromisoformat(first)
        for n in range(int(last or day.day) - day.day + 1):
            yield day + timedelta(days=n)


def _public(holidays: str, make_up_days: str) -> PublicDays:
    return PublicDays(frozenset(_days(holidays)), frozenset(_days(make_up_days)))


PUBLIC: Mapping[str, PublicDays] = MappingProxyType(
    {
        "china": _public(
            """
            2024-01-01 2024-02-10/17 2024-04-04/06 2024-05-01/05 2024-06-10 2024-09-15/17
            2024-10-01/07
            2025-01-01 2025-01-28/31 2025-02-01/04 2025-04-04/06 2025-05-01/05 2025-05-31
            2025-06-01/02 2025-10-01/08
            2026-01-01/03 2026-02-15/23 2026-04-04/06 2026-05-01/05 2026-06-19/21 2026-09-25/27
            2026-10-01/07
            """,
            """
            2024-02-04 2024-02-18 2024-04-07 2024-04-28 2024-05-11 2024-09-14 2024-09-29 2024-10-12
            2025-01-26 2025-02-08 2025-04-27 2025-09-28 2025-10-11
            2026-01-04 2026-02-14 2026-02-28 2026-05-09 2026-09-20 2026-10-10
            """,
        )
    }
)
