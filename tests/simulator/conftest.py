"""A simulated day, made once for all tests that look at it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from pipeline.commands.common import EXAMPLE_SITE
from pipeline.config import load_site
from pipeline.report import parse_moment
from pipeline.simulator.centre import DAY_MS, Centre, Settings
from pipeline.simulator.source import Simulated

SITE = load_site(EXAMPLE_SITE)
HOUR_MS = 3_600_000
START = round(datetime(2026, 3, 2, tzinfo=SITE.zone).timestamp() * 1000)


def centre(seed: int = 1, seats: int = 50, **changes: Any) -> Centre:
    settings = {"seats": seats, "seed": seed, **changes}
    return Centre(Settings(SITE.site, SITE.zone, START, **settings), SITE.limits)


def payloads(simulated: Centre, end: int) -> list[bytes]:
    return [event for _, event in simulated.until(end)]


def simulated(first: str, *, hours: float, seats: int, seed: int = 1) -> Simulated:
    """Some hours of the example centre in a small size, without heartbeats."""
    start = round(parse_moment(first, SITE.time_zone).timestamp() * 1000)
    settings = Settings(SITE.site, SITE.zone, start, seats=seats, seed=seed, heartbeat_s=0)
    return Simulated(settings, start + round(hours * HOUR_MS), SITE.limits)


@dataclass
class Stretch:
    """What a simulation said, and its truth."""

    events: list[dict[str, Any]]
    truth: dict[str, Any]

    def of(self, *kinds: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event_type"] in kinds]


@pytest.fixture(scope="session")
def week() -> Stretch:
    """A week of 50 seats without heartbeats."""
    simulated = centre(heartbeat_s=0)
    events = [json.loads(event) for event in payloads(simulated, START + 7 * DAY_MS)]
    return Stretch(events, simulated.document())
