"""A size, a seed and a start flow in, the events of a believable centre flow out, without an end.

It is one queueing simulation: whoever takes its events until now and goes on in real time gets the
same calls, agents and tickets as they go on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, Final
from zoneinfo import ZoneInfo

from pipeline.simulator.aftermath import Aftermath
from pipeline.simulator.agenda import Agenda
from pipeline.simulator.callers import Callers, Matter
from pipeline.simulator.chance import Chance
from pipeline.simulator.contact import Contact
from pipeline.simulator.demand import WRITTEN, Demand
from pipeline.simulator.desk import Desk
from pipeline.simulator.floor import Floor
from pipeline.simulator.incidents import Incident, incidents_of
from pipeline.simulator.office import AWAKE
from pipeline.simulator.plan import TEAMS, calls_per_day
from pipeline.simulator.rota import shifts
from pipeline.simulator.ticket import Ticket
from pipeline.simulator.truth import Limits, Truth
from pipeline.simulator.voice import Voice

MINUTE_MS: Final = 60_000
DAY_MS: Final = 24 * 60 * MINUTE_MS


@dataclass(frozen=True)
class Settings:
    """What is simulated.

    Attributes:
        site: stands in every event.
        zone: the centre's clocks.
        start: its first instant, epoch ms.
        seats: agents who work on an average day, about; the rest follows.
        heartbeat_s: every source says that it is alive, and every agent's state is repeated, after
            so long; 0 for neither.
        backlog_days: for how long before the start tickets were opened that are not settled yet;
            what is said about them is older than the start.
        incidents: whether something goes wrong now and then.
    """

    site: str
    zone: ZoneInfo
    start: int
    seats: int = 50
    seed: int = 1
    heartbeat_s: int = 60
    backlog_days: int = 0
    incidents: bool = True

    @property
    def tag(self) -> str:
        """Tells the ids of this simulation from those of others."""
        told = f"{self.seed}:{self.start}:{self.seats}:{self.backlog_days}:{self.site}"
        # Letters only: what looks like a phone number would be masked.
        digest = blake2b(told.encode(), digest_size=5).digest()
        return "".join(chr(ord("a") + byte % 26) for byte in digest)


class Centre:
    """One simulation, to be run once.

    Args:
        limits: the thresholds of a queue, for the truth.
    """

    def __init__(self, settings: Settings, limits: Limits) -> None:
        self.settings = settings
        per_day = calls_per_day(settings.seats)
        chance = Chance(settings.seed, "centre")
        self.truth = Truth(limits)
        self._voice = Voice(settings.site, settings.tag)
        self._begin = settings.start - settings.backlog_days * DAY_MS
        self._agenda = Agenda(self._begin)
        self._chance = chance
        self._per_day = per_day
        self._reached = self._begin
        self._contacts = 0
        self._open = not settings.backlog_days
        """Whether the floor works; before the start only the desk does."""
        core = self._agenda, self._voice, self.truth, chance
        self._desk = Desk(
            *core, zone=settings.zone, follow_up=self._follow_up, again=self._call_again
        )
        self._aftermath = Aftermath(
            *core, desk=self._desk, again=self._call_again, retry=self._call_out
        )
        self._floor = Floor(*core, heartbeat_ms=settings.heartbeat_s * 1000, ears=self._aftermath)
        self._demand = Demand(
            self._agenda,
            chance,
            Callers(settings.seed, per_day),
            per_day=per_day,
            zone=settings.zone,
            arrive=self._arrive,
        )
        midnight = datetime.fromtimestamp(self._begin // 1000, settings.zone).replace(
            hour=0, minute=0, second=0
        )
        self._roster(midnight - timedelta(days=1))
        self._agenda.note(self._begin, self._new_day, midnight)
        self._agenda.note(self._begin, self._demand.begin)
        self._agenda.note(settings.start, self._start)

    def until(self, end: int) -> Iterator[tuple[int, bytes]]:
        """Yield the events before an instant, each with its own, epoch ms, in order.

        Called again with a later end, it goes on where it was: there is no seam.
        """
        voice, agenda = self._voice, self._agenda
        self._reached = end
        while agenda.step(end):
            if voice.said:
                said, voice.said = voice.said, []
                yield from said

    @property
    def events_said(self) -> int:
        """How many events there were so far."""
        return self._voice.kinds.total()

    def document(self) -> dict[str, Any]:
        """Return the truth about what was said, as plain data."""
        settings, zone = self.settings, self.settings.zone
        about = {
            "format": 1,
            "site": settings.site,
            "seed": settings.seed,
            "seats": settings.seats,
            "from": _local(settings.start, zone),
            "to": _local(self._reached, zone),
            "events": dict(sorted(self._voice.kinds.items())),
            "occupancy": self._floor.staff.occupancy,
        }
        return self.truth.document(zone, about)

    # -- days -------------------------------------------------------------------------------

    def _start(self, at: int, _: object) -> None:
        self._open = True
        if self.settings.heartbeat_s:
            self._beat(at, None)

    def _beat(self, at: int, _: object) -> None:
        self._voice.beat(at)
        self._agenda.note(at + self.settings.heartbeat_s * 1000, self._beat)

    def _new_day(self, at: int, midnight: datetime) -> None:
        begin, seed = _ms(midnight), self.settings.seed
        mood = Chance(seed, f"mood:{begin}")
        self._demand.new_day(0.88 + 0.08 * (mood.random() + mood.random() + mood.random()))
        self._roster(midnight)
        if self.settings.incidents:
            for incident in incidents_of(seed, begin):
                if incident.begin >= max(at, self.settings.start):
                    self._agenda.note(incident.begin, self._go_wrong, incident)
        tomorrow = midnight + timedelta(days=1)
        self._agenda.note(_ms(tomorrow), self._new_day, tomorrow)

    def _roster(self, midnight: datetime) -> None:
        """Send the day's shifts, and begin each in its time, if it is not over by the start."""
        start = self.settings.start
        for team in TEAMS:
            for shift in shifts(
                team, self._per_day, _ms(midnight), midnight.weekday(), self.settings.seed
            ):
                if shift.end > start:
                    self._agenda.note(max(shift.begin, start), self._floor.staff.begin, shift)

    def _go_wrong(self, at: int, incident: Incident) -> None:
        self.truth.incidents.append(
            {
                "id": incident.name,
                "kind": incident.kind,
                "what": incident.what,
                "region": incident.region,
                "from": _local(incident.begin, self.settings.zone),
                "to": _local(incident.end, self.settings.zone),
                "factor": incident.factor,
            }
        )
        if incident.kind == "spike":
            self._demand.spike(incident)
            noticed_at = at + self._chance.between(5, 20) * MINUTE_MS
            self._agenda.note(noticed_at, self._notice, incident)
            self._agenda.note(incident.end, self._go_right, incident)
            return
        team = self._floor.staff.teams[incident.what]
        for agent in sorted(team.members, key=lambda agent: agent.id):
            if self._chance.hit(incident.factor):
                length = incident.end - incident.begin
                self._floor.staff.call_away(at, agent, length, "system")

    def _notice(self, at: int, incident: Incident) -> None:
        self._incident(at, "incident.opened", incident)

    def _go_right(self, at: int, incident: Incident) -> None:
        self._demand.spike(None)
        self._incident(at, "incident.closed", incident)

    def _incident(self, at: int, kind: str, incident: Incident) -> None:
        self._voice.say(
            at,
            kind,
            f'"incident_id":"{incident.name}","topic":"{incident.what}",'
            f'"region":"{incident.region}","started_at":{self._voice.instant(incident.begin)},'
            '"severity":"major"',
        )

    # -- contacts ---------------------------------------------------------------------------

    def _arrive(self, at: int, matter: Matter) -> None:
        if matter.channel in WRITTEN:
            self._aftermath.write(at, matter)
        elif self._open:
            contact = self._contact(at, matter)
            self.truth.began(at, contact.id, matter.caller.known, matter.topic.name)
            self._floor.call_in(at, contact)
        elif matter.complaint:
            self._aftermath.complained(at, matter)

    def _call_again(self, at: int, matter: Matter) -> None:
        """Nobody calls about the same thing at night who could call in the day."""
        then = AWAKE.after(at, 0, self.settings.zone)
        if then > at:
            then += self._chance.gap(100 * MINUTE_MS)
        self._agenda.note(then, self._recall, matter)

    def _recall(self, at: int, matter: Matter) -> None:
        matter.times += 1
        if matter.channel in WRITTEN:
            matter.channel = "phone"
        self._arrive(at, matter)

    def _follow_up(self, at: int, ticket: Ticket) -> None:
        if not self._open:
            self._desk.asked(at, ticket, "desk-01")
            return
        contact = self._contact(at, ticket.matter, "outbound")
        contact.queue, contact.channel, contact.ticket = "callback", "phone", ticket
        self._call_out(at, contact)

    def _call_out(self, at: int, contact: Contact) -> None:
        self._agenda.note(at, self._floor.call_out, contact)

    def _contact(self, at: int, matter: Matter, direction: str = "inbound") -> Contact:
        self._contacts += 1
        return Contact(f"{self._voice.tag}-{self._contacts:06d}", matter, at, direction)


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _local(at: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(at // 1000, zone).isoformat(timespec="seconds")
