"""What came of a contact flows in, what follows flows out: tickets, surveys, calls again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pipeline.simulator.agenda import Agenda
from pipeline.simulator.callers import Matter
from pipeline.simulator.chance import Chance
from pipeline.simulator.contact import Contact
from pipeline.simulator.desk import Desk
from pipeline.simulator.texts import Temper, comment, complain
from pipeline.simulator.truth import Truth
from pipeline.simulator.voice import Voice, quoted

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
_TICKET_SHARE: Final = 0.36
"""Of complaining contacts: what the agent cannot settle at once."""
_SENTIMENT: Final = {"mild": -0.25, "strong": -0.6, "very_strong": -0.9}
_ITEMS: Final = ("overall", "wait", "knowledge", "efficiency", "solution", "manner")


class Aftermath:
    """The floor's `Ears`.

    Args:
        again: told of somebody who will call again about the same, and when.
        retry: told of somebody who could not be reached.
    """

    def __init__(
        self,
        agenda: Agenda,
        voice: Voice,
        truth: Truth,
        chance: Chance,
        *,
        desk: Desk,
        again: Callable[[int, Matter], None],
        retry: Callable[[int, Contact], None],
    ) -> None:
        self._agenda = agenda
        self._voice = voice
        self._truth = truth
        self._chance = chance
        self._desk = desk
        self._again = again
        self._retry = retry

    # -- what the floor tells ---------------------------------------------------------------

    def lost(self, at: int, contact: Contact) -> None:
        """Who gave up may try again soon."""
        if self._chance.hit(0.45):
            self._again(at + MINUTE_MS + self._chance.gap(25 * MINUTE_MS), contact.matter)

    def unreached(self, at: int, contact: Contact) -> None:
        """A call-back is tried once more; a follow-up is the desk's business."""
        contact.attempts += 1
        if contact.ticket is not None:
            self._desk.not_reached(at, contact.ticket)
        elif contact.attempts < 2:
            self._retry(at + self._chance.between(20, 60) * MINUTE_MS, contact)

    def helped(self, at: int, contact: Contact, agent: str) -> str:
        """Judge a conversation as it ends; see `Ears`."""
        if contact.ticket is not None:
            return ""
        chance, matter = self._chance, contact.matter
        settled = 0.55 if matter.incident else 0.66 if matter.complaint else 0.88
        contact.resolved = chance.random() < settled
        confidence = 70 + int(chance.random() * 30)
        about = (
            f',"topics":["{matter.topic.name}"],"topic_confidence":0.{confidence},'
            '"classifier_version":"desk-3"'
        )
        if not matter.complaint:
            return f'{about},"sentiment":{(chance.between(-2, 6)) / 10}'
        contact.temper = temper = self._temper(matter, contact.wait_ms)
        threat = ',"escalation_threat":true' if temper.threatens else ""
        urgency = "urgent" if temper.urgent else "normal"
        return (
            f'{about},"sentiment":{_SENTIMENT[temper.intensity]},'
            f'"intensity":"{temper.intensity}","reply_urgency":"{urgency}"{threat}'
        )

    def wrapped(self, at: int, contact: Contact, agent: str) -> None:
        """See to what the agent could not settle, and ask how it was."""
        matter, chance = contact.matter, self._chance
        if contact.ticket is not None:
            self._desk.asked(at, contact.ticket, agent)
            return
        if matter.complaint:
            self._complain(at, contact, agent)
        elif not contact.resolved and chance.hit(0.5):
            then = 20 * MINUTE_MS + chance.gap(14 * HOUR_MS)
            matter.complaint = chance.hit(0.25)
            self._again(at + then, matter)
        if chance.random() < 0.12:
            found = "true" if contact.resolved or chance.hit(0.4) else "false"
            fields = f'"agent_id":"{agent}","article":"KB-{matter.topic.name}","found":{found}'
            self._say(at, contact, "kb.lookup", fields)
        share = chance.random()
        if share < 0.25:
            self._invite(at, contact)
        elif share < 0.27:
            self._agenda.note(at + chance.between(2, 30) * HOUR_MS, self._review, (contact, agent))

    # -- complaints -------------------------------------------------------------------------

    def _temper(self, matter: Matter, wait_ms: int) -> Temper:
        """Those who had to call before or to wait long are angrier."""
        chance, heat = self._chance, 0.15 + 0.2 * (matter.times - 1) + (wait_ms > 90_000) * 0.15
        if not chance.hit(heat):
            return Temper("mild", chance.hit(0.01), chance.hit(0.06), matter.times)
        furious = chance.hit(0.3 + 0.1 * matter.times)
        return Temper(
            "very_strong" if furious else "strong",
            chance.hit(0.22 if furious else 0.07),
            chance.hit(0.45 if furious else 0.2),
            matter.times,
        )

    def _complain(self, at: int, contact: Contact, agent: str) -> None:
        chance, matter, temper = self._chance, contact.matter, contact.temper
        complaint = complain(chance, matter.topic.name, matter.product, temper)
        if chance.hit(0.4):
            fields = f'"language":"{complaint.language}","text":{quoted(complaint.text)}'
            self._say(at, contact, "transcript.ready", fields)
        if matter.ticket is not None or temper.threatens or chance.hit(_TICKET_SHARE):
            self._desk.register(at, matter, complaint, temper, by=(agent, contact.id))
        elif not contact.resolved and chance.hit(0.6):
            self._again(at + HOUR_MS + chance.gap(16 * HOUR_MS), matter)

    def complained(self, at: int, matter: Matter) -> None:
        """Somebody complained on a call of which nothing is said, and it may become a ticket."""
        chance = self._chance
        if matter.ticket is not None or chance.hit(_TICKET_SHARE):
            temper = self._temper(matter, 0)
            complaint = complain(chance, matter.topic.name, matter.product, temper)
            self._desk.register(at, matter, complaint, temper, by=("", ""))

    def write(self, at: int, matter: Matter) -> None:
        """Somebody complains by e-mail, or in public."""
        chance = self._chance
        temper = self._temper(matter, 0)
        complaint = complain(chance, matter.topic.name, matter.product, temper)
        if matter.channel == "social":
            reach = chance.gap(900)
            platform = chance.pick(("weibo", "forum", "short_video"))
            number = self._truth.mentioned()
            self._voice.say(
                at,
                "social.mention",
                f'"mention_id":"M{self._voice.tag}-{number}","platform":"{platform}",'
                f'"topic":"{matter.topic.name}","product":"{matter.product}","reach":{reach},'
                f'"text":{quoted(complaint.text)}',
            )
            if chance.hit(0.6):
                return  # nobody can tell who wrote it
        self._desk.write_in(at, matter, complaint, temper)

    # -- what is asked afterwards -----------------------------------------------------------

    def _invite(self, at: int, contact: Contact) -> None:
        survey = f'"survey_id":"S{contact.id}","survey_source":"self"'
        self._truth.surveys["invited"] += 1
        self._say(at, contact, "survey.invited", f'{survey},"channel":"sms"')
        if self._chance.random() < 0.25:
            then = at + self._chance.length(25 * MINUTE_MS)
            self._agenda.note(then, self._respond, (contact, survey))

    def _respond(self, at: int, what: tuple[Contact, str]) -> None:
        contact, survey = what
        chance = self._chance
        best = 5 if contact.resolved else 3
        rating = max(1, best - chance.gap(1) - (contact.wait_ms > 60_000))
        scores = {item: max(1, min(5, rating + chance.between(-1, 1))) for item in _ITEMS}
        scores["overall"] = rating
        items = ",".join(f'"{item}":{score}' for item, score in scores.items())
        nps = max(0, min(10, 2 * rating + chance.between(-1, 0)))
        said = f',"comment":{quoted(comment(chance, rating))}' if chance.hit(0.35) else ""
        self._truth.surveys["responded"] += 1
        self._truth.surveys["satisfied"] += rating >= 4
        fields = f'{survey},"items":{{{items}}},"nps":{nps}{said}'
        self._say(at, contact, "survey.responded", fields)

    def _review(self, at: int, what: tuple[Contact, str]) -> None:
        contact, agent = what
        chance = self._chance
        score = 100 - chance.gap(7)
        critical = f',"critical":["{chance.pick(("customer", "business", "compliance"))}"]'
        fields = f'"agent_id":"{agent}","reviewer":"quality-01","score":{max(40, score)}'
        failed = critical if chance.hit(0.05) else ',"critical":[]'
        self._say(at, contact, "quality.review", fields + failed)

    def _say(self, at: int, contact: Contact, kind: str, fields: str) -> None:
        self._voice.say(at, kind, contact.fields + fields)
