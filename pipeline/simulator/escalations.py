"""Tickets flow in; those that go past the desk, to the back office or outside, flow out."""

from __future__ import annotations

from typing import Final

from pipeline.simulator.agenda import Agenda
from pipeline.simulator.chance import Chance, Weighted
from pipeline.simulator.office import HOUR_MS
from pipeline.simulator.ticket import Ticket
from pipeline.simulator.truth import Truth
from pipeline.simulator.voice import Voice, quoted

_BODIES: Final = Weighted(
    [("regulator", 50), ("consumer association", 25), ("media", 10), ("court", 5), ("hotline", 10)]
)


class Escalations:
    """Watches tickets as they are registered or raised."""

    def __init__(self, agenda: Agenda, voice: Voice, truth: Truth, chance: Chance) -> None:
        self._agenda = agenda
        self._voice = voice
        self._truth = truth
        self._chance = chance

    def watch(self, at: int, ticket: Ticket) -> None:
        """Decide what becomes of a ticket that was registered, or complained about again."""
        chance = self._chance
        if chance.hit(0.35 if ticket.reasons else 0.04):
            self._agenda.note(at + chance.length(5 * 60_000), self._inside, ticket)
        share = 0.10 if ticket.temper.threatens else 0.02 if ticket.reasons else 0.003
        if not ticket.escalated and chance.hit(share):
            self._agenda.note(at + chance.gap(30 * HOUR_MS), self._outside, ticket)

    def _inside(self, at: int, ticket: Ticket) -> None:
        self._say(at, ticket, "internal", '"body":"back office"')

    def _outside(self, at: int, ticket: Ticket) -> None:
        """It happens to tickets that are open, and to those that were late; not all go through."""
        chance = self._chance
        if not ticket.open and not ticket.late and chance.hit(0.6):
            return
        ticket.escalated = ticket.matter.caller.escalated = True
        received = self._voice.instant(at - chance.length(2 * HOUR_MS))
        fields = f'"body":"{chance.choose(_BODIES)}","received_at":{received}'
        fields += f',"text":{quoted(ticket.complaint.text)}'
        if chance.hit(0.5):
            fields += f',"accountable":{"true" if ticket.late else "false"}'
        self._say(at, ticket, "external", fields)

    def _say(self, at: int, ticket: Ticket, where: str, fields: str) -> None:
        self._truth.escalations[where] += 1
        number = self._truth.escalations.total()
        self._voice.say(
            at,
            f"escalation.{where}",
            f'"escalation_id":"E{self._voice.tag}-{number}",{ticket.matter.caller.identity}'
            f'"ticket_ids":["{ticket.name}"],"topic":"{ticket.matter.topic.name}",{fields}',
        )
