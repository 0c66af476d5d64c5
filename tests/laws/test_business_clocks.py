"""Tickets told by hand, and their clocks by calendars: due, at risk, silent, out of hours."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pipeline.decode import DeadLetter, Decoder
from pipeline.operators.tickets import Ticket
from pipeline.operators.tickets.sensitive import Sensitive, around
from pipeline.site_rules import SiteRules, read_rules
from schemas.measures import Text
from schemas.records import LIVE
from schemas.rows import TICKETS, TICKETS_NOW
from schemas.sensitive_dates import USUAL, SensitiveDate
from schemas.site import SiteConfig
from tests.laws.scenario import encode, iso

ZONE = ZoneInfo("Asia/Shanghai")
DECODER = Decoder()
FRIDAY = "2026-09-18"  # Sunday the 20th is worked for the holidays of October
SITE: dict[str, Any] = {
    **{"format": 1, "site": "demo", "name": {"zh": "例", "en": "Ex"}, "time_zone": "Asia/Shanghai"},
    "calendar": "desk",
    "calendars": {
        "desk": {"hours": {"mon-sun": ["08:00-20:00"]}},
        "office": {"hours": {"mon-fri": ["09:00-18:00"]}, "public_holidays": "china"},
    },
    "departments": {"finance": {"name": {"zh": "财务", "en": "Finance"}, "calendar": "office"}},
    "tickets": {
        "default": {
            **{"response_minutes": 60, "resolution_hours": 10, "silent_hours": 4, "business": True}
        },
        "priorities": {"urgent": {"business": False}, "low": {"business": "office"}},
    },
}


def at(local: str) -> int:
    return round(datetime.fromisoformat(local).replace(tzinfo=ZONE).timestamp() * 1000)


def told(*events: tuple[str, str, dict[str, Any]], **settings: Any) -> Ticket:
    """A ticket of which these were told: local time, word, fields."""
    rules = SiteRules("v", SiteConfig.model_validate(SITE | settings))
    ticket = Ticket("demo", "t", 0, "ticket:t", rules)
    for number, (local, word, fields) in enumerate(events):
        content = {
            **{"event_type": f"ticket.{word}", "event_id": f"e{number}", "site": "demo"},
            **{"source": "desk", "occurred_at": iso(at(local)), "ticket_id": "t", **fields},
        }
        event = DECODER.decode(encode(content), at("2030-01-01"))
        assert not isinstance(event, DeadLetter), event.detail
        ticket.apply(event, LIVE, number + 1)
    return ticket


def row(ticket: Ticket) -> dict[str, Any]:
    now = dict(zip(TICKETS_NOW.columns, ticket.now_row(), strict=True))
    return now | dict(zip(TICKETS.columns, ticket.row(), strict=True))


@pytest.mark.parametrize(
    ("fields", "due", "at_risk", "silent"),
    [
        # By the centre: 3 h until 20:00 on Friday, 7 h on Saturday; 75 % are 7.5 h; silent: 4 h.
        ({}, "2026-09-19 15:00", "2026-09-19 12:30", "2026-09-19 09:00"),
        # By the office of the department: 1 h, then Sunday, worked from 09:00 for 9 h.
        (
            {"department": "finance"},
            *("2026-09-20 18:00", "2026-09-20 15:30", "2026-09-20 12:00"),
        ),
        ({"priority": "low"}, "2026-09-20 18:00", "2026-09-20 15:30", "2026-09-20 12:00"),
        # Urgent ones do not wait for anybody's hours.
        (
            {"priority": "urgent", "department": "finance"},
            *("2026-09-19 03:00", "2026-09-19 00:30", "2026-09-18 21:00"),
        ),
        # The desk's own deadline: 3 h + 1 h are open until then, and 3 h of them are 75 %.
        (
            {"due_at": "2026-09-19T01:00:00Z"},
            "2026-09-19 09:00",
            "2026-09-18 20:00",
            "2026-09-19 09:00",
        ),
    ],
)
def test_whose_hours_a_ticket_waits_for(
    fields: dict[str, Any], due: str, at_risk: str, silent: str
) -> None:
    known = row(told((f"{FRIDAY} 17:00", "registered", fields)))
    assert known["due_at"] == at(due)
    assert known["at_risk_at"] == at(at_risk)
    assert known["silent_at"] == at(silent)


def test_a_configuration_that_names_no_calendar_of_its_own_is_refused() -> None:
    content = SiteConfig.model_validate(SITE | {"calendar": "dest"}).model_dump_json()
    with pytest.raises(ValueError, match="calendar: no calendar 'dest'; did you mean 'desk'"):
        read_rules("v", content)


def test_deadlines_come_due_by_the_business_clock() -> None:
    ticket = told((f"{FRIDAY} 17:30", "registered", {"department": "finance"}))
    dues: list[int] = []
    while ticket.due is not None and len(dues) < 20:
        dues.append(ticket.due)
        ticket.pass_deadline(ticket.due, 2)
    # Its age in the backlog runs by the calendar. By the office's clock 30 min of the hour to
    # answer are left for Sunday; silent after 4 h, at risk from 75 % and 90 % of 10 h on.
    business = [
        at("2026-09-20 09:30"),
        at("2026-09-20 12:30"),
        at("2026-09-20 16:00"),
        at("2026-09-20 17:30"),
        at("2026-09-21 09:30"),
    ]
    assert [due for due in dues if due in business] == business
    assert dues == sorted(dues)


def test_durations_in_both_times_and_when_it_came() -> None:
    ticket = told(
        (f"{FRIDAY} 21:00", "registered", {}),
        ("2026-09-19 09:00", "replied", {}),
        ("2026-09-19 10:00", "dispatched", {"department": "finance"}),
        ("2026-09-20 10:00", "resolved", {}),
    )
    known = row(ticket)
    hour = 3_600_000
    assert (known["response_ms"], known["resolution_ms"]) == (12 * hour, 37 * hour)
    # Finance has it now: closed until Sunday 09:00.
    assert (known["response_business_ms"], known["resolution_business_ms"]) == (0, hour)
    assert known["arrival"] == "offhours"  # by the centre's own calendar
    counted = [dict(cell.measures) for cell in ticket.count() if "site" in cell.place.sets]
    total = {name: n for measures in counted for name, n in measures.items()}
    assert (total["complaints_calendar"], total["complaints_offhours"]) == (1, 1)
    assert (total["resolved_business"], total["resolution_business_ms"]) == (1, hour)


def test_without_a_calendar_there_is_no_business_time() -> None:
    ticket = told(
        (f"{FRIDAY} 17:00", "registered", {}),
        ("2026-09-19 09:00", "resolved", {}),
        calendar=None,
        departments={},
        tickets={"default": {"resolution_hours": 10}},
    )
    known = row(ticket)
    assert known["due_at"] == at("2026-09-19 03:00")
    assert (known["resolution_business_ms"], known["arrival"]) == (None, "")
    names = {str(name) for cell in ticket.count() for name, _ in cell.measures}
    assert not [name for name in names if "business" in name or "offhours" in name]


@pytest.mark.parametrize(
    ("opened", "expected"),
    [
        ("2026-03-10 09:30", ("consumer", "2027-03-10 09:30")),
        ("2026-03-22 23:59", ("consumer", "2027-03-22 23:59")),
        ("2026-03-23 00:00", None),
        ("2026-05-10 00:00", ("telecom", "2027-05-10 00:00")),
    ],
)
def test_a_sensitive_date_and_its_like_a_year_later(
    opened: str, expected: tuple[str, str] | None
) -> None:
    found = around(USUAL, at(opened), ZONE)
    assert found == (None if expected is None else Sensitive(expected[0], at(expected[1])))


def test_windows_are_laid_over_each_other_by_days_from_the_date() -> None:
    dates = {
        "new_year": SensitiveDate(name=Text(zh="元旦", en="New Year"), day="01-01", days=5),
        "march": SensitiveDate(name=Text(zh="三月", en="March"), day="03-15", days=20),
        "eighth": SensitiveDate(name=Text(zh="三八", en="Eighth"), day="03-08", days=3),
    }
    # Three days before New Year 2026 are three days before New Year 2027.
    assert around(dates, at("2025-12-29 12:00"), ZONE) == ("new_year", at("2026-12-29 12:00"))
    # 15 days before 15 March: in 2024 the 29th of February, in 2025 the 28th.
    assert around(dates, at("2024-02-29 12:00"), ZONE) == ("march", at("2025-02-28 12:00"))
    # Within both windows the nearer date counts.
    assert around(dates, at("2026-03-10 12:00"), ZONE) == ("eighth", at("2027-03-10 12:00"))


def test_a_merged_ticket_is_no_complaint_of_a_sensitive_date() -> None:
    opened: tuple[str, str, dict[str, Any]] = ("2026-03-15 10:00", "registered", {})
    known = row(told(opened))
    assert known["sensitive_date"] == "consumer"
    assert (known["sensitive_at"], known["sensitive_again_at"]) == (
        at("2026-03-15 10:00"),
        at("2027-03-15 10:00"),
    )
    merged = row(told(opened, ("2026-03-15 11:00", "merged", {"merged_into": "u"})))
    assert (merged["sensitive_date"], merged["sensitive_at"]) == ("", None)
