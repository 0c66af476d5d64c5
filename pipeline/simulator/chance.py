"""A seed flows in, draws flow out: the same on every machine.

Only `random()` of Python's generator is used, whose sequence is guaranteed, and durations are read
from tables of quantiles: a logarithm's last bit may differ between machines, a table entry rounded
to 16 bits does not.
"""

from __future__ import annotations

import random
from bisect import bisect
from collections.abc import Iterable, Sequence
from itertools import accumulate
from math import exp, log
from statistics import NormalDist
from typing import Final, Generic, TypeVar

_SIZE: Final = 4096
_ONE: Final = 1 << 16
SIGMA: Final = 0.7
"""Of the logarithm of a duration; handle times of call centres are found to be log-normal (Brown et
al., "Statistical analysis of a telephone call center", JASA 100, 2005)."""

_MIDDLES = [(number + 0.5) / _SIZE for number in range(_SIZE)]
_GAPS: Final = [round(-log(1 - share) * _ONE) for share in _MIDDLES]
_NORMAL = NormalDist()
_DURATIONS: Final = [
    round(exp(SIGMA * _NORMAL.inv_cdf(share) - SIGMA * SIGMA / 2) * _ONE) for share in _MIDDLES
]

Thing = TypeVar("Thing")


class Weighted(Generic[Thing]):
    """Things to choose from, each as likely as its weight says."""

    __slots__ = ("_bounds", "_things", "_total")

    def __init__(self, weights: Iterable[tuple[Thing, float]]) -> None:
        pairs = [(thing, weight) for thing, weight in weights if weight > 0]
        self._things = [thing for thing, _ in pairs]
        self._bounds = list(accumulate(weight for _, weight in pairs))
        self._total = self._bounds[-1]

    def at(self, share: float) -> Thing:
        """Return the thing at this share of all weight, 0 <= share < 1."""
        return self._things[bisect(self._bounds, share * self._total, 0, len(self._things) - 1)]


class Chance:
    """One stream of draws; `purpose` keeps it apart from other streams of the same seed."""

    __slots__ = ("random",)

    def __init__(self, seed: int, purpose: str) -> None:
        self.random = random.Random(f"{seed}:{purpose}").random

    def hit(self, share: float) -> bool:
        """Return whether something happens that does in this share of cases."""
        return self.random() < share

    def between(self, low: int, high: int) -> int:
        """Return a whole number, both ends included."""
        return low + int(self.random() * (high - low + 1))

    def gap(self, mean: int) -> int:
        """Return an exponential length of this mean, in its unit."""
        return mean * _GAPS[int(self.random() * _SIZE)] >> 16

    def length(self, mean: int) -> int:
        """Return a log-normal length of this mean, in its unit."""
        return mean * _DURATIONS[int(self.random() * _SIZE)] >> 16

    def pick(self, things: Sequence[Thing]) -> Thing:
        """Return one of these, each as likely."""
        return things[int(self.random() * len(things))]

    def choose(self, things: Weighted[Thing]) -> Thing:
        """Return one of these by their weights."""
        return things.at(self.random())
