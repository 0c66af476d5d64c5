"""A queue's rolling service level flows in, the life of its alert flows out (rule SL_LOW).

    fires      service level of the last 30 min < target - 10 points, at least 20 contacts decided
    resolves   service level >= target - 5 points, or too few contacts to say, for 10 min

Fire and clear thresholds differ, so a level that wavers does not flap. An alert's id is a hash of
the rule, its version, its group and its first window: a replay gives the same id.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

from pipeline.timeline import MINUTE_MS

RULE = "SL_LOW"
VERSION = 1
SEVERITY = "P2"
WINDOW_MS = 30 * MINUTE_MS
HOLD_MS = 10 * MINUTE_MS
FIRE_POINTS = 10.0
CLEAR_POINTS = 5.0
MIN_SAMPLE = 20


class Level(NamedTuple):
    """A queue's counts in the rolling window that ends at `end` (epoch ms)."""

    end: int
    within: int
    decided: int

    @property
    def percent(self) -> float | None:
        """Service level V1: answered within the threshold / (decided - short abandons) * 100."""
        return 100 * self.within / self.decided if self.decided else None


class Transition(NamedTuple):
    """A step of an alert: its number counts from 1 and never repeats."""

    alert_id: str
    number: int
    state: str
    window_start: int
    window_end: int
    value: float
    sample: int
    detail: str


@dataclass(slots=True)
class Alert:
    """An open alert; `good_since` is the end of the first good window since it was last bad."""

    alert_id: str
    number: int
    good_since: int | None = None


def judge(
    alert: Alert | None, level: Level, target: float, group: str
) -> tuple[Alert | None, Transition | None]:
    """What a window's level does to the alert of its group.

    Returns:
        The alert as it stands after the window (None: none is open) and the transition, if any.
    """
    percent = level.percent
    enough = level.decided >= MIN_SAMPLE and percent is not None
    if alert is None:
        if not enough or percent is None or percent >= target - FIRE_POINTS:
            return None, None
        alert = Alert(_alert_id(group, level.end - WINDOW_MS), 1)
        detail = f"{percent:.1f} % of {level.decided} within the threshold, target {target:g} %"
        return alert, _transition(alert, "firing", level, detail)
    if enough and percent is not None and percent < target - CLEAR_POINTS:
        alert.good_since = None
        return alert, None
    if alert.good_since is None:
        alert.good_since = level.end
    if level.end - alert.good_since < HOLD_MS:
        return alert, None
    alert.number += 1
    why = f"{percent:.1f} %" if enough else f"only {level.decided} contacts in the window"
    return None, _transition(alert, "resolved", level, f"{why}, target {target:g} %")


def _transition(alert: Alert, state: str, level: Level, detail: str) -> Transition:
    return Transition(
        alert.alert_id,
        alert.number,
        state,
        level.end - WINDOW_MS,
        level.end,
        level.percent if level.percent is not None else 0.0,
        level.decided,
        detail,
    )


def _alert_id(group: str, window_start: int) -> str:
    text = f"{RULE}\x1f{VERSION}\x1f{group}\x1f{window_start}"
    return hashlib.sha256(text.encode()).hexdigest()[:24]
