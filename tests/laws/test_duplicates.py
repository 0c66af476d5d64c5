"""The same event again changes nothing but the intake counts; a higher version replaces."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import dedupe
from pipeline.runtimes import engine
from schemas.records import LIVE, LogRecord, RecordKind
from tests.laws.driving import run
from tests.laws.mood import Mood
from tests.laws.profile import tried
from tests.laws.scenario import START, Scenario, Sent, configuration, encode, event, morning
from tests.laws.views import Views, views

SHARDS = 2
GARBLED_NEVER = replace(Mood(), garble=0, duplicate=0)
seeds = st.integers(0, 10**6)


def counted(seen: Views) -> tuple[object, ...]:
    """All that an event counts as, intake excepted."""
    chains = seen.merged("contact_chains"), seen.merged("complaint_chains")
    return seen.merged(), chains, seen.entities, seen.callers, seen.histories, seen.transitions


@pytest.fixture(params=["all in memory", "little in memory", "next to nothing in memory"])
def _memory(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    bounds = {"all": (dedupe.WINDOW_MS, dedupe.MAX_IDS), "little": (60_000, 20), "next": (1, 2)}
    window_ms, most = bounds[request.param.split()[0]]
    for module in (dedupe, engine):
        monkeypatch.setattr(module, "WINDOW_MS", window_ms)
        monkeypatch.setattr(module, "MAX_IDS", most)


@pytest.mark.usefixtures("_memory")
@tried(15)
@given(seed=seeds, calls=st.integers(1, 20), again=seeds)
def test_an_event_sent_again_changes_nothing(seed: int, calls: int, again: int) -> None:
    """At once, after a minute, after 20 minutes, hours later, from another file."""
    once = morning(seed, calls=calls, mood=GARBLED_NEVER)
    random_ = random.Random(again)
    sent = list(once.sent)
    for one in once.sent:
        if random_.random() < 0.3:
            delay = random_.choice([0, 60_000, 1_200_000, 10_000_000])
            domain = random_.choice([one.domain, "file:again"])
            sent.append(one._replace(at=one.at + delay, domain=domain))
    sent.sort(key=lambda one: one.at)
    more = replace(once, sent=tuple(sent))
    records = more.records()
    flush_at = random_.sample(range(len(records)), k=min(20, len(records)))
    twice = views(run(records, SHARDS, flush_at=flush_at))
    assert counted(twice) == counted(views(run(once.records(), SHARDS)))
    assert sum(twice.intake("duplicates").values()) >= 2 * (len(sent) - len(once.sent))


@pytest.mark.usefixtures("_memory")
@tried(15)
@given(seed=seeds, calls=st.integers(1, 20))
def test_everything_again_a_week_later_changes_nothing(seed: int, calls: int) -> None:
    once = morning(seed, calls=calls, mood=GARBLED_NEVER)
    records = once.records()
    assert records
    week = records[-1].ingest_ms + 7 * 24 * 3_600_000
    copies = [Sent(week + n, s.subject, "file:again", s.payload) for n, s in enumerate(once.sent)]
    offsets = [sum(r.shard == shard for r in records) for shard in range(SHARDS)]

    def later(*sent: Sent) -> list[LogRecord]:
        """What comes a week later: a file, and time passes, in which tickets grow old."""
        everywhere = ((week + 9_000_000, RecordKind.END, "file:again", b""),)
        file = Scenario(sent, (week + 10_000_000,), everywhere=everywhere)
        return [r._replace(offset=r.offset + offsets[r.shard]) for r in file.records()]

    again = later(*copies)
    store = run(records, SHARDS)
    # A new process: it knows of the first time from the store alone.
    run([*records, *again], SHARDS, store=store, flush_at=[len(records) + len(again) // 2])
    assert counted(views(store)) == counted(views(run([*records, *later()], SHARDS)))


def test_a_higher_version_replaces_and_a_lower_one_does_not() -> None:
    def told(version: int, queue: str, at: int) -> Sent:
        content = event("call.queued", START, "c", queue=queue, event_id="e", version=version)
        return Sent(at, "contact:c", LIVE, encode(content))

    sent = (
        told(1, "first", START),
        told(3, "third", START + 1000),
        told(2, "second", START + 2000),
        told(3, "third again", START + 3000),
    )
    seen = views(run(Scenario(sent, (START + 10_000,), shards=1).records(), 1))
    queues = {
        key.values: row["offered"] for key, row in seen.merged().items() if key.dims == "queue"
    }
    assert queues == {("third",): 1}
    assert sum(seen.intake("duplicates").values()) == 2 * 2  # two events, in two sets each


def test_a_late_copy_does_not_hide_a_higher_version_from_a_restarted_process() -> None:
    """Memory begins 15 minutes before the last record: with the copy, without the third version."""
    hour = 3_600_000

    def told(version: int, at: int) -> Sent:
        queue = ("first", "second", "third")[version - 1]
        content = event("call.queued", START, "c", queue=queue, event_id="e", version=version)
        return Sent(at, "contact:c", LIVE, encode(content))

    sent = (told(3, START), told(1, START + hour), told(2, START + hour + 60_000))
    records = Scenario(sent, (), shards=1).records()
    store = run(records[:2], 1)
    seen = views(run(records, 1, store=store))
    queues = {key.values for key in seen.merged() if key.dims == "queue"}
    assert queues == {("third",)}
    assert sum(seen.intake("duplicates").values()) == 2 * 2  # two events, in two sets each


@pytest.mark.usefixtures("_memory")
@tried(10)
@given(seed=seeds, calls=st.integers(1, 15))
def test_two_sites_may_give_the_same_ids(seed: int, calls: int) -> None:
    """Everything happens at a twin of the site too, under the same ids, a moment later."""
    scenario = morning(seed, calls=calls, configs=False, mood=replace(Mood(), garble=0))
    alone = replace(scenario, sent=tuple(one for one in scenario.sent if site_of(one) == "demo"))
    twins = [
        one._replace(at=one.at + later, payload=encode(json.loads(one.payload) | {"site": site}))
        for one in alone.sent
        for site, later in (("demo", 0), ("twin", 1))
    ]
    both = replace(alone, sent=tuple(sorted(twins, key=lambda one: one.at)))
    records = both.records()
    flush_at = random.Random(seed).sample(range(len(records)), k=min(10, len(records)))
    seen = views(run(records, SHARDS, flush_at=flush_at)).merged()
    expected = views(run(alone.records(), SHARDS)).merged()
    assert {key: row for key, row in seen.items() if key.site == "demo"} == expected
    as_demo = {key._replace(site="demo"): row for key, row in seen.items() if key.site == "twin"}
    assert as_demo == expected


def site_of(sent: Sent) -> str:
    """Where a delivery happened."""
    site: str = json.loads(sent.payload)["site"]
    return site


@pytest.mark.usefixtures("_memory")
@pytest.mark.parametrize("sent_again_after", [1000, 7_000_000])
def test_a_refused_event_does_not_stand_in_the_way_of_one_with_its_id(
    sent_again_after: int,
) -> None:
    wrong = json.loads(configuration("demo", START)) | {"event_id": "e", "content_hash": "0" * 64}
    right = event("call.queued", START, "c", queue="q", event_id="e")
    sent = (
        Sent(START, "contact:c", LIVE, encode(wrong)),
        Sent(START + sent_again_after, "contact:c", LIVE, encode(right)),
        Sent(START + sent_again_after + 1000, "contact:c", LIVE, encode(right)),
    )
    records = Scenario(sent, (START + 1, START + sent_again_after + 1), shards=1).records()
    seen = views(run(records, 1, flush_at=range(len(records))))
    assert sum(row["offered"] for key, row in seen.merged().items() if key.dims == "site") == 1
    counted = seen.intake("events", "rejected", "duplicates")
    by_measure = {key[-1]: n for key, n in counted.items() if key[1] == "site"}
    assert by_measure == {"events": 3, "rejected": 1, "duplicates": 1}


@pytest.mark.usefixtures("_memory")
@pytest.mark.parametrize("later", [500, 60_000, 7_000_000])
@pytest.mark.parametrize("types", [("call.queued", "call.queued"), ("call.queued", "kb.lookup")])
def test_a_higher_version_that_tells_of_another_contact_leaves_the_first(
    later: int, types: tuple[str, str]
) -> None:
    sent = [
        Sent(START + later * version, "customer:k", LIVE, encode(content))
        for version, (event_type, contact_id) in enumerate(
            [(types[0], "a"), (types[1], "b"), (types[0], "c")]
        )
        for content in [
            event(event_type, START, contact_id, queue="q", customer_id="k")
            | {"event_id": "e", "version": version}
        ]
    ]
    ring = event("call.ringing", START + 1000, "b", customer_id="k")
    sent.append(Sent(START + 3 * later, "customer:k", LIVE, encode(ring)))
    ticks = tuple(START + later * n + 100 for n in range(4))
    second = (2, 1, "b") if types[1] == "call.queued" else (2, 0, "")
    for count, offered, contacts in [(1, 1, "a"), second, (3, 1, "c"), (4, 1, "bc")]:
        records = Scenario(tuple(sent[:count]), ticks, shards=1).records()
        for flush_at in (range(len(records)), ()):
            seen = views(run(records, 1, flush_at=flush_at))
            assert {key[2] for key in seen.entities} == set(contacts)
            site = [row for key, row in seen.merged().items() if key.dims == "site"]
            assert sum(row["offered"] for row in site) == offered
            assert sum(row["callers"] for row in site) == bool(contacts)
            assert sum(row["contacts"] for row in site) == len(contacts)


@tried(100)
@given(
    events=st.lists(
        st.tuples(st.integers(0, 12), st.integers(0, 40_000), st.integers(-9_000, 3_000)),
        max_size=60,
    ),
    window_ms=st.integers(1, 20_000),
    most=st.integers(1, 10),
)
def test_memory_never_misses_a_duplicate(
    events: list[tuple[int, int, int]], window_ms: int, most: int
) -> None:
    """Where memory does not ask the store, it knows every id that came before."""
    skew_ms = 3_000
    recent = dedupe.RecentIds(skew_ms)
    happened: dict[str, int] = {}
    seen: set[str] = set()
    now = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dedupe, "WINDOW_MS", window_ms)
        patch.setattr(dedupe, "MAX_IDS", most)
        for number, pause, ahead in events:
            now += pause
            event_id = f"e{number}"
            # One id, one event time, never further ahead of its first arrival than is allowed.
            occurred = happened.setdefault(event_id, now + ahead)
            if occurred > now + skew_ms:
                continue
            if not recent.must_ask(occurred):
                assert (recent.version("demo", event_id) is not None) == (event_id in seen)
            recent.add(("demo", event_id), 0, now)
            seen.add(event_id)
            recent.forget(now)
            assert len(recent) <= most


def _renumbered(records: list[LogRecord]) -> list[LogRecord]:
    """The same records as a log of their own."""
    offsets = [0] * SHARDS
    anew = []
    for record in records:
        anew.append(record._replace(offset=offsets[record.shard]))
        offsets[record.shard] += 1
    return anew


@tried(40)
@given(seed=seeds, calls=st.integers(1, 20), cut=st.floats(0, 1), overlap=st.integers(0, 60))
def test_a_lost_log_loses_no_more_than_what_was_not_stored(
    seed: int, calls: int, cut: float, overlap: int
) -> None:
    """The log is gone, the store is not: sources send again, from before it was lost."""
    records = morning(seed, calls=calls, mood=replace(Mood(), garble=0)).records()
    lost_at = round(cut * len(records))
    store = run(records[:lost_at], SHARDS, flush_at=[lost_at // 2], identity="first")
    sent_again = _renumbered(records[max(0, lost_at - overlap) :])
    half = len(sent_again) // 2
    run(sent_again[:half], SHARDS, store=store, identity="second")
    run(sent_again, SHARDS, store=store, identity="second")
    assert counted(views(store)) == counted(views(run(records, SHARDS)))
