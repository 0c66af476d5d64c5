"""Tasks flow in, departments answer, late ones are urged, bad answers go back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from pipeline.simulator.agenda import Agenda
from pipeline.simulator.chance import Chance
from pipeline.simulator.office import ALWAYS, DAY_MS, HOUR_MS, OFFICE, Hours
from pipeline.simulator.ticket import Task, Ticket
from pipeline.simulator.truth import Truth
from pipeline.simulator.voice import Voice

URGES: Final = ("ticket", "email", "phone", "leader")
_URGE_WORKS_WITHIN_MS: Final = 4 * HOUR_MS
_AWAY_EVERY_DAYS: Final = 8
"""How often an interface person is away; each on another day, and then the backup does it."""
_URGE_AFTER_H: Final = (0, 3, 6, 9)
"""Hours of the department after the due time at which each is sent."""


@dataclass(frozen=True)
class Department:
    """Who settles what the front line cannot.

    Attributes:
        cycle_h: working hours in which it should answer.
        punctual: the share of tasks that it answers in time.
        away_on: the day, of every eight, on which its interface person is away.
    """

    cycle_h: int
    punctual: float
    away_on: int
    hours: Hours = OFFICE


DEPARTMENTS: Final = {
    "product": Department(16, 0.93, 0),
    "logistics": Department(12, 0.70, 1),
    "field": Department(12, 0.86, 2, Hours(8, 20, 6)),
    "finance": Department(16, 0.88, 3),
    "network": Department(6, 0.92, 4, ALWAYS),
    "it": Department(8, 0.90, 5),
    "marketing": Department(16, 0.80, 6),
    "service": Department(8, 0.96, 7, Hours(8, 21, 6)),
}


class Departments:
    """All of them.

    Args:
        answered: told when an answer is accepted.
        returned: told when a department says that it is not its business.
        overdue: told when an answer is due and not there.
    """

    def __init__(
        self,
        agenda: Agenda,
        voice: Voice,
        truth: Truth,
        chance: Chance,
        *,
        zone: ZoneInfo,
        answered: Callable[[int, Ticket], None],
        returned: Callable[[int, Ticket], None],
        overdue: Callable[[int, Ticket], None],
    ) -> None:
        self._agenda = agenda
        self._voice = voice
        self._truth = truth
        self._chance = chance
        self._zone = zone
        self._answered = answered
        self._returned = returned
        self._overdue = overdue

    def assign(self, at: int, ticket: Ticket) -> None:
        """Give a ticket's department a task."""
        ticket.tasks += 1
        name, department = f"{ticket.name}-{ticket.tasks}", ticket.department
        is_away = at // DAY_MS % _AWAY_EVERY_DAYS == DEPARTMENTS[department].away_on
        person = f"{department}-{'backup' if is_away else 'contact'}"
        task = Task(name, ticket, department, person, 0, at)
        task.due_at = self._hours(task).after(at, self._cycle_ms(task), self._zone)
        self._truth.ticket(ticket.matter.topic.name, "tasks")
        self._truth.task(department, "tasks_assigned")
        self._truth.task(department, "tasks_due")  # sooner or later, answered or not
        self._say(at, task, "assigned", f',"due_at":{self._voice.instant(task.due_at)}')
        chance = self._chance
        if chance.hit(0.04) and ticket.returns == 0 and ticket.department != "service":
            self._after(at, task, chance.gap(2 * HOUR_MS), self._decline)
        else:
            self._work_on(at, task, self._cycle_ms(task))

    def _work_on(self, at: int, task: Task, cycle_ms: int) -> None:
        chance, punctual = self._chance, DEPARTMENTS[task.department].punctual
        share = 0.1 + 0.85 * chance.random()
        if chance.random() > punctual:
            share = 1.05 + chance.gap(1000) / 1000
        self._after(at, task, round(cycle_ms * share), self._answer)
        if not task.again:
            self._after(at, task, cycle_ms + 1, self._urge)

    def _decline(self, at: int, task: Task) -> None:
        task.answered = True
        task.ticket.returns += 1
        if at <= task.due_at:
            self._truth.task(task.department, "tasks_due", -1)
        self._say(at, task, "returned", ',"reason":"not responsible"')
        self._returned(at, task.ticket)

    def _answer(self, at: int, task: Task) -> None:
        chance, ticket = self._chance, task.ticket
        if not ticket.open:
            return
        task.answered = True
        self._count_answer(at, task)
        late = at > task.due_at
        ticket.late = ticket.late or late
        self._truth.ticket(
            ticket.matter.topic.name, "answered_late" if late else "answered_in_time"
        )
        self._say(at, task, "answered", "")
        checked_at = at + chance.between(5, 45) * 60_000
        deed = self._send_back if chance.hit(0.07) and not task.again else self._accept
        self._agenda.note(checked_at, deed, task)

    def _count_answer(self, at: int, task: Task) -> None:
        task.held_ms += at - task.since
        told = {
            **{"dept_answers": 1, "tasks_answered": 1, "task_answer_ms": task.held_ms},
            # An answer that was sent back after it was due had been in time already.
            "tasks_in_time": at <= task.due_at,
            "urges_effective": 0 < task.urged_at >= at - _URGE_WORKS_WITHIN_MS,
        }
        task.urged_at = 0
        for what, number in told.items():
            self._truth.task(task.department, what, number)

    def _send_back(self, at: int, task: Task) -> None:
        told = {
            **{"dept_answers_returned": 1, "tasks_answered": -1},
            "task_answer_ms": -task.held_ms,
            "tasks_in_time": -(at <= task.due_at),
        }
        for what, number in told.items():
            self._truth.task(task.department, what, number)
        task.again, task.answered, task.since = True, False, at
        self._say(at, task, "returned", ',"reason":"answer incomplete"')
        self._work_on(at, task, self._cycle_ms(task) // 2)

    def _accept(self, at: int, task: Task) -> None:
        self._say(at, task, "closed", "")
        self._answered(at, task.ticket)

    def _urge(self, at: int, task: Task) -> None:
        if task.answered or not task.ticket.open or task.urges == len(URGES):
            return
        if not task.urges:
            self._overdue(at, task.ticket)
        level = URGES[task.urges]
        self._truth.ticket(task.ticket.matter.topic.name, "urges")
        self._truth.task(task.department, "urges")
        self._truth.task(task.department, f"urges_{level}")
        if level == URGES[-1]:
            self._truth.task(task.department, "tasks_supervised")
        self._say(at, task, "urged", f',"urge_level":"{level}"')
        task.urged_at = at
        task.urges += 1
        if task.urges < len(URGES):
            wait_h = _URGE_AFTER_H[task.urges] - _URGE_AFTER_H[task.urges - 1]
            self._after(at, task, wait_h * HOUR_MS, self._urge)

    def _after(self, at: int, task: Task, work_ms: int, deed: Callable[[int, Task], None]) -> None:
        self._agenda.note(self._hours(task).after(at, work_ms, self._zone), deed, task)

    def _hours(self, task: Task) -> Hours:
        """What is very urgent is worked on at night too."""
        urgent = task.ticket.priority == "very_urgent"
        return ALWAYS if urgent else DEPARTMENTS[task.department].hours

    def _cycle_ms(self, task: Task) -> int:
        hours = DEPARTMENTS[task.department].cycle_h
        return hours * HOUR_MS // (3 if task.ticket.priority == "very_urgent" else 1)

    def _say(self, at: int, task: Task, what: str, fields: str) -> None:
        self._voice.say(
            at,
            f"task.{what}",
            f'"task_id":"{task.name}","ticket_id":"{task.ticket.name}",'
            f'{task.ticket.matter.caller.identity}"department":"{task.department}",'
            f'"interface_person":"{task.person}","task_type":"{task.ticket.matter.topic.category[1]}"'
            f"{fields}",
        )
