"""Departments' part of a ticket's time, counted by hand: in parallel, one after the other, open."""

from __future__ import annotations

from collections import Counter

from pipeline.contribution import Measure
from pipeline.operators.tickets import Ticket
from tests.laws.telling_tickets import MINUTE, at, told

OPENED = at(0, "ticket.registered")
RESOLVED = at(100, "ticket.resolved")


def asked(minute: float, word: str, task: str, department: str = "") -> dict[str, str]:
    named = {"department": department} if department else {}
    event = at(minute, f"task.{word}", task_id=task, **named)
    return event | {"event_id": f"{task}:{word}:{minute}"}


def held(ticket: Ticket, department: str = "") -> tuple[int, int]:
    """Minutes that departments had of it, and minutes to its resolution: for the site, or one."""
    total: Counter[Measure] = Counter()
    for cell in ticket.count():
        name, *_ = cell.place.values
        if cell.place.family == "tasks" and name == department:
            total.update(dict(cell.measures))
    return total["dept_held_ms"] // MINUTE, total["dept_ticket_ms"] // MINUTE


def test_of_parallel_tasks_the_time_counts_once() -> None:
    """Logistics from 10 to 50, finance from 30 to 70: 60 of 100 minutes; 40 and 40."""
    ticket = told(
        OPENED,
        asked(10, "assigned", "a", "logistics"),
        asked(30, "assigned", "b", "finance"),
        asked(50, "answered", "a"),
        asked(70, "answered", "b"),
        RESOLVED,
    )
    assert held(ticket) == (60, 100)
    assert held(ticket, "logistics") == held(ticket, "finance") == (40, 100)


def test_what_is_returned_is_the_departments_again_and_what_it_sent_back_is_not() -> None:
    """From 10 to 20 and, returned at 25, to 40; the second task from 50 to 60."""
    ticket = told(
        OPENED,
        asked(10, "assigned", "a", "logistics"),
        asked(20, "answered", "a"),
        asked(25, "returned", "a"),
        asked(40, "answered", "a"),
        asked(50, "assigned", "b", "logistics"),
        asked(60, "returned", "b"),
        RESOLVED,
    )
    assert held(ticket) == held(ticket, "logistics") == (35, 100)


def test_a_task_that_moves_is_each_departments_for_its_time() -> None:
    ticket = told(
        OPENED,
        asked(10, "assigned", "a", "logistics"),
        asked(30, "assigned", "a", "finance"),
        RESOLVED,  # finance still has it
    )
    assert held(ticket) == (90, 100)
    assert held(ticket, "logistics") == (20, 100)
    assert held(ticket, "finance") == (70, 100)


def test_only_resolved_tickets_with_tasks_count() -> None:
    assert held(told(OPENED, RESOLVED)) == (0, 0)
    assert held(told(OPENED, asked(10, "assigned", "a", "logistics"))) == (0, 0)
