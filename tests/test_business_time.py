"""Business time: what a calendar's hours make of the time between two instants, and its laws."""

from __future__ import annotations

import doctest
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import business_time
from pipeline.business_time import BusinessTime, CalendarTime
from schemas.calendars import WEEKDAYS, Calendar
from tests.laws.profile import tried

HOUR = 3_600_000
SHANGHAI = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = Calendar.model_validate(
    {"hours": {"mon-fri": ["09:00-12:00", "13:30-18:00"]}, "public_holidays": "china"}
)
ALWAYS = Calendar.model_validate({"hours": {"mon-sun": ["00:00-24:00"]}})


def at(local: str, zone: ZoneInfo = SHANGHAI, fold: int = 0) -> int:
    moment = datetime.fromisoformat(local).replace(tzinfo=zone, fold=fold)
    return round(moment.timestamp() * 1000)


def test_examples() -> None:
    result = doctest.testmod(business_time)
    assert result.attempted > 0
    assert result.failed == 0


def test_the_national_day_week_of_2026() -> None:
    clock = BusinessTime(OFFICE, SHANGHAI)
    # Wednesday 30 September 17:00; off from Thursday 1 to Wednesday 7 October; back on Thursday 8.
    late = at("2026-09-30 17:00")
    assert clock.after(late, HOUR) == at("2026-09-30 18:00")
    assert clock.after(late, HOUR + 1) == at("2026-10-08 09:00") + 1
    # 1 h on the 30th; the 8th and 9th 7.5 h each; Saturday the 10th is worked for the holiday.
    assert clock.elapsed(late, at("2026-10-10 10:00")) == 17 * HOUR
    assert clock.is_open(at("2026-10-10 10:00"))
    assert not clock.is_open(at("2026-10-11 10:00"))
    assert not clock.is_open(at("2026-10-01 10:00"))
    assert not clock.is_open(at("2026-10-08 12:30"))


def test_an_opening_has_its_first_instant_and_not_its_last() -> None:
    clock = BusinessTime(OFFICE, SHANGHAI)
    assert clock.is_open(at("2026-11-02 09:00"))
    assert not clock.is_open(at("2026-11-02 09:00") - 1)
    assert clock.is_open(at("2026-11-02 12:00") - 1)
    assert not clock.is_open(at("2026-11-02 12:00"))


def test_over_the_turn_of_a_year_and_when_a_year_is_not_known() -> None:
    clock = BusinessTime(OFFICE, SHANGHAI)
    # 31 December 2025 is a Wednesday; 1 to 3 January are off, Sunday the 4th is worked.
    assert clock.elapsed(at("2025-12-31 17:00"), at("2026-01-04 10:00")) == 2 * HOUR
    assert clock.after(at("2025-12-31 17:00"), 2 * HOUR) == at("2026-01-04 10:00")
    # No notice is known for 2027: its 1 October, a Friday, counts as one.
    assert clock.is_open(at("2027-10-01 10:00"))


def test_days_on_which_the_clock_is_changed() -> None:
    clock = BusinessTime(ALWAYS, BERLIN)
    # Put forward on 29 March 2026 at 02:00, back on 25 October at 03:00.
    assert clock.elapsed(at("2026-03-29", BERLIN), at("2026-03-30", BERLIN)) == 23 * HOUR
    assert clock.elapsed(at("2026-10-25", BERLIN), at("2026-10-26", BERLIN)) == 25 * HOUR
    night = BusinessTime(
        Calendar.model_validate({"hours": {"sun": ["01:00-02:30", "02:45-05:00"]}}), BERLIN
    )
    # 01:00 to 02:00, where 02:30 and 02:45 are skipped to 03:00; then until 05:00.
    assert night.elapsed(at("2026-03-29", BERLIN), at("2026-03-30", BERLIN)) == 3 * HOUR
    # 02:30 and 02:45 are those of the first time, so the hour that comes twice is open.
    assert night.elapsed(at("2026-10-25", BERLIN), at("2026-10-26", BERLIN)) == round(4.75 * HOUR)
    assert not night.is_open(at("2026-10-25 02:40", BERLIN))
    assert night.is_open(at("2026-10-25 02:40", BERLIN, fold=1))


