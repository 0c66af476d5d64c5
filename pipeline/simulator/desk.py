"""Complaints flow in, become tickets, are settled, asked after and closed: `ticket.*` flows out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from zoneinfo import ZoneInfo

from pipeline.simulator.agenda import Agenda
from pipeline.simulator.callers import Matter
from pipeline.simulator.chance import Chance, Weighted
from pipeline.simulator.departments import Departments
from pipeline.simulator.escalations import Escalations
from pipeline.simulator.office import AWAKE, HOUR_MS
from pipeline.simulator.settlement import payment, promise, right_region, was_called
from pipeline.simulator.texts import Complaint, Temper
from pipeline.simulator.ticket import DUE_H, Ticket
from pipeline.simulator.truth import Truth
from pipeline.simulator.voice import Voice, listed, quoted

MINUTE_MS: Final = 60_000
DAY_MS: Final = 24 * HOUR_MS
_CAUSES: Final = Weighted(
    [("department", 30), ("system", 22), ("product", 18), ("person", 12), ("vendor", 10),
     ("customer", 8)]
)  # fmt: skip
_ERRORS: Final = frozenset({"department", "person", "system"})
_OUTCOMES: Final = Weighted([("fixed", 50), ("refunded", 18), ("explained", 26), ("refused", 6)])
_REQUIRED: Final = 8
_FILLED: Final = Weighted([(8, 78), (7, 15), (6, 5), (5, 2)])


class Desk:
    """The ticket desk.

    Args:
        follow_up: calls a customer to ask whether it is settled.
        again: told of a customer who will complain again, and when.
    """

    def __init__(
        self,
        agenda: Agenda,
        voice: Voice,
        truth: Truth,
        chance: Chance,
        *,
        zone: ZoneInfo,
        follow_up: Callable[[int, Ticket], None],
        again: Callable[[int, Matter], None],
    ) -> None:
        self._agenda = agenda
        self._voice = voice
        self._truth = truth
        self._chance = chance
        self._zone = zone
        self._follow_up = follow_up
        self._again = again
        self._number = 0
        self._departments = Departments(
            agenda,
            voice,
            truth,
            chance,
            zone=zone,
            answered=self._settle,
            returned=self._redirect,
            overdue=self._keep_waiting,
        )
        self._escalations = Escalations(agenda, voice, truth, chance)

    # -- in ---------------------------------------------------------------------------------

    def write_in(self, at: int, matter: Matter, complaint: Complaint, temper: Temper) -> None:
        """A complaint arrives in writing; a machine says so at once, a person registers it."""
        ticket = self._ticket(at, matter, complaint, temper)
        self._truth.follows.complained(at, ticket.name, matter.caller.known, written=True)
        self._say(at, ticket, "received", f'"channel":"{ticket.channel}"')
        if ticket.channel == "email":
            self._say(at, ticket, "replied", '"auto":true')
        self._truth.unregistered += 1
        waits = self._chance.length(25 * MINUTE_MS)
        self._agenda.note(AWAKE.after(at, waits, self._zone), self._read, ticket)

    def register(
        self, at: int, matter: Matter, complaint: Complaint, temper: Temper, *, by: tuple[str, str]
    ) -> None:
        """An agent writes down a complaint; `by` is the agent and the contact."""
        known = matter.ticket
        if isinstance(known, Ticket) and known.open:
            self._complained_again(at, known, complaint, temper)
            return
        ticket = self._ticket(at, matter, complaint, temper)
        self._truth.follows.complained(at, ticket.name, matter.caller.known, written=not by[1])
        self._register(at, (ticket, *by))

    def _read(self, at: int, ticket: Ticket) -> None:
        self._truth.unregistered -= 1
        self._register(at, (ticket, "", ""))

    def _ticket(self, at: int, matter: Matter, complaint: Complaint, temper: Temper) -> Ticket:
        self._number += 1
        name = f"T{self._voice.tag}-{self._number:05d}"
        reasons = _reasons(matter, temper)
        priority = "very_urgent" if reasons else "urgent" if temper.urgent else "normal"
        due_at = at + DUE_H[priority] * HOUR_MS
        ticket = Ticket(
            name, matter, complaint, temper, matter.channel, at, priority, reasons, due_at
        )
        matter.ticket = ticket
        return ticket

    def _register(self, at: int, how: tuple[Ticket, str, str]) -> None:
        ticket, agent, contact = how
        chance, matter, topic = self._chance, ticket.matter, ticket.matter.topic
        self._truth.ticket(topic.name, "opened")
        self._truth.follows.registered(ticket.name, topic.name)
        for reason in ticket.reasons:
            self._truth.very_urgent[reason] += 1
        linked = f'"contact_id":"{contact}",' if contact else ""
        severity = {"mild": "minor", "strong": "normal"}.get(ticket.temper.intensity, "serious")
        if severity == "serious":
            self._truth.ticket(topic.name, "serious")
        category = (*topic.category, topic.name)
        promised = ""
        ticket.promised_at = promise(ticket, at)
        if ticket.promised_at:
            self._truth.ticket(topic.name, "promises_due")
            promised = f'"promised_at":{self._voice.instant(ticket.promised_at)},'
        # Now and then somebody forgets to say why it is very urgent.
        reasons = ticket.reasons if chance.hit(0.96) else ()
        self._say(
            at,
            ticket,
            "registered",
            f'{linked}{promised}"channel":"{ticket.channel}","category":{listed(category)},'
            f'"topic":"{topic.name}","product":"{matter.product}",'
            f'"region":"{matter.caller.region}","tier":"{_tier(matter)}",'
            f'"severity":"{severity}","priority":"{ticket.priority}",'
            f'"urgent_reasons":{listed(reasons)},"demand":"{ticket.complaint.demand}",'
            f'"owner":"{agent or "desk-01"}","handler_level":"1",'
            f'"received_at":{self._voice.instant(ticket.received_at)},"due_at":{self._voice.instant(ticket.due_at)},'
            f'"legal_due_at":{self._voice.instant(at + 15 * DAY_MS)},"required_fields":{_REQUIRED},'
            f'"filled_fields":{chance.choose(_FILLED)},'
            f'"subject_text":{quoted(ticket.complaint.subject)},'
            f'"text":{quoted(ticket.complaint.text)}',
        )
        self._escalations.watch(at, ticket)
        if ticket.priority == "normal" and chance.hit(0.22):
            self._agenda.note(at + chance.length(20 * MINUTE_MS), self._settle, ticket)
            return
        wait = chance.length((4 if ticket.reasons else 14) * MINUTE_MS)
        ticket.department = topic.department
        self._agenda.note(at + wait, self._dispatch, ticket)

    def _complained_again(
        self, at: int, ticket: Ticket, complaint: Complaint, temper: Temper
    ) -> None:
        """There is a ticket already: it is raised, or somebody overlooks it and writes another."""
        topic = ticket.matter.topic.name
        if self._chance.hit(0.12):
            double = self._ticket(at, ticket.matter, complaint, temper)
            ticket.matter.ticket = ticket
            self._truth.ticket(topic, "opened")
            self._truth.follows.complained(
                at, double.name, ticket.matter.caller.known, written=True
            )
            self._truth.follows.registered(double.name, topic)
            self._say(at, double, "registered", f'"topic":"{topic}","channel":"{double.channel}"')
            self._truth.ticket(topic, "merged")
            double.open = False
            self._agenda.note(at + 20 * MINUTE_MS, self._merge, (double, ticket))
            return
        reasons = tuple(r for r in _reasons(ticket.matter, temper) if r not in ticket.reasons)
        fields = '"reason":"customer urged"'
        if reasons:
            for reason in reasons:
                self._truth.very_urgent[reason] += 1
            ticket.reasons += reasons
            ticket.priority = "very_urgent"
            fields += f',"priority":"very_urgent","urgent_reasons":{listed(ticket.reasons)}'
        ticket.temper = temper
        self._say(at, ticket, "updated", fields)
        self._escalations.watch(at, ticket)

    def _merge(self, at: int, what: tuple[Ticket, Ticket]) -> None:
        double, ticket = what
        self._truth.follows.merged(double.name)
        self._say(at, double, "merged", f'"merged_into":"{ticket.name}","reason":"duplicate"')

    # -- to a department and back -----------------------------------------------------------

    def _dispatch(self, at: int, ticket: Ticket) -> None:
        if not ticket.dispatched_at:
            ticket.dispatched_at = at
            self._truth.ticket(ticket.matter.topic.name, "dispatched")
            self._count_called(ticket, None, ticket.called)
        fields = f'"department":"{ticket.department}","handler_level":"2"'
        self._say(at, ticket, "dispatched", fields)
        wait = self._chance.length(12 * MINUTE_MS)
        self._agenda.note(at + wait, self._accept, ticket)

    def _accept(self, at: int, ticket: Ticket) -> None:
        self._say(at, ticket, "accepted", f'"department":"{ticket.department}"')
        self._departments.assign(at, ticket)
        if not ticket.reworked and (region := right_region(ticket)):
            self._agenda.note(at + 30 * MINUTE_MS, self._put_right, (ticket, region))

    def _put_right(self, at: int, what: tuple[Ticket, str]) -> None:
        """The department sees that the ticket was written down for the wrong region."""
        ticket, region = what
        if ticket.open and not ticket.reworked:
            ticket.reworked = True
            self._truth.ticket(ticket.matter.topic.name, "reworked")
            self._say(at, ticket, "updated", f'"region":"{region}","reason":"wrong region"')

    def _redirect(self, at: int, ticket: Ticket) -> None:
        """The department is the wrong one: the service office takes it."""
        self._truth.ticket(ticket.matter.topic.name, "returned")
        self._say(at, ticket, "returned", f'"department":"{ticket.department}"')
        ticket.department = "service"
        self._agenda.note(at + 15 * MINUTE_MS, self._dispatch, ticket)

    def _keep_waiting(self, at: int, ticket: Ticket) -> None:
        """A department is late, so the customer may call again."""
        if self._chance.hit(0.35):
            self._again(at + self._chance.gap(5 * HOUR_MS), ticket.matter)

    def _settle(self, at: int, ticket: Ticket) -> None:
        self._say(at, ticket, "replied", '"auto":false')
        if ticket.promised_at:
            kept = at <= ticket.promised_at
            self._truth.ticket(ticket.matter.topic.name, "promises_kept", int(kept))
            ticket.promised_at = 0
        wait = self._chance.length(30 * MINUTE_MS)
        self._agenda.note(at + wait, self._resolve, ticket)

    def _resolve(self, at: int, ticket: Ticket) -> None:
        chance = self._chance
        ticket.open = False
        topic = ticket.matter.topic.name
        self._truth.ticket(topic, "resolved_late" if at > ticket.due_at else "resolved_in_time")
        outcome, cause = chance.choose(_OUTCOMES), chance.choose(_CAUSES)
        error = cause in _ERRORS
        self._truth.ticket(topic, "error_complaints", error - ticket.is_error)
        ticket.is_error = error
        fields = (
            f'"outcome":"{outcome}","root_cause":"{topic} {cause}","cause_party":"{cause}",'
            f'"upheld":{"false" if cause == "customer" or outcome == "refused" else "true"}'
        )
        if outcome == "refunded":
            paid = payment(ticket, chance.between(2, 60) * 5)
            ticket.paid = paid.amount
            fields += f',"compensation_option":"{paid.option}","currency":"CNY"'
            fields += f',"compensation_amount":{paid.amount}'
        self._say(at, ticket, "resolved", fields)
        if ticket.department or chance.hit(0.3):
            self._say(at, ticket, "followup.due", '"agent_id":"desk-01"')
            called_at = AWAKE.after(at, chance.length(5 * HOUR_MS), self._zone)
            self._agenda.note(called_at, self._ask, ticket)
        else:
            self._agenda.note(at + 10 * MINUTE_MS, self._close, ticket)

    # -- asked after ------------------------------------------------------------------------

    def _ask(self, at: int, ticket: Ticket) -> None:
        self._say(at, ticket, "followup.attempted", '"agent_id":"desk-01"')
        self._follow_up(at, ticket)

    def not_reached(self, at: int, ticket: Ticket) -> None:
        """The customer did not answer; after three attempts it is taken as settled."""
        ticket.attempts += 1
        if ticket.attempts < 3:
            then = AWAKE.after(at, self._chance.length(3 * HOUR_MS), self._zone)
            self._agenda.note(then, self._ask, ticket)
        else:
            self._close(at, ticket)

    def asked(self, at: int, ticket: Ticket, agent: str) -> None:
        """The customer says whether it is settled."""
        chance = self._chance
        content = chance.random() > (0.2 if ticket.late or ticket.temper.times > 1 else 0.09)
        answer = "yes" if content else "partly" if chance.hit(0.4) else "no"
        pleased = "yes" if content and chance.hit(0.85) else "no"
        new_issue = "true" if chance.hit(0.04) else "false"
        called = was_called(ticket)
        self._count_called(ticket, ticket.called, called)
        ticket.called = called
        self._say(
            at,
            ticket,
            "followup.reached",
            f'"agent_id":"{agent}","contacted_answer":"{"yes" if called else "no"}",'
            f'"resolved_answer":"{answer}",'
            f'"satisfied_answer":"{pleased}","new_issue":{new_issue}',
        )
        self._say(at, ticket, "followed_up", f'"owner":"{agent}"')
        if answer == "no" and ticket.reopened < 2:
            self._reopen(at, ticket)
        else:
            self._close(at, ticket)

    def _count_called(self, ticket: Ticket, before: bool | None, now: bool | None) -> None:
        """Count what a customer says of a ticket that was dispatched; his last word counts."""
        if ticket.dispatched_at and now is not None:
            topic = ticket.matter.topic.name
            self._truth.ticket(topic, "contact_asked", int(before is None))
            self._truth.ticket(topic, "said_contacted", now - bool(before))

    def _reopen(self, at: int, ticket: Ticket) -> None:
        ticket.open = True
        ticket.reopened += 1
        ticket.due_at = at + DUE_H[ticket.priority] * HOUR_MS
        self._truth.ticket(ticket.matter.topic.name, "reopened")
        fields = f'"reason":"not solved","due_at":{self._voice.instant(ticket.due_at)}'
        self._say(at, ticket, "reopened", fields)
        ticket.department = ticket.department or ticket.matter.topic.department
        self._agenda.note(at + 10 * MINUTE_MS, self._dispatch, ticket)

    def _close(self, at: int, ticket: Ticket) -> None:
        topic = ticket.matter.topic.name
        self._truth.ticket(topic, "closed")
        if ticket.paid:
            self._truth.ticket(topic, "compensated")
            self._truth.ticket(topic, "compensation", ticket.paid * 100)
        self._say(at, ticket, "closed", '"reason":"settled"')
        self._agenda.note(at + 3 * DAY_MS, self._archive, ticket)
        if self._chance.hit(0.10 if ticket.late else 0.05):
            self._again(at + self._chance.gap(2 * DAY_MS), ticket.matter)

    def _archive(self, at: int, ticket: Ticket) -> None:
        self._say(at, ticket, "archived", '"reason":"settled"')

    def _say(self, at: int, ticket: Ticket, what: str, fields: str) -> None:
        kind = what if "." in what else f"ticket.{what}"
        self._voice.say(at, kind, ticket.fields + fields)


def _reasons(matter: Matter, temper: Temper) -> tuple[str, ...]:
    """Why a complaint is very urgent: a threat, a history with anger and haste, a third time."""
    reasons = []
    if temper.threatens:
        reasons.append("VU1")
    if matter.caller.escalated and temper.intensity == "very_strong" and temper.urgent:
        reasons.append("VU2")
    if matter.times >= 3:
        reasons.append("VU3")
    return tuple(reasons)


def _tier(matter: Matter) -> str:
    return "vip" if matter.caller.vip else "regular"
