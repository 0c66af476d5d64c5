"""A task's fact flows in, the cells that it counts as flow out.

What counts when: an assignment, an urge and an answer at their moment; how long an answer took when
the last one came (a return withdraws it); what was to be answered by a time at that time, once it
is known whether it was. Each assignment counts for its own department and interface person.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipeline.contribution import Cell, Measure, place
from pipeline.operators.tasks.fact import Assignment, TaskFact
from pipeline.site_rules import SiteRules
from pipeline.timeline import minute_of
from schemas.histogram import bin_of

if TYPE_CHECKING:
    from pipeline.operators.tasks.state import Task

FAMILY = "tasks"
SETS = ("site", "department", "person")
LADDER = ("ticket", "email", "phone", "leader")
"""The rungs of urging, the last one highest."""
HOUR_MS = 3_600_000
URGE_WORKS_WITHIN_MS = 4 * HOUR_MS
ACCEPTED_AFTER_MS = 72 * HOUR_MS
"""An answer that was not returned for so long is accepted."""
_NEVER = 2**62

Counted = tuple[int, tuple[tuple[Measure, int], ...]]
"""A moment, epoch ms, and what counts then."""


def cells_of(task: Task) -> list[Cell]:
    """Everything that this task counts as, as it stands now."""
    fact, rules = task.fact, task.rules
    cells: list[Cell] = []
    for assignment in fact.assignments:
        values = (assignment.department, person_of(assignment, rules), assignment.task_type)
        where = place(FAMILY, task.site, SETS, values)
        known = max(task.passed, fact.last_at - 1)
        cells += [
            Cell(len(cells) + part, minute_of(at), where, measures)
            for part, (at, measures) in enumerate(
                _counted(assignment, due_of(assignment, rules), known)
            )
        ]
    return cells


def person_of(assignment: Assignment, rules: SiteRules) -> str:
    """Who has it in hand: as the desk says, else the department's interface person."""
    agreed = rules.task_limits(assignment.department, assignment.task_type)
    return assignment.person or agreed.interface_person


def due_of(assignment: Assignment, rules: SiteRules) -> int | None:
    """By when it is to be answered: as the desk says, else as the department has agreed to.

    What was agreed runs in the department's business time, where it has a calendar. None where
    nobody says, or nobody knows when it was assigned.
    """
    if not assignment.is_told:
        return None
    if assignment.due_at is not None:
        return max(assignment.due_at, assignment.at)
    cycle_ms = rules.task_limits(assignment.department, assignment.task_type).cycle_ms
    if cycle_ms is None:
        return None
    hours = rules.hours(assignment.department)
    return assignment.at + cycle_ms if hours is None else hours.after(assignment.at, cycle_ms)


def in_time(assignment: Assignment, due: int, known: int) -> bool | None:
    """Whether an answer stood at the due time.

    None where that is not known yet (`known` is how far time has come), and where the department
    had sent the task back, or it had gone to another, by then.
    """
    begun = [turn for turn in assignment.turns if turn.start <= due]
    last = begun[-1]
    if due < (last.end or _NEVER):
        return False if last.end or due <= known else None
    return True if last.answered else None


def _counted(assignment: Assignment, due: int | None, known: int) -> Iterator[Counted]:
    if assignment.is_told:
        measures: list[tuple[Measure, int]] = [("tasks_assigned", 1)]
        if any(urge.level == LADDER[-1] for urge in assignment.urges):
            measures.append(("tasks_supervised", 1))
        yield assignment.at, tuple(measures)
    yield from _urges(assignment)
    for turn in assignment.turns:
        if turn.answered:
            is_returned = 0 < turn.returned_at <= turn.end + ACCEPTED_AFTER_MS
            yield (
                turn.end,
                (("dept_answers", 1), *((("dept_answers_returned", 1),) if is_returned else ())),
            )
    if assignment.is_told and assignment.is_answered:
        took = assignment.held_ms
        answered = (("tasks_answered", 1), ("task_answer_ms", took))
        yield assignment.turns[-1].end, (*answered, (("task_answer_bins", bin_of(took)), 1))
    if due is not None and (verdict := in_time(assignment, due, known)) is not None:
        yield due, (("tasks_due", 1), ("tasks_in_time", int(verdict)))


def _urges(assignment: Assignment) -> Iterator[Counted]:
    for urge in assignment.urges:
        measures: list[tuple[Measure, int]] = [("urges", 1)]
        if urge.level in LADDER:
            measures.append((f"urges_{urge.level}", 1))
        if 0 < urge.answered_at <= urge.at + URGE_WORKS_WITHIN_MS:
            measures.append(("urges_effective", 1))
        yield urge.at, tuple(measures)


def highest_rung(fact: TaskFact) -> str:
    """The highest rung of urging that the task has reached; "" if it was not urged."""
    levels = {urge.level for assignment in fact.assignments for urge in assignment.urges}
    return next((level for level in reversed(LADDER) if level in levels), "")
