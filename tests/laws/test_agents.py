"""The agents operator: time by state in small examples counted by hand, and what holds of any."""

from __future__ import annotations

import json
import random
from collections import Counter
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.contribution import Measure
from pipeline.decode import DeadLetter, Decoder
from pipeline.entity import EntityKey
from pipeline.operators.agents import Agent
from pipeline.site_rules import default_rules
from schemas.records import LIVE, RecordKind
from schemas.rows import AGENTS_NOW
from tests.laws.driving import engine_on, run
from tests.laws.line import MINUTE, Line
from tests.laws.mood import Mood as Moods
from tests.laws.profile import tried
from tests.laws.scenario import START, Sent, configuration, deliver, encode, iso, morning
from tests.laws.staff import shift
from tests.laws.views import views

S = 1000
DECODER = Decoder()


def report(second: float, state: str, **fields: Any) -> dict[str, Any]:
    """A report on agent li, so many seconds after the start; `since` is in such seconds too."""
    at = START + round(second * S)
    if "since" in fields:
        fields["since"] = iso(START + round(fields["since"] * S))
    content = {
        "event_type": "agent.state",
        "event_id": f"{state}:{second}",
        "site": "demo",
        "source": "switch",
        "occurred_at": iso(at),
        "agent_id": "li",
        "team": "t",
        "state": state,
    }
    return content | fields


class Desk(Line):
    """A line on which reports come in as they are made."""

    def hear(self, *reports: dict[str, Any], domain: str = LIVE) -> None:
        for content in reports:
            at = datetime.fromisoformat(content["occurred_at"]).timestamp() * S
            self.now = max(self.now, round(at))
            self.put(RecordKind.EVENT, encode(content), domain)

    def at(self, second: float) -> None:
        """Let the watermark pass that second, by ticks alone."""
        self.tick(START + round(second * S) + 1)

    def times(self, dims: str = "agent") -> dict[int, dict[Measure, int]]:
        """Ms by measure in each minute after the start."""
        self.flush()
        return {
            (key.minute - START) // MINUTE: dict(row)
            for key, row in sorted(views(self.store).merged("agents").items())
            if key.dims == dims
        }

    def stands(self, id_: str = "li") -> dict[str, Any]:
        """The agent's row, without its revision."""
        self.flush()
        names = [name for name in AGENTS_NOW.columns if name != "revision"]
        return dict(zip(names, views(self.store).entities["agent", "demo", id_], strict=True))


def test_time_is_split_where_a_minute_ends() -> None:
    desk = Desk()
    # 90 s ready, 45 s talking; believed for 60 s, so a heartbeat in between.
    desk.hear(report(0, "ready"), report(50, "ready"), report(90, "talking"))
    desk.hear(report(135, "offline"))
    desk.at(600)
    assert desk.times() == {
        0: {"ready_ms": 60_000},
        1: {"ready_ms": 30_000, "talking_ms": 30_000},
        2: {"talking_ms": 15_000},
    }
    assert desk.times("site") == desk.times("team") == desk.times()


def test_a_minute_counts_once_it_has_passed() -> None:
    desk = Desk()
    desk.hear(report(0, "ready"), report(59, "acw"))
    assert desk.times() == {}
    desk.at(59)
    assert desk.times() == {}
    desk.at(60)
    assert desk.times() == {0: {"ready_ms": 59_000, "wrap_up_ms": 1_000}}


def test_a_lost_heartbeat_is_unknown_by_time_alone() -> None:
    desk = Desk()
    desk.hear(report(0, "ready", queues=["q"]), report(30, "ready", queues=["q"]))
    assert desk.held("agent") == ['["demo","li"]']
    desk.tick(START + 90 * S)  # the 60 s are over, but not passed
    assert desk.stands()["agent_state"] == "ready"
    assert desk.stands()["since"] == START
    desk.at(90)
    assert (desk.stands()["agent_state"], desk.stands()["since"]) == ("unknown", START + 90 * S)
    assert desk.stands()["last_heartbeat"] == START + 30 * S
    desk.at(600)
    assert desk.times() == {0: {"ready_ms": 60_000}, 1: {"ready_ms": 30_000}}
    assert desk.held("agent") == []
    desk.hear(report(700, "ready", queues=["q"]))
    assert desk.stands()["agent_state"] == "ready"


