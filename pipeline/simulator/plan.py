"""A number of seats flows in, what the centre is laid out for flows out: queues, teams, loads.

Teams are staffed as a centre that plans by the book does it: load and a margin that grows with its
square root (Halfin and Whitt, "Heavy-traffic limits for queues with many exponential servers",
Operations Research 29, 1981). One team has too small a margin: every centre has its weak queue.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Final

from pipeline.simulator.profile import share_of_hour
from pipeline.simulator.topics import TOPICS


@dataclass(frozen=True)
class QueuePlan:
    """One queue; durations are means in seconds, `rank` says whose callers go first."""

    name: str
    talk_s: int
    work_s: int
    patience_s: int
    rank: int = 1

    @property
    def priority(self) -> str:
        """The label of its rank."""
        return "normal" if self.rank else "high"


@dataclass(frozen=True)
class TeamPlan:
    """Agents of the same skills.

    Attributes:
        queues: whom they are there for.
        margin: of staff over load, in square roots of the load.
        helps: whom they answer besides, where nobody else is free.
        capacity: contacts that one of them serves at once.
        opens: hour of the day at which the first shift begins.
        closes: hour at which the last one ends; of the next day where it is before `opens`.
    """

    name: str
    queues: tuple[str, ...]
    margin: float
    helps: tuple[str, ...] = ()
    capacity: int = 1
    opens: int = 6
    closes: int = 24

    @property
    def skills(self) -> tuple[str, ...]:
        """Return all queues that its agents answer, their own first."""
        return self.queues + self.helps


QUEUES: Final = (
    QueuePlan("general", 195, 30, 250),
    QueuePlan("billing", 230, 40, 250),
    QueuePlan("technical", 290, 45, 270),
    QueuePlan("complaints", 330, 75, 220, 0),
    QueuePlan("vip", 240, 40, 240, 0),
    QueuePlan("chat", 420, 0, 280),
    QueuePlan("callback", 130, 25, 60, 2),
)
TEAMS: Final = (
    TeamPlan("front", ("general", "billing"), 0.8, ("vip", "complaints")),
    TeamPlan("technical", ("technical",), 1.6, ("general",)),
    TeamPlan("care", ("complaints", "vip", "callback"), 0.2, ("general", "billing")),
    TeamPlan("digital", ("chat",), 0.5, capacity=2),
    TeamPlan("night", tuple(queue.name for queue in QUEUES), 0.4, opens=23, closes=7),
)
CHAT_SHARE: Final = 0.10
VIP_SHARE: Final = 0.04
IVR_LEAVES: Final = 0.88
"""The share of callers that the voice menu neither helps nor loses."""
COMPLAINT_LINE: Final = 0.75
"""The share of complaining callers who choose the complaints queue in the menu."""
RECALLS: Final = 1.1
COMPLAINT_RECALLS: Final = 1.75
"""Contacts per first contact about a matter, about; who is not helped complains."""
_RING_S: Final = 4
_RESERVE: Final = 1.04
"""What a forecast may be wrong by."""


def calls_per_day(seats: int) -> int:
    """Return the first contacts of an average day that keep so many agents at work in it."""
    return seats * 64


def queue_shares() -> Mapping[str, float]:
    """Return the entries of each queue per first contact."""
    total = sum(topic.weight for topic in TOPICS)
    shares = {queue.name: 0.0 for queue in QUEUES}
    shares["chat"] = CHAT_SHARE
    phone = (1 - CHAT_SHARE) * IVR_LEAVES
    shares["vip"] = phone * VIP_SHARE
    for topic in TOPICS:
        share = phone * (1 - VIP_SHARE) * topic.weight / total
        shares["complaints"] += share * topic.complaint * COMPLAINT_LINE
        shares[topic.queue] += share * (1 - topic.complaint * COMPLAINT_LINE)
    shares["complaints"] *= COMPLAINT_RECALLS / RECALLS
    return {name: share * RECALLS for name, share in shares.items()}


def staff_needed(team: TeamPlan, per_day: int, weekday: int, hour: int) -> float:
    """Return how many agents of a team should be on duty in an hour of a weekday."""
    calls = per_day * share_of_hour(weekday, hour + 0.5)
    load = 0.0
    for name, share in queue_shares().items():
        if name in team.queues:
            queue = _BY_NAME[name]
            load += calls * share * (queue.talk_s + queue.work_s + _RING_S) / 3600
    load /= team.capacity * 0.75 if team.capacity > 1 else 1
    return load * _RESERVE + team.margin * sqrt(load)


_BY_NAME: Final = {queue.name: queue for queue in QUEUES}