def test_a_day_that_never_was() -> None:
    # Samoa went from 29 to 31 December 2011.
    apia = ZoneInfo("Pacific/Apia")
    clock = BusinessTime(Calendar.model_validate({"hours": {"fri": ["09:00-17:00"]}}), apia)
    assert clock.elapsed(at("2011-12-29", apia), at("2012-01-01", apia)) == 0


def test_a_deadline_that_never_comes_falls_on_the_end_of_what_is_known() -> None:
    minute_a_week = Calendar.model_validate({"hours": {"mon": ["09:00-09:01"]}})
    clock = BusinessTime(minute_a_week, ZoneInfo("UTC"))
    end = at("2200-01-01", ZoneInfo("UTC"))
    assert clock.after(at("2026-01-01"), 10_000 * HOUR) == end
    assert clock.after(end + 5, HOUR) == end + 5
    assert clock.elapsed(end, end + HOUR) == 0


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    hours = {}
    for day in draw(st.lists(st.sampled_from(WEEKDAYS), min_size=1, unique=True)):
        times = draw(st.lists(st.integers(0, 96), min_size=2, max_size=6, unique=True))
        edges = [f"{t // 4:02}:{t % 4 * 15:02}" for t in sorted(times[: len(times) // 2 * 2])]
        hours[day] = [f"{a}-{b}" for a, b in zip(edges[::2], edges[1::2], strict=True)]
    public = draw(st.sampled_from(["china", None]))
    content = {"hours": hours, "make_up_as": next(iter(hours)), "public_holidays": public}
    return Calendar.model_validate(content)


ZONES = st.sampled_from(
    ["Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]
).map(ZoneInfo)
CLOCKS = st.builds(BusinessTime, calendars(), ZONES)
INSTANTS = st.integers(at("2023-06-01"), at("2027-06-01"))
DURATIONS = st.integers(0, 400 * HOUR)


@tried(100)
@given(CLOCKS, st.lists(INSTANTS, min_size=3, max_size=3).map(sorted))
def test_business_time_adds_up_and_never_exceeds_calendar_time(
    clock: BusinessTime, moments: list[int]
) -> None:
    a, b, c = moments
    assert clock.elapsed(a, b) + clock.elapsed(b, c) == clock.elapsed(a, c)
    assert 0 <= clock.elapsed(a, b) <= b - a
    assert clock.elapsed(b, a) == 0 or a == b


@tried(100)
@given(CLOCKS, INSTANTS, DURATIONS, DURATIONS)
def test_deadline_and_duration_are_inverse(
    clock: BusinessTime, start: int, one: int, other: int
) -> None:
    due = clock.after(start, one)
    assert clock.elapsed(start, due) == one
    assert due >= start
    # The first such instant: one millisecond earlier less had counted.
    assert one == 0 or clock.elapsed(start, due - 1) == one - 1
    assert clock.after(due, other) == clock.after(start, one + other) or other == 0
    assert (clock.after(start, one) <= clock.after(start, other)) == (one <= other) or one == other


@tried(100)
@given(CLOCKS, INSTANTS)
def test_a_millisecond_counts_where_the_calendar_is_open(clock: BusinessTime, moment: int) -> None:
    assert clock.elapsed(moment, moment + 1) == int(clock.is_open(moment))


@tried(100)
@given(ZONES, INSTANTS, INSTANTS, DURATIONS)
def test_always_open_is_calendar_time(zone: ZoneInfo, a: int, b: int, duration: int) -> None:
    clock, calendar = BusinessTime(ALWAYS, zone), CalendarTime()
    assert clock.elapsed(a, b) == calendar.elapsed(a, b)
    assert clock.after(a, duration) == calendar.after(a, duration)
    assert clock.is_open(a)


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "Europe/Berlin"])
@tried(100)
@given(moment=st.integers(at("2026-01-01") // 60_000, at("2026-12-31") // 60_000))
def test_open_is_what_the_wall_clock_says(zone: str, moment: int) -> None:
    """Read the other way: from the instant to the local time, away from clock changes."""
    local = datetime.fromtimestamp(moment * 60, ZoneInfo(zone))
    minute = local.hour * 60 + local.minute
    expected = any(first <= minute < last for first, last in OFFICE.on(local.date()))
    assert BusinessTime(OFFICE, ZoneInfo(zone)).is_open(moment * 60_000) == expected
