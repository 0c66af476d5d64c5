"""A source of chance flows in, what a switch reports of agents' shifts and sets flows out."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

STATES = ("ready", "ringing", "talking", "hold", "acw", "break", "not_ready", "gone fishing")
_LASTS = (0, 400, 9_000, 30_000, 61_000, 150_000, 600_000)
"""How long a state may last, in ms: shorter and longer than a heartbeat, and than a minute."""


def shift(random_: random.Random, agent_id: str, site: str, begin: int) -> Iterator[dict[str, Any]]:
    """The reports of a shift, in order; the heartbeats of some sources are few, or none."""
    at = begin
    number = 0
    source = random_.choice(["switch", "switch", "desk"])
    beat_ms = random_.choice([20_000, 45_000, 90_000, 10**9])
    says_since = random_.random() < 0.5
    for state in [*random_.choices(STATES, k=random_.randint(1, 12)), "offline"]:
        ends = at + random_.choice(_LASTS)
        told = at + random_.choice([0, 0, 3_000, 70_000])
        about: dict[str, Any] = {"state": state, "team": random_.choice(["t", "u"])}
        about["queues"] = random_.sample(["sales", "service"], k=random_.randint(0, 2))
        if says_since:
            about["since"] = _iso(at)
        if state == "break":
            about["reason"] = random_.choice(["lunch", "walk"])
        while True:
            yield {
                "event_type": "agent.state",
                "event_id": f"{agent_id}:{number}",
                "site": site,
                "source": source,
                "occurred_at": _iso(told),
                "agent_id": agent_id,
                **about,
            }
            number += 1
            told += beat_ms
            if told >= ends:
                break
        at = max(ends, told - beat_ms)
        if random_.random() < 0.1:
            return  # the line is cut in the middle of the shift


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")


def rings(random_: random.Random, queue: dict[str, str]) -> Iterator[dict[str, Any]]:
    """What is said of the sets that ring for a caller: mostly nothing, sometimes the same twice."""
    who = {"agent_id": f"a{random_.randint(1, 2)}"} if random_.random() < 0.8 else {}
    where = queue if random_.random() < 0.5 else {}
    for _ in range(random_.choice([0, 0, 0, 1, 2])):
        yield {**who, **where} | ({"ring_ms": 15_000} if random_.random() < 0.7 else {})
