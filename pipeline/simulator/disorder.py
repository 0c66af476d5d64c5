"""Events in order of occurrence flow in; the same events as a bad network delivers them flow out.

Some come late, twice, out of order; some are corrected afterwards, and now and then a line is
broken. What each source of a real centre does wrong is done here by a seed, so that it can be done
again.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

MINUTE_MS: Final = 60_000
DAY_MS: Final = 24 * 60 * MINUTE_MS

Event = dict[str, Any]


@dataclass(frozen=True)
class Disorder:
    """How unreliable the way is: shares of all events, 0 to 1.

    Attributes:
        late: come minutes to hours after the others.
        duplicate: come again, with the same id and content.
        corrected: are followed, within a day, by an event that replaces them: one of the same id
            and a higher version, or one of another id that `corrects` them.
        bad: are followed by a line that is no event.
        shuffled_within_ms: how far neighbours may change places.
    """

    late: float = 0.02
    duplicate: float = 0.02
    corrected: float = 0.02
    bad: float = 0.002
    shuffled_within_ms: int = 2_000


def disturbed(events: Iterable[bytes], seed: int, disorder: Disorder) -> Iterator[bytes]:
    """Yield payloads in the order in which they arrive.

    The same arguments give the same bytes. Every event arrives at least once.
    """
    rng = random.Random(f"{seed}:disorder")
    waiting: list[tuple[int, int, bytes]] = []
    number = 0
    for payload in events:
        event: Event = msgspec.json.decode(payload)
        at = _ms(event["occurred_at"])
        while waiting and waiting[0][0] <= at:
            yield heapq.heappop(waiting)[2]
        for delay, arriving in _deliveries(event, payload, rng, disorder):
            number += 1
            heapq.heappush(waiting, (at + delay, number, arriving))
    while waiting:
        yield heapq.heappop(waiting)[2]


def _deliveries(
    event: Event, payload: bytes, rng: random.Random, disorder: Disorder
) -> Iterator[tuple[int, bytes]]:
    """What arrives because of one event, each with its delay in ms."""
    delay = rng.randint(0, disorder.shuffled_within_ms)
    if rng.random() < disorder.late:
        delay += rng.randint(5 * MINUTE_MS, 360 * MINUTE_MS)
    yield delay, payload
    if rng.random() < disorder.duplicate:
        yield delay + rng.choice((40, 3_000, 30 * MINUTE_MS, DAY_MS)), payload
    if rng.random() < disorder.corrected:
        for number in range(1, rng.choice((1, 1, 1, 2)) + 1):
            corrected = _corrected(event, number, rng)
            yield delay + rng.randint(MINUTE_MS, DAY_MS), msgspec.json.encode(corrected)
    if rng.random() < disorder.bad:
        yield delay, rng.choice(_BROKEN)(event, payload)


def _corrected(event: Event, version: int, rng: random.Random) -> Event:
    """The event as it should have been; of several corrections the higher version counts."""
    right = event | {"version": version}
    if rng.random() < 0.5:
        right |= {"event_id": f"{event['event_id']}:c{version}", "corrects": event["event_id"]}
    match event["event_type"]:
        case "call.queued":
            right["queue"] = rng.choice(("general", "billing", "technical"))
        case "call.answered":
            # The clock of the switch was wrong, and with it the wait.
            moved_ms = rng.randint(0, 4_000)
            right["occurred_at"] = _iso(_ms(event["occurred_at"]) + moved_ms)
            right["wait_ms"] = event["wait_ms"] + moved_ms
        case "call.abandoned":
            right["wait_ms"] = max(0, event["wait_ms"] - rng.randint(0, 10_000))
        case "call.ended":
            right["talk_ms"] = event["talk_ms"] + rng.randint(-900, 60_000)
        case "call.acw_ended":
            right["acw_ms"] = event["acw_ms"] // 2
        case _:
            pass
    return right


_BROKEN: Final[tuple[Callable[[Event, bytes], bytes], ...]] = (
    lambda event, payload: payload[: len(payload) // 2],
    lambda event, payload: b"\xff\xfe" + payload,
    lambda event, payload: msgspec.json.encode(event | {"event_type": "call.whistled"}),
    lambda event, payload: msgspec.json.encode(event | {"occurred_at": "2199-01-01T00:00:00Z"}),
    lambda event, payload: msgspec.json.encode(event | {"event_id": None}),
)
"""Cut off, in another encoding, of an unknown type, far ahead of its time, without its id."""


def _ms(text: str) -> int:
    return (datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(
        milliseconds=1
    )


def _iso(at_ms: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)
    return moment.isoformat(timespec="milliseconds")
