"""A task's steps flow in, in order; its assignments, with turns, answers and urges, flow out.

An **assignment** is a task in the hands of one department: given to another one, or given again to
one that had sent it back, it is assigned anew. A **turn** is a stretch in which the department has
it: from the assignment, or from the return of an answer, to the next answer or until it is sent
back. The time that the desk takes to look at an answer is nobody's turn, so what passes after a
return is charged to whoever the answer was returned to. Instants are epoch ms (0 = not yet).

Worked example, assigned 09:00, answered 11:00, returned 11:30 as incomplete, answered 12:30:

    turns          09:00 to 11:00, 11:30 to 12:30
    answer time    3 h: 2 h and 1 h
"""

from __future__ import annotations

from pipeline.entity import Step, ms_of, text_of

TYPES = ("task.assigned", "task.urged", "task.answered", "task.returned", "task.closed")
"""What a task is made of, in the natural order of events that share a millisecond."""
WORDS = tuple(name.partition(".")[2] for name in TYPES)


class Turn:
    """A stretch in which the department has the task; an answer is the end of one."""

    __slots__ = ("answered", "end", "returned_at", "start")

    def __init__(self, start: int) -> None:
        self.start = start
        self.end = 0
        self.answered = False
        self.returned_at = 0
        """When the answer was sent back."""


class Urge:
    """A word to hurry."""

    __slots__ = ("answered_at", "at", "level")

    def __init__(self, at: int, level: str) -> None:
        self.at = at
        self.level = level
        self.answered_at = 0
        """The answer that it was the last urge before."""


class Assignment:
    """A task in the hands of one department; the latest word on it counts.

    `is_told` is false where nobody said that it was assigned: then when it began is not known.
    """

    __slots__ = ("at", "department", "due_at", "is_told", "person", "task_type", "turns", "urges")

    def __init__(self, at: int, *, is_told: bool) -> None:
        self.at = at
        self.is_told = is_told
        self.department = self.person = self.task_type = ""
        self.due_at: int | None = None
        """By when it is to be answered, as the desk says."""
        self.turns: list[Turn] = []
        self.urges: list[Urge] = []

    @property
    def is_held(self) -> bool:
        """Whether the department has it."""
        return bool(self.turns) and not self.turns[-1].end

    @property
    def is_answered(self) -> bool:
        """Whether an answer stands."""
        return bool(self.turns) and self.turns[-1].answered

    @property
    def held_ms(self) -> int:
        """For how long the department had it, as far as that is over."""
        return sum(turn.end - turn.start for turn in self.turns if turn.end)

    def answer(self, at: int) -> None:
        """The department answers, perhaps although it had sent the task back."""
        if not self.is_held:
            self.turns.append(Turn(at))
        self.turns[-1].end = at
        self.turns[-1].answered = True
        if self.urges and not self.urges[-1].answered_at:
            self.urges[-1].answered_at = at

    def send_back(self, at: int) -> None:
        """The desk returns an answer, or the department the task."""
        if self.is_answered:
            self.turns[-1].returned_at = at
            self.turns.append(Turn(at))
        elif self.is_held:
            self.turns[-1].end = at


class TaskFact:
    """What one task amounts to."""

    __slots__ = (
        *("_department", "_due_at", "_person", "_task_type", "assigned_at", "assignments"),
        *("closed_at", "events", "expired", "last_at", "opened_at", "ticket_id"),
    )

    def __init__(self) -> None:
        self.events = 0
        self.opened_at = self.last_at = 0
        self.assigned_at = self.closed_at = 0
        self.expired = False
        """That nothing was heard of it for so long that no answer is waited for."""
        self.ticket_id = ""
        self.assignments: list[Assignment] = []
        self._department = self._person = self._task_type = ""
        self._due_at: int | None = None

    @property
    def last(self) -> Assignment:
        """The assignment in force; an empty one where no event tells of the task."""
        return self.assignments[-1] if self.assignments else Assignment(0, is_told=False)

    @property
    def is_held(self) -> bool:
        """Whether a department has it."""
        return self.last.is_held

    @property
    def open(self) -> bool:
        """Whether an answer is waited for."""
        return self.is_held and not self.expired

    @property
    def stage(self) -> str:
        """Whose turn it is: assigned (the department's), answered, returned, or closed."""
        if self.closed_at:
            return "closed"
        if self.last.is_answered:
            return "answered"
        return "assigned" if self.last.is_held else "returned" if self.last.turns else ""

    def read(self, step: Step) -> None:
        """Take in the next step."""
        at, word = step.at, WORDS[step.rank]
        if not self.events:
            self.opened_at = at
        self.events += 1
        self.last_at = at
        has_moved = self._describe(step)
        is_new = word == "assigned" and (not self.is_held or has_moved)
        if is_new or not self.assignments:
            self._assign(at, is_told=is_new)
        current = self.last
        current.department, current.person = self._department, self._person
        current.task_type, current.due_at = self._task_type, self._due_at
        if word == "urged":
            current.urges.append(Urge(at, text_of(step.fields, "urge_level")))
        elif word == "returned":
            self.closed_at = 0
            current.send_back(at)
        elif word in {"answered", "closed"}:
            if not current.is_answered:
                current.answer(at)
            if word == "closed":
                self.closed_at = at

    def _describe(self, step: Step) -> bool:
        """Take in what the event says of the task, and return whether it has moved elsewhere."""
        fields = step.fields
        self.ticket_id = text_of(fields, "ticket_id") or self.ticket_id
        self._task_type = text_of(fields, "task_type") or self._task_type
        due = ms_of(fields, "due_at")
        self._due_at = self._due_at if due is None else due
        department = text_of(fields, "department") or self._department
        has_moved = department != self._department != ""
        if has_moved:
            self._person = ""  # who had it there has it no more
        self._department = department
        self._person = text_of(fields, "interface_person") or self._person
        return has_moved

    def _assign(self, at: int, *, is_told: bool) -> None:
        if self.is_held:
            self.last.turns[-1].end = at
        self.assignments.append(Assignment(at, is_told=is_told))
        if is_told:
            self.assigned_at = self.assigned_at or at
            self.closed_at = 0
            self.last.turns.append(Turn(at))
