"""Law 6: bad bytes become dead letters and never raise, through the whole engine."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pipeline.entity import EntityKey
from schemas.events import EVENT_TYPES
from schemas.records import LIVE, LogRecord, RecordKind
from tests.laws.driving import run
from tests.laws.profile import tried
from tests.laws.scenario import START, encode, event
from tests.laws.views import views

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
names = st.sampled_from(
    [
        *("event_id", "event_type", "site", "source", "occurred_at", "contact_id", "queue"),
        *("version", "corrects", "wait_ms", "customer_id", "content", "content_hash", "who"),
    ]
)


@st.composite
def nearly_events(draw: st.DrawFn) -> bytes:
    """An event with some fields replaced, left out or cut off."""
    kind = draw(st.sampled_from(sorted(EVENT_TYPES)))
    content: dict[str, Any] = event(kind, START, "c1", queue="q", wait_ms=5, agent_id="a", who="w")
    content |= draw(st.dictionaries(names, anything, max_size=3))
    for name in draw(st.lists(names, max_size=1)):
        content.pop(name, None)
    payload = json.dumps(content, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")
    return payload[: draw(st.integers(0, len(payload) * 4))]


payloads = st.lists(st.binary(max_size=60) | nearly_events(), min_size=1, max_size=25)


@tried(150)
@given(payloads=payloads, flush_at=st.integers(0, 25))
def test_any_bytes_are_kept_and_are_an_event_or_a_dead_letter(
    payloads: list[bytes], flush_at: int
) -> None:
    good = encode(event("call.queued", START, "good", queue="q"))
    records = [
        LogRecord(0, offset, RecordKind.EVENT, START + offset, LIVE, "s", payload)
        for offset, payload in enumerate([*payloads, good])
    ]
    end = LogRecord(0, len(records), RecordKind.TICK, START + 10**9, LIVE, "", b"")
    store = run([*records, end], 1, flush_at=[flush_at])
    kept = {row.offset: row.payload for row in store.raw.values() if row.kind == RecordKind.EVENT}
    assert kept == {record.offset: record.payload for record in records}
    letters = {letter.offset for letter in store.dead_letters.values()}
    assert len(store.dead_letters) == len(letters)
    sums = views(store).intake("events", "rejected", "duplicates")
    of = {
        measure: sum(n for key, n in sums.items() if key[1] == "site" and key[3] == measure)
        for measure in ("events", "rejected", "duplicates")
    }
    assert of["events"] == len(records)
    assert of["rejected"] == len(letters)
    events = {row.offset for row in store.raw.values() if row.event_id}
    assert events | letters >= set(kept)
    assert EntityKey("contact", "demo", "good") in store.entities


@tried(60)
@given(payload=st.binary(max_size=40))
def test_what_is_no_json_is_one_dead_letter(payload: bytes) -> None:
    try:
        json.loads(payload)
    except ValueError:
        record = LogRecord(0, 0, RecordKind.EVENT, START, LIVE, "s", payload)
        store = run([record], 1)
        assert [letter.payload for letter in store.dead_letters.values()] == [payload]
        assert [row.payload for row in store.raw.values()] == [payload]
