"""The events of a ticket's tasks flow in, in order; which departments had it when flows out.

Several departments may have a ticket at once: of parallel tasks the time counts once. Instants are
epoch ms.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(slots=True)
class Stint:
    """A stretch in which a department has a task of the ticket; `end` is 0 while it has it."""

    department: str
    start: int
    end: int = 0


@dataclass(slots=True)
class _Task:
    department: str = ""
    stint: Stint | None = None
    is_answered: bool = False


class Hands:
    """The departments through whose hands a ticket goes."""

    __slots__ = ("_tasks", "stints")

    def __init__(self) -> None:
        self.stints: list[Stint] = []
        self._tasks: dict[str, _Task] = {}

    def read(self, word: str, task_id: str, department: str, now: int) -> None:
        """Take in an event of a task; `department` is "" where the event is silent."""
        task = self._tasks.setdefault(task_id, _Task())
        if department and word == "assigned" and task.department not in {"", department}:
            self._end(task, now)
        task.department = department or task.department
        if task.stint is not None:
            task.stint.department = task.department
        if word == "assigned":
            self._begin(task, now)
        elif word in {"answered", "closed"}:
            self._end(task, now)
            task.is_answered = True
        elif word == "returned":
            if task.is_answered:
                self._begin(task, now)
            else:
                self._end(task, now)

    def _begin(self, task: _Task, now: int) -> None:
        task.is_answered = False
        if task.stint is None:
            task.stint = Stint(task.department, now)
            self.stints.append(task.stint)

    def _end(self, task: _Task, now: int) -> None:
        if task.stint is not None:
            task.stint.end = now
            task.stint = None

    def held(self, start: int, end: int) -> Iterator[tuple[str | None, int]]:
        """For how long departments had the ticket between two instants: any of them, and each."""
        spans = [
            (stint.department, max(stint.start, start), min(stint.end or end, end))
            for stint in self.stints
        ]
        yield None, _union((begin, over) for _, begin, over in spans)
        for department in dict.fromkeys(name for name, _, _ in spans):
            yield (
                department,
                _union((begin, over) for name, begin, over in spans if name == department),
            )


def _union(spans: Iterator[tuple[int, int]]) -> int:
    """How much time spans cover together.

    >>> _union(iter([(0, 10), (5, 15), (20, 25)]))
    20
    """
    covered, until = 0, -(2**62)
    for begin, over in sorted(spans):
        covered += max(0, over - max(begin, until))
        until = max(until, over)
    return covered
