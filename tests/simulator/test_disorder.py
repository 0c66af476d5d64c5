"""A bad network: events come late, twice, out of order, corrected or broken; none is lost."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from pipeline.decode import DeadLetter, Decoder
from pipeline.simulator.centre import DAY_MS
from pipeline.simulator.disorder import Disorder, disturbed
from tests.simulator.conftest import START, centre, payloads

INGESTED_MS = START + 90 * DAY_MS


def test_a_bad_network_loses_nothing() -> None:
    sent = payloads(centre(seats=8, heartbeat_s=0), START + DAY_MS)
    disorder = Disorder(
        late=0.05, duplicate=0.05, corrected=0.1, bad=0.01, shuffled_within_ms=2_000
    )
    arrived = list(disturbed(sent, 7, disorder))
    assert arrived == list(disturbed(sent, 7, disorder))
    assert set(sent) <= set(arrived)

    copies = Counter(arrived)
    assert sum(copies[payload] == 2 for payload in sent) / len(sent) == pytest.approx(
        0.05, abs=0.02
    )
    decoder = Decoder()
    judged = [decoder.decode(payload, INGESTED_MS) for payload in arrived]
    dead = [letter for letter in judged if isinstance(letter, DeadLetter)]
    assert len(dead) / len(sent) == pytest.approx(0.01, abs=0.006)
    assert len({letter.reason for letter in dead}) >= 4
    events = [event for event in judged if not isinstance(event, DeadLetter)]
    assert any(event.corrects for event in events)
    assert any(event.version == 2 for event in events)
    # Reordered within two seconds, but for those that are late or corrections.
    moments = [event.occurred_ms for event in events]
    behind = sum(later < earlier - 2_000 for earlier, later in pairwise(moments))
    assert 0.05 < behind / len(sent) < 0.4


def test_without_disorder_nothing_changes() -> None:
    sent = payloads(centre(seats=1, heartbeat_s=0), START + DAY_MS)
    calm = Disorder(late=0, duplicate=0, corrected=0, bad=0, shuffled_within_ms=0)
    assert list(disturbed(sent, 1, calm)) == sent
