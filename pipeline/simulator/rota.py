"""What a team needs by the hour flows in, the shifts of a day flow out, breaks and days off too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from pipeline.simulator.chance import Chance
from pipeline.simulator.plan import TeamPlan, staff_needed

MINUTE_MS: Final = 60_000
_FULL: Final = 17
_PART: Final = 9
"""Lengths of shifts in half-hours."""
_PRESENT: Final = 0.90
"""The share of a shift that is not spent in breaks."""
_ENOUGH: Final = 0.65
"""How much of its time a further shift must be missed, or it is not given out."""


@dataclass(frozen=True)
class Break:
    """When an agent should pause, in epoch ms, how long, and what for."""

    due: int
    length: int
    reason: str


@dataclass(frozen=True)
class Shift:
    """One agent's day, in epoch ms."""

    agent: str
    team: TeamPlan
    begin: int
    end: int
    breaks: tuple[Break, ...]


@cache
def pattern(team: TeamPlan, per_day: int, weekday: int) -> tuple[tuple[int, int], ...]:
    """Return the shifts of a weekday as (begin, length) in half-hours from its midnight.

    Greedy: the shift that is missed most is given out next.
    """
    closes = team.closes if team.closes > team.opens else team.closes + 24
    missing = [0.0] * (2 * closes + 1)
    for half in range(2 * team.opens, 2 * closes):
        needed = staff_needed(team, per_day, (weekday + half // 48) % 7, half // 2 % 24)
        missing[half] = max(1.0, needed) / _PRESENT
    found: list[tuple[int, int]] = []
    while True:
        gain, begin, length = max(
            (sum(min(max(m, 0.0), 1.0) for m in missing[b : b + n]) / n, -b, n)
            for n in (_FULL, _PART)
            for b in range(2 * team.opens, 2 * closes - n + 1)
        )
        if gain < _ENOUGH:
            return tuple(sorted(found))
        found.append((-begin, length))
        for half in range(-begin, -begin + length):
            missing[half] -= 1


def shifts(team: TeamPlan, per_day: int, midnight: int, weekday: int, seed: int) -> Iterator[Shift]:
    """Yield a team's shifts of the day that begins at `midnight`, epoch ms.

    Everybody has two days off a week; who stands in for them has a number of their own.
    """
    chance = Chance(seed, f"rota:{team.name}:{midnight}")
    relief = 0
    for slot, (first, halves) in enumerate(pattern(team, per_day, weekday), 1):
        agent = f"{team.name}-{slot:02d}"
        if (weekday - slot) % 7 in (0, 3):
            relief += 1
            agent = f"{team.name}-r{relief:02d}"
        if chance.hit(0.02):
            continue  # ill
        begin = midnight + first * 30 * MINUTE_MS + chance.between(-6, 3) * MINUTE_MS // 2
        end = midnight + (first + halves) * 30 * MINUTE_MS
        yield Shift(agent, team, begin, end, tuple(_breaks(midnight, first, halves, chance)))


def _breaks(midnight: int, first: int, halves: int, chance: Chance) -> Iterator[Break]:
    """Two short ones and a meal in a full shift, one in half a shift.

    Meals are taken at noon and in the early evening, when fewer people call.
    """
    if halves == _PART:
        plan = [(30 * first + 130, 12, "rest")]
    else:
        meal = 30 * first + 240 if not 12 <= first <= 34 else 750 if first < 22 else 1110
        plan = [(30 * first + 105, 12, "rest"), (meal, 35, "meal"), (meal + 165, 12, "rest")]
    for minute, length, reason in plan:
        due = midnight + (minute + chance.between(-50, 50)) * MINUTE_MS
        yield Break(due, length * 48_000 + chance.length(length * 12_000), reason)