def test_since_moves_the_beginning_back_but_not_over_another_report() -> None:
    desk = Desk()
    desk.hear(report(20, "ready", since=5))
    desk.hear(report(40, "talking", since=31.5))  # a poll that came 8.5 s after the change
    desk.hear(report(50, "acw", since=10))  # he was seen talking at 40: from 50 on
    desk.hear(report(55, "offline"))
    desk.at(600)
    # ready 5 - 31.5, talking 31.5 - 50, after-call work 50 - 55
    assert desk.times() == {0: {"ready_ms": 26_500, "talking_ms": 18_500, "wrap_up_ms": 5_000}}


def test_a_state_that_has_gone_on_closes_the_gap() -> None:
    desk = Desk()
    desk.hear(report(0, "break", reason="lunch"))
    desk.at(300)
    assert desk.stands()["agent_state"] == "unknown"
    assert desk.times("site") == {0: {"break_ms": 60_000}}
    desk.hear(report(300, "break", reason="lunch", since=0), report(310, "offline"))
    desk.at(900)
    lunch = {minute: {"break_ms": 60_000} for minute in range(5)} | {5: {"break_ms": 10_000}}
    assert desk.times("site") == desk.times("reason") == lunch


def test_the_first_report_may_have_held_for_twelve_hours_and_no_more() -> None:
    desk = Desk()
    desk.hear(report(43_230, "ready", since=29), report(43_240, "offline"))
    desk.at(43_400)
    assert desk.site("ready_ms", "agents") == {720: 10_000}
    other = Desk()
    other.hear(report(43_230, "ready", since=30), report(43_240, "offline"))
    other.at(43_400)
    assert sum(other.site("ready_ms", "agents").values()) == 43_210_000


def test_late_and_corrected_reports_revise() -> None:
    desk = Desk()
    desk.hear(report(0, "ready"), report(50, "ready"))
    desk.at(400)
    assert desk.times() == {0: {"ready_ms": 60_000}, 1: {"ready_ms": 50_000}}
    desk.hear(report(20, "talking"))  # told six minutes late
    assert desk.times() == {
        0: {"ready_ms": 30_000, "talking_ms": 30_000},
        1: {"ready_ms": 50_000},
    }
    desk.hear(report(30, "break", corrects="ready:50", event_id="mended"))
    desk.at(800)
    # ready 0 - 20, talking 20 - 30, break 30 - 90
    assert desk.times("site") == {
        0: {"ready_ms": 20_000, "talking_ms": 10_000, "break_ms": 30_000},
        1: {"break_ms": 30_000},
    }


def test_a_word_that_nobody_knows_is_unknown_and_is_shown() -> None:
    desk = Desk()
    desk.hear(report(0, "Gone-Fishing"), report(40, "Wrap-Up"), report(50, "登出"))
    assert desk.stands()["agent_state"] == "offline"
    desk.at(600)
    assert desk.times() == {0: {"unmapped_ms": 40_000, "wrap_up_ms": 10_000}}
    [key] = [k for k in views(desk.store).merged("agents") if k.dims == "reason"]
    assert key.values == ("t", "Gone-Fishing")


def test_each_source_is_believed_as_long_as_the_site_says() -> None:
    desk = Desk()
    desk.put(
        RecordKind.EVENT,
        configuration("demo", START, agent_timeouts={"default_s": 10.0, "sources": {"pbx": 100.0}}),
    )
    desk.hear(report(0, "ready"))
    desk.hear(report(20, "ready", source="pbx"))
    desk.at(600)
    # 10 s of the first, 100 s of the second
    assert desk.times() == {0: {"ready_ms": 50_000}, 1: {"ready_ms": 60_000}}


