"""How far each live source has told: from a log's lines to the rows of `sources_heard`."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from pipeline.operators.sources import HEARTBEAT, KEPT, Sources
from tests.laws.line import Line
from tests.laws.scenario import START
from tests.laws.views import views


def test_a_heartbeat_is_a_sign_of_life_and_no_news() -> None:
    line = Line()
    line.tell(HEARTBEAT)
    line.flush()
    [(at, heard)] = views(line.store).sources.items()
    assert heard == (None, START)
    line.now += 5_000
    line.tell("call.queued", queue="q")
    line.now += 5_000
    line.tell(HEARTBEAT)
    line.flush()
    assert views(line.store).sources == {at: (START + 5_000, START + 10_000)}


def test_a_file_says_nothing_of_how_fresh_its_source_is() -> None:
    line = Line()
    line.tell("call.queued", domain="file:a", queue="q")
    line.flush()
    assert views(line.store).sources == {}


_EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["s", "t"]),
        st.sampled_from(["pbx", "crm"]),
        st.sampled_from(["call.queued", HEARTBEAT]),
        st.integers(0, 100),
        st.integers(0, 100),
    ),
    max_size=30,
)


def stood(sources: Sources, revision: int) -> dict[tuple[str, str], tuple[int | None, int]]:
    rows = sources.changed(revision)
    return {(row.site, row.source): (row.newest_event_at, row.heard_at) for row in rows}


@given(events=_EVENTS, cut=st.integers(0, 30), flushes=st.sets(st.integers(0, 30)))
def test_the_newest_of_each_source_whatever_the_order_cuts_and_flushes(
    events: list[tuple[str, str, str, int, int]], cut: int, flushes: set[int]
) -> None:
    sources = Sources(3)
    rows: dict[tuple[str, str], tuple[int | None, int]] = {}
    for number, event in enumerate(events):
        if number == cut:
            rows |= stood(sources, number)
            held = json.loads(json.dumps(sources.snapshot()))
            sources = Sources(3)
            sources.restore(held)
        sources.hear(*event)
        if number in flushes:
            rows |= stood(sources, number)
            sources.settled()
    rows |= stood(sources, len(events))
    expected: dict[tuple[str, str], tuple[int | None, int]] = {}
    for at in {event[:2] for event in events}:
        own = [event for event in events if event[:2] == at]
        news = [occurred for *_, kind, occurred, _ in own if kind != HEARTBEAT]
        expected[at] = (max(news, default=None), max(ingest for *_, ingest in own))
    assert rows == expected
    assert [(*at, *heard) for at, heard in sorted(expected.items())] == sources.snapshot()


def test_of_too_many_sources_the_one_silent_for_longest_is_forgotten() -> None:
    sources = Sources(0)
    for number in range(KEPT + 1):
        sources.hear("s", f"{number:04}", "call.queued", number, number)
    assert [row[1] for row in sources.snapshot()] == [f"{n:04}" for n in range(1, KEPT + 1)]
    assert len(list(sources.changed(1))) == KEPT + 1  # its row is written all the same
