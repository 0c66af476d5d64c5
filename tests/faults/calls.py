"""A seed flows in, a file of calls flows out: a day with all that sources do wrong.

Lines come late, twice, corrected, and broken. The same seed gives the same bytes.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

DAY = datetime(2026, 3, 2, tzinfo=UTC)
MINUTE_S = 60
BROKEN = (
    b'{"event_type": "call.queued", "event_id": ',
    b"\xb5\xe7\xbb\xb0",
    b"[]",
    b'{"event_type": "call.quued", "event_id": "x", "site": "example", "source": "pbx"}',
    b"half a line \x00 of something else",
)

Event = dict[str, Any]


def write_calls(path: Path, seed: int, calls: int) -> Path:
    """Write a day of calls, five or six lines each, in the order of their arrival."""
    draw = random.Random(seed)
    arrivals: list[tuple[float, int, bytes]] = []
    for number in range(calls):
        for event in _call(draw, number):
            for delay_s, line in _copies(draw, event):
                arrivals.append((_seconds(event) + delay_s, len(arrivals), line))
        if draw.random() < 0.03:
            line = draw.choice(BROKEN) + b" %d" % number
            arrivals.append((draw.uniform(0, 86_400), len(arrivals), line))
    path.write_bytes(b"".join(line + b"\n" for _, _, line in sorted(arrivals)))
    return path


def _call(draw: random.Random, number: int) -> Iterator[Event]:
    at = draw.triangular(0, 86_000, 40_000)
    contact = f"c{number}"
    customer = f"u{draw.randrange(400)}" if draw.random() < 0.8 else None
    queue = draw.choice(["general", "complaints", "sales"])
    agent = f"a{draw.randrange(30)}"

    def event(kind: str, at_s: float, **fields: object) -> Event:
        occurred = DAY + timedelta(seconds=round(at_s, 3))
        envelope = {
            "event_id": f"{contact}:{kind}",
            "event_type": kind,
            "site": "example",
            "source": "pbx",
            "occurred_at": occurred.isoformat(),
            "contact_id": contact,
        }
        return envelope | ({"customer_id": customer} if customer else {}) | fields

    yield event("ivr.started", at)
    at += draw.uniform(1, 40)
    yield event("ivr.ended", at, ivr_ms=draw.randrange(40_000))
    yield event("call.queued", at, queue=queue, channel="phone", direction="inbound")
    # One hour is bad: alerts fire and resolve.
    wait = draw.expovariate(1 / 90 if 40_000 < at < 43_600 else 1 / 9)
    wait_ms = int(wait * 1000)
    if draw.random() < 0.1:
        yield event("call.abandoned", at + wait, queue=queue, wait_ms=wait_ms, phase="queue")
        return
    if draw.random() < 0.02:
        return
    yield event("call.answered", at + wait, queue=queue, wait_ms=wait_ms, agent_id=agent)
    talk = draw.expovariate(1 / 180)
    if draw.random() < 0.02:
        return
    ended = at + wait + talk
    yield event("call.ended", ended, queue=queue, talk_ms=int(talk * 1000), agent_id=agent)
    if draw.random() < 0.5:
        acw = draw.uniform(1, 60)
        yield event("call.acw_ended", ended + acw, agent_id=agent, acw_ms=int(acw * 1000))


def _copies(draw: random.Random, event: Event) -> Iterator[tuple[float, bytes]]:
    """The event as it arrives, and with it, at times, a copy or a correction: seconds later."""
    late = draw.random()
    delay_s = draw.uniform(0, 1800) if late < 0.05 else draw.uniform(5400, 14_400)
    yield (delay_s if late < 0.06 else 0.0), _line(event)
    if draw.random() < 0.03:
        yield draw.choice([1.0, 600.0, 10_000.0]), _line(event)
    if event["event_type"] == "call.ended" and draw.random() < 0.06:
        changed = {"talk_ms": draw.randrange(400_000)}
        if draw.random() < 0.5:
            yield draw.uniform(1, 18_000), _line(event | changed | {"version": 1})
        else:
            ids = {"event_id": event["event_id"] + ":c", "corrects": event["event_id"]}
            yield draw.uniform(1, 18_000), _line(event | changed | ids)


def _seconds(event: Event) -> float:
    return (datetime.fromisoformat(str(event["occurred_at"])) - DAY).total_seconds()


def _line(event: Event) -> bytes:
    return json.dumps(event, ensure_ascii=False).encode()
