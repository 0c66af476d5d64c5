"""A ticket's quiet stretches flow in; since when, until when and where it counts in each level.

Between two events of a ticket nothing about it changes but the time. So in each such stretch it is
clear from when to when it is in the backlog, at risk, overdue, silent or very urgent, whoever holds
it then. A level counts the tickets that are in it at an instant: each adds 1 where it enters and
takes that same 1 away where it leaves. Nothing else makes a level, so a gap in what was sent
cannot make one drift.

Worked example, due 10:00, opened 02:00, silent after 4 h, an update at 09:00, resolved at 11:00:

    backlog         02:00 to 11:00
    silent          06:00 to 09:00
    at_risk_open    08:00 to 10:00   (75 % of 8 h), at_risk_high from 09:12 (90 %)
    overdue_open    10:00 to 11:00
    done_14d        11:00 to 11:00, two weeks later
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from pipeline.business_time import Clock

Holder = tuple[str, str, str, str, str]
"""Department, team, priority, channel and category while the stretch lasts."""

NEVER = 2**62
DAY_MS = 86_400_000
AGES = {"backlog_1d": 1, "backlog_3d": 3, "backlog_7d": 7, "backlog_15d": 15}
"""The levels of those in the backlog that were opened so many days ago, or longer."""
DONE_MS = 14 * DAY_MS
"""How long a resolved ticket counts as resolved lately."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """What runs while a ticket is open, as instants, epoch ms; None where no clock runs."""

    opened_at: int
    due_at: int | None
    silent_ms: int | None
    forget_ms: int
    urgent: bool
    time: Clock
    """What they run by; the one that forgets runs by calendar time."""


class Span(NamedTuple):
    """A ticket in a level, from `start` until `end` (`NEVER`: no end is known)."""

    level: str
    start: int
    end: int
    holder: Holder


def stretch(since: int, until: int, clocks: Clocks, holder: Holder) -> Iterator[Span]:
    """The levels that an open ticket is in, from its event at `since` to the next at `until`."""
    end = min(until, since + clocks.forget_ms)
    bounds = [("backlog", since, end)]
    for level, days in AGES.items():
        bounds.append((level, clocks.opened_at + days * DAY_MS, end))
    if clocks.urgent:
        bounds.append(("very_urgent_open", since, end))
    due = clocks.due_at
    if due is not None:
        opened, after = clocks.opened_at, clocks.time.after
        given = clocks.time.elapsed(opened, due)
        bounds.append(("at_risk_open", after(opened, given * 3 // 4), min(due, end)))
        bounds.append(("at_risk_high", after(opened, given * 9 // 10), min(due, end)))
        bounds.append(("overdue_open", due, end))
    if clocks.silent_ms is not None:
        bounds.append(("silent_open", clocks.time.after(since, clocks.silent_ms), end))
    for level, begin, over in bounds:
        if max(begin, since) < over:
            yield Span(level, max(begin, since), over, holder)


class Levels:
    """The spans of one ticket that are past, joined where nothing came between."""

    __slots__ = ("_last", "spans")

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self._last: dict[str, int] = {}

    def add(self, span: Span) -> None:
        """Take in the next span of its level."""
        place = self._last.get(span.level)
        if place is not None:
            last = self.spans[place]
            if last.end == span.start and last.holder == span.holder:
                self.spans[place] = last._replace(end=span.end)
                return
        self._last[span.level] = len(self.spans)
        self.spans.append(span)

    def with_present(self, present: Iterator[Span], known: int) -> list[Span]:
        """All spans as they are known up to `known`: a later beginning or end has yet to come."""
        whole = Levels()
        whole.spans, whole._last = list(self.spans), dict(self._last)
        for span in present:
            if span.start <= known:
                whole.add(span if span.end <= known else span._replace(end=NEVER))
        return whole.spans
