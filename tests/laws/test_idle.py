"""Law 5: an idle key closes on ticks alone, and nothing that has passed is kept."""

from __future__ import annotations

import json

from schemas.records import LIVE, RecordKind
from tests.laws.line import MINUTE, Line
from tests.laws.scenario import START, encode, event
from tests.laws.views import views

THRESHOLD_MS = 20_000
WAITING_MS = 120 * MINUTE  # the defaults of schemas/site.py
TALKING_MS = 720 * MINUTE


def test_waiting_too_long_counts_when_the_watermark_has_passed_it() -> None:
    line = Line()
    line.tell("call.queued", queue="q")
    line.tick(START + THRESHOLD_MS)  # reached, not passed: an answer now would be in time
    assert line.site("sl_offered") == {}
    line.tick(START + THRESHOLD_MS + 1)
    assert line.site("sl_offered") == {0: 1}


def test_a_contact_that_is_heard_of_no_more_is_given_up() -> None:
    line = Line()
    line.tell("call.queued", queue="q")
    assert line.held("contact") == ['["demo","c"]']
    line.tick(START + WAITING_MS)
    assert line.outcome() == "waiting"
    line.tick(START + WAITING_MS + 1)
    assert line.outcome() == "expired"
    assert line.held("contact") == []


def test_a_talk_that_never_ends_is_given_up_and_counts_as_talking() -> None:
    line = Line()
    line.tell("call.queued", queue="q")
    line.tell("call.answered", agent_id="a", wait_ms=0)
    line.tick(START + TALKING_MS + 1)
    assert line.outcome() == "talking"
    assert line.held("contact") == []


def test_a_given_up_contact_that_is_heard_of_again_goes_on() -> None:
    line = Line()
    line.tell("call.queued", queue="q")
    line.tick(START + WAITING_MS + 1)
    line.tell("call.answered", agent_id="a", wait_ms=5_000)
    line.tell("call.ended", talk_ms=1_000)
    assert line.outcome() == "handled"
    assert line.site("answered_in_threshold") == {120: 1}
    assert sum(line.site("sl_offered").values()) == 1


def test_the_timer_of_a_late_event_fires_at_the_next_tick() -> None:
    line = Line()
    line.tick(START + 10 * MINUTE)
    content = event("call.queued", START, "late", queue="q")
    line.put(RecordKind.EVENT, encode(content))
    assert line.site("sl_offered") == {}
    line.tick(START + 10 * MINUTE + 1)
    assert line.site("sl_offered") == {0: 1}


def test_the_end_of_a_file_fires_all_its_timers() -> None:
    line = Line()
    line.tell("call.queued", domain="file:a", queue="q")
    line.put(RecordKind.END, domain="file:a")
    assert line.outcome() == "expired"
    assert line.site("sl_offered") == {0: 1}
    assert line.held("contact") == []


def test_events_after_the_end_of_their_file_count_and_a_second_end_closes_them() -> None:
    line = Line()
    line.tell("call.queued", domain="file:a", queue="q")
    line.put(RecordKind.END, domain="file:a")
    line.tell("call.queued", contact_id="d", domain="file:a", queue="q")
    assert line.site("offered") == {0: 2}
    assert line.outcome("d") == "waiting"
    line.put(RecordKind.END, domain="file:a")
    assert line.outcome("d") == "expired"
    assert line.held("contact") == []


def test_a_second_end_changes_nothing() -> None:
    line = Line()
    line.tell("call.queued", domain="file:a", queue="q")
    line.put(RecordKind.END, domain="file:a")
    line.flush()
    before = views(line.store)
    line.put(RecordKind.END, domain="file:a")
    line.flush()
    after = views(line.store)
    assert (after.rows, after.entities, after.transitions) == (
        before.rows,
        before.entities,
        before.transitions,
    )


def test_nothing_grows_with_what_has_passed() -> None:
    """After a day of calls and a day of silence, the state is that of a line that just began."""
    line = Line()
    line.tick(START)
    line.flush()
    at_first = set(line.store.checkpoint)
    for number in range(300):
        line.now = START + number * 5 * MINUTE
        line.tell("call.queued", contact_id=f"c{number}", queue=f"q{number}")
        if number % 3:
            line.tell("call.answered", contact_id=f"c{number}", agent_id="a", wait_ms=0)
        if number % 50 == 0:
            line.tell("call.queued", contact_id=f"f{number}", domain=f"file:{number}", queue="q")
            line.put(RecordKind.END, domain=f"file:{number}")
        line.flush()
    line.tick(line.now + 24 * 60 * MINUTE)
    line.flush()
    line.tick(line.now + MINUTE)
    line.flush()
    kept = set(line.store.checkpoint) - at_first
    assert kept == {(65_535, "stage2", '["demo", "live"]')}
    view = json.loads(line.store.checkpoint[next(iter(kept))].state or "")
    assert (view["rows"], view["waiting"], view["rules"], view["alerts"]) == ([], [], {}, {})
    state = line.engine.stage1.shards[0]
    assert state.timeline.watermarks.keys() == {LIVE}
    assert not state.rows.pending
    assert not any(state.rows.hot.values())
    assert state.timeline.waiting == 0
