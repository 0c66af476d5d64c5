"""Calendars as they are written, and China's public days as the State Council set them."""

from __future__ import annotations

from datetime import date

import pytest

from schemas.calendars import Calendar, unnamed_years
from schemas.holidays import PUBLIC

CHINA = PUBLIC["china"]


def test_the_days_off_of_each_year_in_china() -> None:
    """As the notices count them; weekends that adjoin a single day are not named in them."""
    off = {year: sum(day.year == year for day in CHINA.holidays) for year in (2024, 2025, 2026)}
    # 2024: New Year 1, Spring Festival 8, Qingming 3, May 5, Dragon Boat 1, Mid-Autumn 3,
    # National Day 7. 2025: 1, 8, 3, 5, 3, and 8 for both. 2026: 3, 9, 3, 5, 3, 3, 7.
    assert off == {2024: 28, 2025: 28, 2026: 33}


def test_make_up_days_are_weekend_days_and_no_holidays() -> None:
    assert all(day.weekday() >= 5 for day in CHINA.make_up_days)
    assert not CHINA.make_up_days & CHINA.holidays
    worked = {y: sum(day.year == y for day in CHINA.make_up_days) for y in (2024, 2025, 2026)}
    assert worked == {2024: 8, 2025: 5, 2026: 6}


def test_no_working_day_is_given_without_one_taken() -> None:
    """A weekday off beyond the statutory days is paid for by a weekend day worked.

    Statutory days: 11 a year until 2024, 13 since (国务院令第795号); those that fall on a weekend
    are compensated by a weekday. Weekdays off − make-up days = statutory days.
    """
    for year, statutory in ((2024, 11), (2025, 13), (2026, 13)):
        weekdays = sum(day.year == year and day.weekday() < 5 for day in CHINA.holidays)
        assert weekdays - sum(day.year == year for day in CHINA.make_up_days) == statutory


def test_a_date_is_what_its_own_list_says_else_its_country_else_its_weekday() -> None:
    calendar = Calendar.model_validate(
        {
            "hours": {"mon-fri": ["13:30-18:00", "9:00-12:00"], "sat": ["10:00-24:00"]},
            "public_holidays": "china",
            "holidays": ["2026-03-16", "2026-02-14"],
            "make_up_days": ["2026-10-07"],
            "make_up_as": "tue",
        }
    )
    usual = ((540, 720), (810, 1080))
    assert calendar.on(date(2026, 11, 2)) == usual
    assert calendar.on(date(2026, 11, 7)) == ((600, 1440),)
    assert calendar.on(date(2026, 11, 8)) == ()
    assert calendar.on(date(2026, 3, 16)) == ()
    assert calendar.on(date(2026, 2, 14)) == ()  # the country works on it
    assert calendar.on(date(2026, 2, 28)) == usual
    assert calendar.on(date(2026, 10, 7)) == usual  # the country does not
    assert calendar.on(date(2026, 10, 6)) == ()


def test_what_enters_the_log_says_every_date_by_itself() -> None:
    calendar = Calendar.model_validate(
        {"hours": {"mon-fri": ["09:00-18:00"]}, "public_holidays": "china"}
    )
    content = calendar.model_dump_json()
    assert '"2026-10-10"' in content
    assert "china" not in content
    assert Calendar.model_validate_json(content) == calendar


def test_years_that_a_calendar_does_not_name() -> None:
    china = Calendar.model_validate(
        {"hours": {"mon-fri": ["09:00-18:00"]}, "public_holidays": "china"}
    )
    always = Calendar.model_validate({"hours": {"mon-sun": ["00:00-24:00"]}})
    assert [*unnamed_years(china, date(2026, 11, 20), date(2026, 12, 20))] == []
    assert [*unnamed_years(china, date(2026, 12, 1), date(2027, 1, 1))] == [2027]
    assert [*unnamed_years(china, date(2023, 12, 31), date(2024, 1, 1))] == [2023]
    assert [*unnamed_years(always, date(2026, 12, 1), date(2027, 1, 1))] == []


@pytest.mark.parametrize("day", ["2026-02-30", 20261001, True, "soon", "1931-05-01"])
def test_what_is_no_date_is_refused(day: object) -> None:
    with pytest.raises(ValueError, match="holidays"):
        Calendar.model_validate({"hours": {"mon": ["09:00-18:00"]}, "holidays": [day]})
