"""What the rows say is what the contacts and callers beside them add up to."""

from __future__ import annotations

import json
from collections import Counter
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from pipeline.operators.callers import local_day
from pipeline.sinks.memory import MemoryStore
from schemas.rows import CONTACTS
from tests.laws.driving import run
from tests.laws.profile import tried
from tests.laws.scenario import morning
from tests.laws.views import views

SHARDS = 2
SHANGHAI, NOWHERE = ZoneInfo("Asia/Shanghai"), ZoneInfo("UTC")  # with a configuration, without


def facts(store: MemoryStore) -> list[dict[str, object]]:
    """The contacts' columns by name, with the zone that each began under."""
    rows = []
    for key, (stored, row) in store.entities.items():
        if key.family != "contact":
            continue
        version = json.loads(stored.state)[2]
        named: dict[str, object] = dict(zip(CONTACTS.columns, row, strict=True))
        if not named["events"]:
            continue
        rows.append(named | {"zone": SHANGHAI if version else NOWHERE})
    return rows


@tried(60)
@given(seed=st.integers(0, 10**6), calls=st.integers(1, 30))
def test_rows_add_up_to_the_contacts(seed: int, calls: int) -> None:
    store = run(morning(seed, calls=calls).records(), SHARDS)
    contacts = facts(store)
    total: Counter[object] = Counter()
    for key, row in views(store).merged().items():
        if key.dims == "site":
            total.update(row)
    outcomes = Counter(contact["outcome"] for contact in contacts)
    assert total["contacts"] == len(contacts)
    assert total["answered"] == outcomes["handled"] + outcomes["talking"]
    assert total["abandoned"] == outcomes["abandoned"]
    assert total["flow_out"] == outcomes["flow_out"]
    assert total["sl_offered"] == total["offered"]  # every threshold has passed by now
    assert not sum(int(str(contact["open"])) for contact in contacts)


@tried(60)
@given(seed=st.integers(0, 10**6), calls=st.integers(1, 30))
def test_each_caller_counts_once_a_day(seed: int, calls: int) -> None:
    store = run(morning(seed, calls=calls).records(), SHARDS)
    first: dict[tuple[object, ...], int] = {}
    contacts: Counter[tuple[object, ...]] = Counter()
    for contact in facts(store):
        if contact["caller"]:
            began, zone = contact["started_at"], contact["zone"]
            assert isinstance(began, int)
            assert isinstance(zone, ZoneInfo)
            key = (contact["site"], local_day(began, zone), contact["caller"])
            first[key] = min(began, first.get(key, began))
            contacts[key] += 1
    seen = views(store)
    assert {key: len(starts) for key, starts in seen.callers.items()} == dict(contacts)
    by_minute = Counter(
        {
            (key.site, key.minute): row["callers"]
            for key, row in seen.merged().items()
            if row["callers"]
        }
    )
    assert by_minute == Counter((key[0], at - at % 60_000) for key, at in first.items())
