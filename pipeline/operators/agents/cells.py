"""Spans of an agent's time flow in, milliseconds of each state by minute flow out.

State time is the one kind of duration that is split at the minute's boundary (metrics.md,
convention 3), so the sums of any interval are exact. Time offline is nobody's and is not counted;
nor is time of which nothing is known.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pipeline.contribution import Cell, place
from pipeline.operators.agents.reports import Span
from pipeline.timeline import MINUTE_MS, minute_of

FAMILY: Final = "agents"
MEASURES: Final = {
    "ready": "ready_ms",
    "ringing": "ringing_ms",
    "talking": "talking_ms",
    "hold": "holding_ms",
    "acw": "wrap_up_ms",
    "break": "break_ms",
    "not_ready": "not_ready_ms",
    "unknown": "unmapped_ms",
}
"""The measure that each state's time counts as."""
_EXPLAINED: Final = frozenset({"break", "not_ready", "unknown"})
"""The states whose reason matters."""
_WHO: Final = ("site", "team", "agent")
_WHY: Final = ("reason",)

Where = tuple[tuple[str, ...], str, str]
"""The dimension sets, the team and the reason."""


def minutes(
    site: str, agent_id: str, spans: Iterable[Span], end: int
) -> dict[int, tuple[Cell, ...]]:
    """The cells of every minute that the spans touch before `end`, a minute's boundary."""
    times: dict[int, dict[Where, dict[str, int]]] = {}
    for span in spans:
        measure = MEASURES.get(span.state)
        if measure is None:
            continue
        start, until = span.start, min(span.end, end)
        while start < until:
            minute = minute_of(start)
            stop = min(until, minute + MINUTE_MS)
            by_place = times.setdefault(minute, {})
            _add(by_place, (_WHO, span.team, ""), measure, stop - start)
            if span.state in _EXPLAINED:
                _add(by_place, (_WHY, span.team, span.reason), measure, stop - start)
            start = stop
    return {
        minute: tuple(
            Cell(
                number,
                minute,
                place(FAMILY, site, sets, (team, agent_id, reason)),
                tuple(sorted(amounts.items())),
            )
            for number, ((sets, team, reason), amounts) in enumerate(sorted(by_place.items()))
        )
        for minute, by_place in times.items()
    }


def _add(by_place: dict[Where, dict[str, int]], where: Where, measure: str, ms: int) -> None:
    amounts = by_place.setdefault(where, {})
    amounts[measure] = amounts.get(measure, 0) + ms
