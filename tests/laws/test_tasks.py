"""A task's turns, answers and urges, counted by hand: returned, moved, urged, never answered."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline.decode import DeadLetter, Decoder
from pipeline.operators.tasks import Task
from pipeline.site_rules import SiteRules
from schemas.records import LIVE
from schemas.site import SiteConfig
from tests.laws.scenario import encode, iso

DECODER = Decoder()
MINUTE, HOUR = 60_000, 3_600_000
NINE = round(datetime(2026, 3, 2, 9, tzinfo=UTC).timestamp() * 1000)
RULES = SiteRules(
    "1",
    SiteConfig.model_validate(
        {
            "format": 1,
            "site": "demo",
            "name": {"zh": "例", "en": "Ex"},
            "time_zone": "UTC",
            "calendars": {"office": {"hours": {"mon-fri": ["09:00-17:00"]}}},
            "departments": {
                "finance": {
                    "name": {"zh": "财务部", "en": "Finance"},
                    "calendar": "office",
                    "cycle_hours": 4.0,
                },
                "logistics": {
                    "name": {"zh": "物流部", "en": "Logistics"},
                    "interface_person": "li",
                    "backup": "bo",
                    "cycle_hours": 8.0,
                    "task_hours": {"trace": 4.0},
                },
            },
        }
    ),
)


def at(clock: str, word: str, **fields: Any) -> dict[str, Any]:
    """An event of the task on the second of March, by the hours of UTC."""
    moment = datetime.fromisoformat(f"2026-03-02T{clock}Z")
    return {
        "event_id": f"{word} {clock}",
        "event_type": f"task.{word}",
        "site": "demo",
        "source": "desk",
        "occurred_at": moment.isoformat(),
        "ticket_id": "t",
        "task_id": "k",
        **fields,
    }


def told(*events: dict[str, Any]) -> Task:
    """A task that was told these events, in this order."""
    task = Task("demo", "k", 0, "ticket:t", RULES)
    for number, content in enumerate(events):
        read = DECODER.decode(encode(content), NINE + 10**10)
        assert not isinstance(read, DeadLetter), read.detail
        task.apply(read, LIVE, number + 1)
    return task


def counts(task: Task, **where: str) -> dict[str, int]:
    """What the task counts as, over all minutes; `where` names a department or a person."""
    total: Counter[str] = Counter()
    for cell in task.count():
        values = dict(
            zip(("department", "interface_person", "task_type"), cell.place.values, strict=True)
        )
        if where.items() <= values.items():
            total.update({m: n for m, n in cell.measures if isinstance(m, str)})
    return +total


def clock_of(task: Task, measure: str) -> list[str]:
    """The minutes in which a measure counts."""
    minutes = [cell.minute for cell in task.count() if measure in dict(cell.measures)]
    return [datetime.fromtimestamp(at / 1000, UTC).strftime("%H:%M") for at in minutes]


ASSIGNED = at("09:00", "assigned", department="logistics", due_at=iso(NINE + 2 * HOUR))


def test_time_after_a_return_is_the_receivers_and_time_at_the_desk_nobodys() -> None:
    """09:00 to 11:00 and, returned at 11:30, to 12:30: 2 h + 1 h."""
    task = told(ASSIGNED, at("11:00", "answered"), at("11:30", "returned"), at("12:30", "answered"))
    counted = counts(task)
    assert counted["task_answer_ms"] == 3 * HOUR
    assert counted["tasks_answered"] == counted["tasks_assigned"] == 1
    assert counted["dept_answers"] == 2
    assert counted["dept_answers_returned"] == 1  # so 1 of 2 answers was accepted at once
    assert clock_of(task, "tasks_answered") == ["12:30"]
    assert clock_of(task, "dept_answers") == ["11:00", "12:30"]


@pytest.mark.parametrize(
    ("events", "due", "in_time"),
    [
        ([at("11:00", "answered")], 1, 1),  # the boundary is inside
        ([at("11:00:00.001", "answered")], 1, 0),
        ([at("10:00", "answered"), at("10:30", "returned"), at("11:30", "answered")], 1, 0),
        ([at("10:00", "answered"), at("11:30", "returned"), at("12:00", "answered")], 1, 1),
        ([at("10:00", "returned")], 0, 0),  # not its business
        ([at("11:30", "returned")], 1, 0),  # but it took too long to say so
        ([at("10:00", "closed")], 1, 1),  # accepted without a word of the answer
    ],
)
def test_in_time_is_whether_an_answer_stood_when_it_was_due(
    events: list[dict[str, Any]], due: int, in_time: int
) -> None:
    counted = Counter(counts(told(ASSIGNED, *events)))
    assert (counted["tasks_due"], counted["tasks_in_time"]) == (due, in_time)


def test_what_is_not_answered_is_due_all_the_same() -> None:
    task = told(ASSIGNED)
    assert "tasks_due" not in counts(task)
    assert task.due == NINE + 2 * HOUR
    task.pass_deadline(task.due, 9)
    assert counts(task)["tasks_due"] == 1
    assert "tasks_in_time" not in counts(task)
    assert clock_of(task, "tasks_due") == ["11:00"]
    assert task.due == NINE + 365 * 24 * HOUR  # then it is forgotten
    task.pass_deadline(task.due, 10)
    assert not task.open


def test_a_due_time_before_the_assignment_is_the_assignment() -> None:
    early = ASSIGNED | {"due_at": iso(NINE - HOUR)}
    task = told(early, at("09:10", "answered"))
    assert counts(task)["tasks_due"] == 1
    assert "tasks_in_time" not in counts(task)
    assert clock_of(task, "tasks_due") == ["09:00"]


@pytest.mark.parametrize(("task_type", "hours"), [("trace", 4), ("other", 8)])
def test_without_a_due_time_what_the_department_has_agreed_to_holds(
    task_type: str, hours: int
) -> None:
    task = told(at("09:00", "assigned", department="logistics", task_type=task_type))
    assert task.due == NINE + hours * HOUR
    assert told(at("09:00", "assigned", department="nobody")).due == NINE + 365 * 24 * HOUR


def test_what_was_agreed_runs_in_the_departments_own_hours() -> None:
    """4 h from Monday 16:00, closed from 17:00 to 09:00: 1 h on Monday, 3 h until Tuesday noon."""
    task = told(at("16:00", "assigned", department="finance"))
    assert task.due == NINE + (24 + 3) * HOUR


def test_whoever_stood_in_is_counted_and_who_is_not_named_is_the_interface_person() -> None:
    answered = at("10:00", "answered", interface_person="bo")
    assert counts(told(ASSIGNED, answered), interface_person="bo")["tasks_in_time"] == 1
    assert counts(told(ASSIGNED, at("10:00", "answered")), interface_person="li")["tasks_due"] == 1


def test_each_department_that_gets_the_task_has_its_own_time() -> None:
    """Logistics for 1 h, then finance for 2 h, due by what logistics was told."""
    task = told(
        ASSIGNED,
        at("10:00", "assigned", department="finance"),
        at("12:00", "answered"),
    )
    assert counts(task)["tasks_assigned"] == 2
    assert counts(task, department="logistics") == {"tasks_assigned": 1}
    finance = counts(task, department="finance")
    assert finance["task_answer_ms"] == 2 * HOUR
    assert finance["tasks_due"] == 1
    assert "tasks_in_time" not in finance


def test_the_same_department_told_again_is_no_new_assignment() -> None:
    again = at("09:30", "assigned", department="logistics", due_at=iso(NINE + 3 * HOUR))
    task = told(ASSIGNED, again, at("12:00", "answered"))
    counted = counts(task)
    assert counted["tasks_assigned"] == counted["tasks_in_time"] == 1
    assert counted["task_answer_ms"] == 3 * HOUR


def test_an_answer_is_that_of_the_last_urge_before_it() -> None:
    """Urged at 12:00 and 13:00, answered at 17:00: the second, and 4 h to the millisecond."""
    urges = [at("12:00", "urged", urge_level="ticket"), at("13:00", "urged", urge_level="email")]
    task = told(ASSIGNED, *urges, at("17:00", "answered"))
    assert counts(task)["urges"] == 2
    assert clock_of(task, "urges_effective") == ["13:00"]
    assert "tasks_supervised" not in counts(task)
    late = told(ASSIGNED, *urges, at("17:00:00.001", "answered"))
    assert "urges_effective" not in counts(late)


def test_the_top_of_the_ladder_counts_once_where_the_task_was_assigned() -> None:
    levels = ("ticket", "email", "phone", "leader", "leader")
    urges = [at(f"{12 + i}:00", "urged", urge_level=level) for i, level in enumerate(levels)]
    task = told(ASSIGNED, *urges)
    counted = counts(task)
    assert counted["urges"] == 5
    assert counted["urges_ticket"] == counted["urges_email"] == counted["urges_phone"] == 1
    assert counted["urges_leader"] == 2
    assert counted["tasks_supervised"] == 1
    assert clock_of(task, "tasks_supervised") == ["09:00"]


def test_a_return_after_three_days_counts_against_nobody() -> None:
    answered = at("10:00", "answered")
    back = at("10:00", "returned", occurred_at="2026-03-05T10:00:00.001Z")
    assert "dept_answers_returned" not in counts(told(ASSIGNED, answered, back))
    in_time = back | {"occurred_at": "2026-03-05T10:00:00Z"}
    assert counts(told(ASSIGNED, answered, in_time))["dept_answers_returned"] == 1


def test_of_a_task_whose_assignment_is_unknown_only_what_is_known_counts() -> None:
    events = [at("10:00", "urged"), at("11:00", "answered", due_at=iso(NINE))]
    assert counts(told(*events)) == {"urges": 1, "urges_effective": 1, "dept_answers": 1}
    assert counts(told(*events, ASSIGNED))["task_answer_ms"] == 2 * HOUR  # it came late


def test_a_restored_task_is_the_same_in_any_order() -> None:
    events = [
        ASSIGNED,
        at("10:00", "urged", urge_level="ticket"),
        at("11:00", "answered"),
        at("11:30", "returned"),
        at("12:30", "answered"),
        at("12:40", "closed"),
    ]
    task = told(*events)
    assert counts(told(*reversed(events))) == counts(task)
    again = Task.restore(task.key, 0, task.snapshot(), lambda _: RULES, revision=task.revision)
    assert again.row() == task.row()
    assert counts(again) == counts(task)
    columns = task.row()
    assert columns[9] == "closed"
    assert not task.open
