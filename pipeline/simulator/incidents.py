"""A day flows in, what goes wrong on it flows out: topics that spike, teams that are short."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from pipeline.simulator.chance import Chance, Weighted
from pipeline.simulator.office import HOUR_MS
from pipeline.simulator.topics import REGIONS

_SPIKES: Final = Weighted([("network", 40), ("login", 25), ("delivery", 20), ("billing", 15)])
_HOUR: Final = Weighted([(hour, 1) for hour in (9, 10, 11, 14, 15, 16, 19)])
_TEAMS: Final = ("front", "technical", "care")


@dataclass(frozen=True)
class Incident:
    """Something that goes wrong; instants in epoch ms.

    Attributes:
        what: a topic about which `factor` times as many call, or a team of which the share
            `factor` cannot work.
        region: where, for a topic.
    """

    name: str
    kind: Literal["spike", "overload"]
    what: str
    region: str
    begin: int
    end: int
    factor: float


def incidents_of(seed: int, midnight: int) -> Iterator[Incident]:
    """Yield what goes wrong on the day that begins at `midnight`, epoch ms."""
    chance = Chance(seed, f"incidents:{midnight}")
    day = midnight // (24 * HOUR_MS)
    begin = midnight + round((chance.choose(_HOUR) + chance.random()) * HOUR_MS)
    length = chance.between(45, 80) * 60_000
    topic, region = chance.choose(_SPIKES), chance.pick(REGIONS)
    factor = chance.between(35, 60) / 10
    yield Incident(f"I{day}-1", "spike", topic, region, begin, begin + length, factor)
    if chance.hit(0.4):
        begin = midnight + round((chance.between(9, 16) + chance.random()) * HOUR_MS)
        length = chance.between(40, 70) * 60_000
        team = chance.pick(_TEAMS)
        yield Incident(f"I{day}-2", "overload", team, "", begin, begin + length, 0.25)