def test_what_a_file_tells_is_told_apart() -> None:
    desk = Desk()
    desk.hear(report(0, "ready"), report(30, "offline"))
    desk.hear(report(10, "talking"), report(40, "offline", event_id="z"), domain="file:a")
    desk.put(RecordKind.END, domain="file:a")
    desk.at(600)
    assert desk.times() == {0: {"ready_ms": 30_000, "talking_ms": 30_000}}
    assert desk.stands("li\x1ffile:a")["agent_id"] == "li"
    assert desk.stands("li\x1ffile:a")["domain"] == "file:a"


# -- keeping it small ---------------------------------------------------------------------------


def many(count: int) -> list[dict[str, Any]]:
    random_ = random.Random(7)
    states = [random_.choice(["ready", "talking", "ready", "acw"]) for _ in range(count)]
    return [report(17 * number, state) for number, state in enumerate(states)]


def test_what_is_let_go_stays_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, small = Desk(), Desk()
    whole.hear(*many(300))
    monkeypatch.setattr(Agent, "kept", 20)
    small.hear(*many(300))
    [agent] = small.engine.stage1.shards[0].entities.values()
    assert len(agent.steps) <= 20
    for desk in (whole, small):
        desk.at(6_000)
    assert small.times() == whole.times()
    assert small.times("site") == whole.times("site")
    assert small.stands()["since"] == whole.stands()["since"]


def test_what_is_let_go_is_revised_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Agent, "kept", 20)
    desk = Desk()
    desk.hear(*many(100))
    desk.at(2_000)
    before = desk.times()
    desk.hear(report(3, "break"))
    assert desk.times() == before
    [letter] = desk.store.dead_letters.values()
    assert letter.reason == "impossible"
    assert "send it as a file" in letter.detail
    # Nor may what it rests on be taken back.
    agent = desk.engine.stage1.shards[0].entities[EntityKey("agent", "demo", "li")]
    base = min(agent.steps.values())
    desk.hear(report(1_600, "break", corrects=base.event_id))
    assert len(desk.store.dead_letters) == 1
    desk.flush()
    assert len(desk.store.dead_letters) == 2


def test_reports_without_end_in_one_minute_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Agent, "kept", 20)
    desk = Desk()
    desk.hear(*(report(n / 100, "ready") for n in range(100)))
    desk.flush()
    assert len(desk.store.dead_letters) == 20
    assert "reports on agent 'li' came before a minute had passed" in {
        letter.detail.partition(" ")[2].partition(":")[0]
        for letter in desk.store.dead_letters.values()
    }


@tried(30)
@given(seed=st.integers(0, 10**6), cut=st.floats(0, 1), kept=st.sampled_from([8, 600]))
def test_a_restored_agent_goes_on_as_he_was(seed: int, cut: float, kept: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Agent, "kept", kept)
        scenario = morning(seed, calls=0, tickets=0, agents=4)
        records = scenario.records()
        whole = run(records, 2)
        broken = run(records, 2, flush_at=[place := round(cut * len(records))], store=None)
        assert views(broken) == views(whole)
        store = run(records[:place], 2)
        again = run(records, 2, store=store)
        assert views(again) == views(whole)


# -- laws ---------------------------------------------------------------------------------------


def told(reports: list[dict[str, Any]]) -> tuple[Counter[tuple[object, ...]], tuple[Any, ...]]:
    """What an agent counts as who was told these, in this order, when all has passed; his row."""
    agent = Agent("demo", "li", 0, "agent:li", default_rules())
    for number, content in enumerate(reports):
        event = DECODER.decode(encode(content), START + 10**12)
        assert not isinstance(event, DeadLetter), event.detail
        if not agent.refusal(event):
            agent.apply(event, LIVE, number + 1)
        agent.cells = agent.count()
        if number % 3 == 0 and agent.due is not None:
            agent.pass_deadline(agent.due, number + 1)
            agent.cells = agent.count()
    while agent.due is not None:
        agent.pass_deadline(agent.due, 10**6)
        agent.cells = agent.count()
    total: Counter[tuple[object, ...]] = Counter()
    for cell in agent.cells:
        for measure, ms in cell.measures:
            total[cell.minute, cell.place.sets, cell.place.values, measure] += ms
    row = list(agent.row())
    del row[3]  # the revision
    return total, tuple(row)


