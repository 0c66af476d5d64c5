"""Reports on one agent flow in, in event time; spans of time in one state each flow out.

A report says in which state the agent is, and perhaps `since` when. Its span

    begins  at `since`, if that lies after the report before it and within reach; else when it was
            told. Whoever asks a switch every ten seconds learns of a change late, but knows when.
    ends    where the next one begins, but no later than its source's word is believed without a
            heartbeat. After that the state is unknown: that is no span, for nobody knows what was.

A report of the same state that claims to have held since before the one in front of it closes the
gap between them, whatever was lost on the way. One that contradicts it (another state was seen in
the meantime) is believed from when it was told.

Worked example, heartbeats every 30 s, believed for 60 s:

    09:00:00  ready                        ready    09:00:00 - 09:00:40
    09:00:30  ready                                 (the same state goes on)
    09:00:50  talking since 09:00:40       talking  09:00:40 - 09:01:50, then unknown
    09:05:00  offline                      offline  09:05:00 -
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Final, NamedTuple

from pipeline.entity import Fields, Step, ms_of, text_of

REACH_MS: Final = 12 * 3_600_000
"""How far before the report its `since` may lie; what claims more is believed from its telling."""

_AT = itemgetter(0)


class Span(NamedTuple):
    """A stretch of time [start, end) in one state, epoch ms."""

    start: int
    end: int
    state: str
    reason: str
    team: str


@lru_cache(maxsize=20_000)
def content(
    state: str,
    reason: str,
    team: str,
    queues: tuple[str, ...],
    *,
    since: int | None,
    hold_ms: int,
) -> Fields:
    """What a step keeps of a report: one object for all heartbeats that repeat it.

    `hold_ms` is for how long it is believed.
    """
    said = {"state": state, "reason": reason, "team": team, "queues": queues}
    fields: Fields = {name: value for name, value in said.items() if value}
    return {**fields, "hold_ms": hold_ms, **({} if since is None else {"since": since})}


def state_of(report: Step) -> tuple[str, str]:
    """The state that was reported, and why."""
    return text_of(report.fields, "state"), text_of(report.fields, "reason")


def hold_end(report: Step) -> int:
    """Until when the report is believed if nothing follows it."""
    return report.at + (ms_of(report.fields, "hold_ms") or 0)


def start_of(reports: Sequence[Step], index: int) -> tuple[int, bool]:
    """When a report's span begins, and whether its state has gone on from the one before it."""
    report = reports[index]
    since = ms_of(report.fields, "since")
    if since is None or not report.at - REACH_MS <= since < report.at:
        return report.at, False
    if not index or since > reports[index - 1].at:
        return since, False
    return report.at, state_of(reports[index - 1]) == state_of(report)


def since_of(reports: Sequence[Step], index: int) -> int:
    """Since when a report's state has gone on, over the reports before it that say the same."""
    start, goes_on = start_of(reports, index)
    while index and state_of(reports[index - 1]) == state_of(reports[index]):
        if not goes_on and start > hold_end(reports[index - 1]):
            break
        index -= 1
        start, goes_on = start_of(reports, index)
    return start


def spans(reports: Sequence[Step], begin: int) -> Iterator[Span]:
    """The spans that reach beyond `begin` (epoch ms), in order; they never overlap.

    Args:
        reports: those that stand, in event time.
        begin: what lies before it is left out.
    """
    first = max(bisect_right(reports, begin, key=_AT) - 1, 0)
    for index in range(first, len(reports)):
        report = reports[index]
        end = hold_end(report)
        if index + 1 < len(reports):
            following, goes_on = start_of(reports, index + 1)
            end = following if goes_on else min(following, end)
        start = max(start_of(reports, index)[0], begin)
        if start < end:
            yield Span(start, end, *state_of(report), text_of(report.fields, "team"))


class Reports:
    """What an agent's reports amount to: those that stand, in event time."""

    __slots__ = ("open", "said", "unknown")

    def __init__(self) -> None:
        self.said: list[Step] = []
        self.open = False
        """Whether time is still to be counted, or the last report will cease to be believed."""
        self.unknown = False
        """That the last report is believed no more."""

    def read(self, step: Step) -> None:
        """Take in the next report in event time."""
        self.said.append(step)

    @property
    def since(self) -> int:
        """Since when the agent is in the present state, as far as reports go back, epoch ms."""
        last = len(self.said) - 1
        return hold_end(self.said[last]) if self.unknown else since_of(self.said, last)
