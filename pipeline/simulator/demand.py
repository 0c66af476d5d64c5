"""Time flows in, new matters flow out: who contacts the centre, when, about what and how.

Arrivals are a Poisson process whose rate follows the week (`profile`), a day's own mood that nobody
could foresee, and the incidents of the hour.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from zoneinfo import ZoneInfo

from pipeline.simulator.agenda import Agenda
from pipeline.simulator.callers import Callers, Channel, Matter
from pipeline.simulator.chance import Chance, Weighted
from pipeline.simulator.incidents import Incident
from pipeline.simulator.plan import CHAT_SHARE
from pipeline.simulator.profile import SLOT_MS, share_at
from pipeline.simulator.topics import TOPICS, Topic

HOUR_MS: Final = 3_600_000
_CHANNELS: Final[Weighted[Channel]] = Weighted(
    [
        ("phone", 1 - CHAT_SHARE - 0.016),
        ("chat", CHAT_SHARE * 0.55),
        ("wechat", CHAT_SHARE * 0.45),
        ("email", 0.009),
        ("social", 0.007),
    ]
)
WRITTEN: Final = ("email", "social")


class Demand:
    """Everybody who has a reason to call for the first time.

    Args:
        arrive: told of each new matter.
    """

    def __init__(
        self,
        agenda: Agenda,
        chance: Chance,
        callers: Callers,
        *,
        per_day: int,
        zone: ZoneInfo,
        arrive: Callable[[int, Matter], None],
    ) -> None:
        self._agenda = agenda
        self._chance = chance
        self._callers = callers
        self._per_day = per_day
        self._zone = zone
        self._arrive = arrive
        self._mood = 1.0
        self._spike: Incident | None = None
        self._topics = Weighted((topic, topic.weight) for topic in TOPICS)
        self._extra = 1.0
        self._gap_ms = HOUR_MS
        self._slot_end = 0

    def begin(self, at: int, _: object) -> None:
        """Let people call from now on."""
        self._slot(at, None)

    def new_day(self, mood: float) -> None:
        """A day begins on which `mood` times as many call as one would think."""
        self._mood = mood

    def spike(self, incident: Incident | None) -> None:
        """An incident makes people call from now on; or none does."""
        self._spike = incident
        weights = {topic: topic.weight for topic in TOPICS}
        usual = sum(weights.values())
        if incident is not None:
            for topic in TOPICS:
                weights[topic] *= incident.factor if topic.name == incident.what else 1
        self._topics = Weighted(weights.items())
        self._extra = sum(weights.values()) / usual

    def _slot(self, at: int, _: object) -> None:
        """A quarter of an hour begins: its rate holds until the next."""
        self._slot_end = at - at % SLOT_MS + SLOT_MS
        per_hour = self._per_day * self._mood * self._extra * share_at(at, self._zone)
        self._gap_ms = max(1, round(HOUR_MS / per_hour))
        self._agenda.note(self._slot_end, self._slot)
        self._next(at)

    def _next(self, at: int) -> None:
        # What would fall into the next slot is drawn there anew: gaps have no memory.
        then = at + self._chance.gap(self._gap_ms)
        if then < self._slot_end:
            self._agenda.note(then, self._one)

    def _one(self, at: int, _: object) -> None:
        self._arrive(at, self._matter())
        self._next(at)

    def _matter(self) -> Matter:
        chance = self._chance
        caller, topic = self._callers.anybody(chance), chance.choose(self._topics)
        channel = chance.choose(_CHANNELS)
        complaint = channel in WRITTEN or chance.random() < topic.complaint
        matter = Matter(caller, topic, chance.pick(topic.products), complaint, channel)
        if self._spike is not None and topic.name == self._spike.what:
            self._befall(matter, topic, self._spike)
        return matter

    def _befall(self, matter: Matter, topic: Topic, incident: Incident) -> None:
        """What the incident brings in beyond the usual comes from its region."""
        if self._chance.random() < (incident.factor - 1) / incident.factor:
            matter.incident = True
            matter.caller.region = incident.region
            matter.product = topic.products[0]