@tried(60)
@given(seed=st.integers(0, 10**6), order=st.randoms(use_true_random=False))
def test_the_order_of_reports_does_not_matter(seed: int, order: random.Random) -> None:
    random_ = random.Random(seed)
    mood = Moods(duplicate=0.1, correct=0.1, raise_version=0.1, garble=0)
    sent = [
        one
        for content in shift(random_, "li", "demo", START)
        for one in deliver(random_, mood, content, Sent(0, "", LIVE, encode(content)))
    ]
    reports = [dict(json.loads(one.payload)) for one in sent]
    if not reports:
        return
    mixed = list(reports)
    order.shuffle(mixed)
    assert told(mixed) == told(reports)


@tried(30)
@given(seed=st.integers(0, 10**6))
def test_nobody_is_in_two_states_at_once(seed: int) -> None:
    store = run(morning(seed, calls=0, tickets=0, agents=4, files=False).records(), 2)
    for key, row in views(store).merged("agents").items():
        assert all(ms > 0 for ms in row.values())
        if key.dims == "agent":
            assert sum(row.values()) <= MINUTE, key


# -- queues as they stand -----------------------------------------------------------------------


@tried(40)
@given(seed=st.integers(0, 10**6), cut=st.floats(0, 1))
def test_the_gauges_are_those_of_the_open_contacts(seed: int, cut: float) -> None:
    """At any moment, and made anew by a restart they are the same."""
    records = morning(seed, calls=25, tickets=0, agents=0).records()
    records = records[: round(cut * len(records))]
    store = run(records, 2, flush_at=range(0, len(records), 7))
    expected: dict[tuple[str, str], Counter[str]] = {}
    engine = engine_on(store, records, 2)
    for state in engine.stage1.shards.values():
        for contact in state.entities.values():
            for queue, since in set(contact.standing):  # handed on within a queue: one
                counts = expected.setdefault((contact.site, queue), Counter())
                counts["talking" if since is None else "waiting"] += 1
    seen: dict[tuple[str, str], Counter[str]] = {}
    for (site, queue, _), (waiting, talking, oldest) in views(store).queues.items():
        assert waiting >= 0
        assert talking >= 0
        assert (oldest is not None) == (waiting > 0)
        counts = seen.setdefault((site, queue), Counter())
        counts.update(waiting=waiting, talking=talking)
    assert {at: +counts for at, counts in seen.items() if +counts} == expected


def test_a_queue_empties_when_its_contact_is_given_up() -> None:
    line = Line()
    line.tell("call.queued", queue="q")
    line.flush()
    assert views(line.store).queues == {("demo", "q", 0): (1, 0, START)}
    line.tick(START + 120 * MINUTE + 1)
    line.flush()
    assert views(line.store).queues == {("demo", "q", 0): (0, 0, None)}


def test_a_caller_who_is_handed_on_waits_while_the_first_agent_talks_on() -> None:
    line = Line()
    line.tell("call.queued", queue="q")
    line.tell("call.answered", agent_id="a", wait_ms=0)
    line.now += 5_000
    line.tell("call.queued", queue="r")
    line.flush()
    assert views(line.store).queues == {
        ("demo", "q", 0): (0, 1, None),
        ("demo", "r", 0): (1, 0, START + 5_000),
    }
    line.tell("call.ended", agent_id="a", talk_ms=5_000)
    line.tell("call.abandoned", wait_ms=0, phase="queue")
    line.flush()
    assert {row[:2] for row in views(line.store).queues.values()} == {(0, 0)}


def test_a_file_is_not_how_queues_stand_now() -> None:
    line = Line()
    line.tell("call.queued", domain="file:a", queue="q")
    line.flush()
    assert views(line.store).queues == {}
