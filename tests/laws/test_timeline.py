"""Watermarks and timers: the worked example of the module, and its promises one by one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.timeline import BEGIN_OF_TIME, END_OF_TIME, Timeline, Timer, minute_of
from schemas.records import LIVE
from tests.laws.profile import tried

TEN = 36_000_000  # 10:00:00 of the first day of 1970, as epoch ms
LATENESS_MS = 2_000


def test_the_worked_example() -> None:
    timeline = Timeline()
    table = [(5, 3), (4, 3), (9, 7), (6, 7)]  # seconds after ten: event time, watermark after
    for event_s, after_s in table:
        timeline.advance(LIVE, TEN + event_s * 1000 - LATENESS_MS)
        assert timeline.watermark(LIVE) == TEN + after_s * 1000


def test_a_watermark_never_goes_back() -> None:
    timeline = Timeline()
    assert timeline.watermark(LIVE) == BEGIN_OF_TIME
    assert timeline.advance(LIVE, 10)
    assert not timeline.advance(LIVE, 10)
    assert not timeline.advance(LIVE, 9)
    assert timeline.watermark(LIVE) == 10


def test_domains_do_not_touch_each_other() -> None:
    timeline = Timeline()
    timeline.advance(LIVE, 1_000)
    timeline.set_timer("file:a", Timer(500, "s", "k", "contact"))
    assert timeline.next_due(LIVE) is None
    assert timeline.next_due("file:a") is None
    timeline.advance("file:a", 501)
    assert timeline.next_due("file:a") == Timer(500, "s", "k", "contact")


def test_a_timer_is_due_when_its_time_has_passed_not_when_it_is_reached() -> None:
    timeline = Timeline()
    timeline.set_timer(LIVE, Timer(500, "s", "k", "contact"))
    timeline.advance(LIVE, 500)
    assert timeline.next_due(LIVE) is None
    timeline.advance(LIVE, 501)
    assert timeline.next_due(LIVE) == Timer(500, "s", "k", "contact")
    assert timeline.next_due(LIVE) is None


@tried(50)
@given(due=st.lists(st.tuples(st.integers(0, 50), st.sampled_from("ab")), max_size=30))
def test_timers_fire_in_due_order_whatever_order_they_were_set_in(
    due: list[tuple[int, str]],
) -> None:
    timeline = Timeline()
    for at, key in due:
        timeline.set_timer(LIVE, Timer(at, "s", key, "contact"))
    fired = []
    for now in (10, 30, END_OF_TIME):
        timeline.advance(LIVE, now)
        while (timer := timeline.next_due(LIVE)) is not None:
            assert timer.due < now
            fired.append((timer.due, timer.id))
    assert fired == sorted(due)


def test_a_closed_domain_is_forgotten() -> None:
    timeline = Timeline()
    timeline.set_timer("file:a", Timer(500, "s", "k", "contact"))
    timeline.advance("file:a", END_OF_TIME)
    timeline.close("file:a")
    assert timeline.watermarks == {}
    assert timeline.waiting == 0


def test_minutes_are_half_open_and_aligned_to_the_epoch() -> None:
    assert minute_of(TEN) == TEN
    assert minute_of(TEN + 59_999) == TEN
    assert minute_of(TEN + 60_000) == TEN + 60_000
    assert minute_of(-1) == -60_000
