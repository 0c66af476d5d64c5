"""A number and a seed flow in, a file of realistic events flows out: the benchmarks' input."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

START = datetime(2026, 3, 2, tzinfo=UTC)
QUEUES = ("general", "complaints", "billing", "technical", "vip", "callback")
TOPICS = ("billing", "network", "refund", "delivery", "contract", "attitude", "outage", "app")


def _event(event_type: str, at_ms: int, event_id: str, **fields: object) -> bytes:
    moment = START + timedelta(milliseconds=at_ms)
    return json.dumps(
        {
            "event_id": event_id,
            "event_type": event_type,
            "schema_version": 1,
            "site": "example",
            "source": "acd-1",
            "occurred_at": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            **fields,
        },
        separators=(",", ":"),
    ).encode()


def mixed_events(count: int, seed: int = 7) -> Iterator[bytes]:
    """Answered calls (4 of 5) and complaint tickets (1 of 5) over a week, in order of time.

    About 360 bytes and 15 fields each.
    """
    draw = random.Random(seed)
    span_ms = 7 * 24 * 3_600_000
    for number in range(count):
        at = number * span_ms // count
        customer = f"customer-{draw.randrange(count // 4 + 1):07d}"
        if number % 5:
            yield _event(
                "call.answered",
                at,
                f"answered-{number:09d}-{draw.getrandbits(64):016x}",
                contact_id=f"contact-{number:09d}",
                root_contact_id=f"contact-{number:09d}",
                customer_id=customer,
                channel="voice",
                queue=draw.choice(QUEUES),
                agent_id=f"agent-{draw.randrange(200):04d}",
                team=f"team-{draw.randrange(20):02d}",
                wait_ms=min(600_000, int(draw.expovariate(1 / 20_000))),
            )
        else:
            yield _event(
                "ticket.registered",
                at,
                f"ticket-{number:09d}-{draw.getrandbits(64):016x}",
                ticket_id=f"ticket-{number:09d}",
                customer_id=customer,
                channel="voice",
                topic=draw.choice(TOPICS),
                product="fibre",
                region="north",
                severity="normal",
                department="complaints",
            )


def call_events(calls: int, seed: int = 7, per_second: float = 4.0) -> Iterator[bytes]:
    """Whole calls, about four events each, in order of time: the full call path's input."""
    draw = random.Random(seed)
    events: list[tuple[int, bytes]] = []
    for number in range(calls):
        at = int(number * 1000 / per_second)
        contact, customer = f"contact-{number:09d}", f"customer-{draw.randrange(calls):07d}"
        wait = min(600_000, int(draw.expovariate(1 / 18_000)))
        events.append(
            (
                at,
                _event(
                    "call.queued",
                    at,
                    f"{contact}:queued",
                    contact_id=contact,
                    customer_id=customer,
                    queue=draw.choice(QUEUES),
                    channel="voice",
                    direction="inbound",
                    call_type="complaint",
                    priority="2",
                    region="north",
                ),
            )
        )
        if draw.random() < 0.07:
            gone = _event(
                "call.abandoned",
                at + wait,
                f"{contact}:abandoned",
                contact_id=contact,
                wait_ms=wait,
                phase="queue",
            )
            events.append((at + wait, gone))
            continue
        talk, acw = int(draw.expovariate(1 / 180_000)), int(draw.expovariate(1 / 30_000))
        agent, team = f"agent-{draw.randrange(200):04d}", f"team-{draw.randrange(20):02d}"
        steps = (
            ("answered", wait, {"wait_ms": wait, "agent_id": agent, "team": team}),
            ("ended", wait + talk, {"talk_ms": talk, "ended_by": "customer"}),
            ("acw_ended", wait + talk + acw, {"acw_ms": acw, "agent_id": agent}),
        )
        for step, after, fields in steps:
            event = _event(
                f"call.{step}", at + after, f"{contact}:{step}", contact_id=contact, **fields
            )
            events.append((at + after, event))
    events.sort()
    for _, event in events:
        yield event


def write(path: Path, events: Iterator[bytes]) -> int:
    """Write one event per line; returns how many."""
    count = 0
    with path.open("wb") as file:
        for event in events:
            file.write(event + b"\n")
            count += 1
    return count
