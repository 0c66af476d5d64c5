"""What is to happen flows in, what happens next flows out: the clock of a simulation."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any, TypeAlias

Deed: TypeAlias = Callable[[int, Any], None]
"""What happens: called with the instant, and with whom it happens to."""


class Agenda:
    """Deeds by their instant, epoch ms; of one instant, in the order in which they were noted."""

    __slots__ = ("_heap", "_number", "now")

    def __init__(self, now: int) -> None:
        self.now = now
        self._heap: list[tuple[int, int, Deed, Any]] = []
        self._number = 0

    def note(self, at: int, deed: Deed, whom: object = None) -> None:
        """Let `deed(at, whom)` happen at an instant; what should have happened, happens now."""
        self._number += 1
        heappush(self._heap, (at if at > self.now else self.now, self._number, deed, whom))

    def step(self, end: int) -> bool:
        """Let the next thing happen, if it does before `end`."""
        if self._heap[0][0] >= end:
            return False
        self.now, _, deed, whom = heappop(self._heap)
        deed(self.now, whom)
        return True
