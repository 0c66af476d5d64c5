"""A ticket's steps flow in, in order; what it amounts to flows out: stage, cycles, answers, levels.

A **cycle** is the time from opening or reopening to the next end (resolved, closed, archived,
merged). Moments are those of the desk, but never before an earlier step's: a clock that goes back,
where the desk's own order says otherwise, does not make time negative. Instants are epoch ms
(0 = not yet).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipeline.business_time import BusinessTime, Clock
from pipeline.entity import Fields, Step, Value, ms_of, text_of
from pipeline.operators.tickets.hands import Hands
from pipeline.operators.tickets.levels import (
    DONE_MS,
    NEVER,
    Clocks,
    Holder,
    Levels,
    Span,
    stretch,
)
from pipeline.operators.tickets.lifecycle import DONE, ENDS, OPEN, move
from pipeline.operators.tickets.promises import Promises
from pipeline.site_rules import SiteRules
from schemas.site import TicketLimits

TYPES = (
    *("ticket.received", "ticket.registered", "ticket.dispatched", "task.assigned"),
    *("ticket.accepted", "ticket.updated", "task.urged", "task.answered", "task.returned"),
    *("task.closed", "escalation.internal", "escalation.external", "ticket.returned"),
    *("ticket.replied", "ticket.resolved", "followup.due", "followup.attempted"),
    *("followup.reached", "ticket.followed_up", "ticket.closed", "ticket.reopened"),
    *("ticket.merged", "ticket.archived"),
)
"""What a ticket is made of, in the natural order of events that share a millisecond."""
ATTRIBUTES = (
    *("customer_id", "contact_id", "channel", "topic", "product", "region", "segment", "tier"),
    *("severity", "priority", "department", "owner", "team", "handler_level", "outcome"),
    *("root_cause", "cause_party", "merged_into", "compensation_option", "currency"),
)
"""Fields that describe the ticket: the latest word counts."""
INSTANTS = ("received_at", "due_at", "promised_at", "legal_due_at")
KEY_FIELDS = ("topic", "product", "region")
"""Fields by which a ticket is dealt with, besides its category: to change them is rework."""
TYPO_MS = 120_000
"""What is changed sooner after the dispatch is a slip of the pen."""
_HOLDERS = ("department", "owner", "team")
_SILENT = frozenset({"updated", "replied"})
"""What is said of a ticket without its coming any further."""
_COUNTED = {"dispatched": "dispatches", "returned": "returns", "merged": "merged"}
_ACTIONS = frozenset({"dispatched", "accepted", "resolved", "closed", "assigned"})
"""What the back office does about a very urgent ticket; a human reply besides."""


class Cycle:
    """One time of being open."""

    __slots__ = ("ended_as", "ended_at", "holder", "replied_at", "started_at")

    def __init__(self, started_at: int) -> None:
        self.started_at = started_at
        self.replied_at = 0
        """The first human reply."""
        self.ended_at = 0
        self.ended_as = ""
        self.holder: Holder | None = None
        """Who had it when it ended."""


class TicketFact:
    """What one ticket amounts to.

    Args:
        rules: the site's configuration that it began under.
    """

    __slots__ = (
        "_followup_due",
        "_rules",
        "_seen_flag",
        "accepted_at",
        "attributes",
        "auto_replied_at",
        "category",
        "closed_after",
        "closed_at",
        "compensation",
        "contacted",
        "counted",
        "cycles",
        "dispatched_at",
        "escalated_at",
        "escalated_open",
        "events",
        "expired",
        "fields_filled",
        "fields_required",
        "flagged_at",
        "hands",
        "illegal",
        "instants",
        "last_at",
        "levels",
        "opened_at",
        "owners",
        "promises",
        "reassignments",
        "received_at",
        "registered_at",
        "returns",
        "reworked_at",
        "stage",
        "upheld",
        "urgent_handled_at",
        "urgent_reasons",
        "urges",
        "way",
    )

    def __init__(self, rules: SiteRules) -> None:
        self._rules = rules
        self.events = 0
        self.last_at = 0
        self.stage = ""
        self.expired = False
        """That nothing was heard of it for so long that it is no longer waited for."""
        self.opened_at = self.received_at = self.registered_at = 0
        self.dispatched_at = self.accepted_at = self.closed_at = 0
        self.reworked_at = 0
        """When its category or another key field was changed, having been dispatched."""
        self.way: list[str] = []
        """The stages that it came to, one after the other."""
        self.closed_after = 0
        """How many of them there were when it was closed last."""
        self.attributes: dict[str, str] = {}
        self.instants: dict[str, int] = {}
        self.category: Sequence[str] = ()
        self.urgent_reasons: Sequence[str] = ()
        self.flagged_at = self.urgent_handled_at = 0
        self._seen_flag = False
        self.auto_replied_at = 0
        """When a machine answered it, if no person had."""
        self.upheld: bool | None = None
        self.compensation: int | None = None
        """What is paid, in hundredths of its currency."""
        self.contacted = ""
        """Whether somebody got in touch in time, in the customer's own word; "" if not asked."""
        self.fields_required = self.fields_filled = 0
        self.cycles = [Cycle(0)]
        self.levels = Levels()
        self.owners: set[str] = set()
        self.promises = Promises()
        self.hands = Hands()
        self.reassignments = self.returns = self.urges = self.illegal = 0
        self.escalated_at = 0
        self.escalated_open = False
        self._followup_due = False
        self.counted: list[tuple[int, str]] = []
        """What counts at the moment at which it happened, besides the ends of durations."""

    # -- what follows -----------------------------------------------------------------------

    @property
    def open(self) -> bool:
        """Whether somebody still has to do something about it."""
        return self.stage in OPEN and not self.expired

    @property
    def very_urgent(self) -> bool:
        """Whether somebody says so, by giving reasons or by a priority that means it."""
        return bool(self.urgent_reasons) or self.attributes.get("priority") in (
            self._rules.config.tickets.very_urgent
        )

    @property
    def limits(self) -> TicketLimits:
        """The site's clocks for the ticket's priority."""
        return self._rules.ticket_limits(self.attributes.get("priority", ""))

    @property
    def clock(self) -> Clock:
        """What its deadlines run by."""
        get = self.attributes.get
        return self._rules.ticket_clock(get("priority", ""), get("department", ""))

    @property
    def hours(self) -> BusinessTime | None:
        """The business time of whoever has it; None where no calendar is known."""
        return self._rules.hours(self.attributes.get("department", ""))

    @property
    def is_off_hours(self) -> bool | None:
        """Whether it was opened while the centre was closed; None where no calendar is known."""
        centre = self._rules.hours()
        return None if centre is None else not centre.is_open(self.opened_at)

    @property
    def due_at(self) -> int | None:
        """By when it is to be resolved: as the desk says, else as the site's configuration does."""
        due = self.instants.get("due_at")
        allowed = self.limits.resolution_ms
        if due is None and allowed is not None:
            return self.clock.after(self.opened_at, allowed)
        return due

    def response_due(self, cycle: Cycle) -> int | None:
        """By when a human is to reply in a cycle; None where no such clock runs."""
        allowed = self.limits.response_ms
        return None if allowed is None else self.clock.after(cycle.started_at, allowed)

    @property
    def resolved_at(self) -> int:
        """When it was resolved last, or closed without a word of resolving; 0 while it is not."""
        last = self.cycles[-1]
        return last.ended_at if last.ended_as in DONE else 0

    @property
    def merged(self) -> bool:
        """Whether it turned out to be a duplicate."""
        return self.stage == "merged"

    def present(self) -> Iterator[Span]:
        """The levels that it is in from its last event on, if nothing else happens."""
        return self._stretch(NEVER)

    @property
    def done(self) -> Iterator[Span]:
        """That it was resolved lately, from when it was; its end is known beforehand."""
        if (since := self.resolved_at) and (holder := self.cycles[-1].holder) is not None:
            yield Span("done_14d", since, since + DONE_MS, holder)

    @property
    def _holder(self) -> Holder:
        get = self.attributes.get
        category = self.category[0] if self.category else ""
        return (
            *(get("department", ""), get("team", ""), get("priority", "")),
            *(get("channel", ""), category),
        )

    def _stretch(self, until: int) -> Iterator[Span]:
        if self.stage not in OPEN:
            return iter(())
        limits = self.limits
        clocks = Clocks(
            *(self.opened_at, self.due_at, limits.silent_ms, limits.forget_ms),
            *(self.very_urgent, self.clock),
        )
        return stretch(self.last_at, until, clocks, self._holder)

    # -- how a step is read -----------------------------------------------------------------

    def read(self, step: Step) -> None:
        """Take in the next step."""
        now = max(self.last_at, step.at) if self.events else step.at
        if self.events:
            for span in self._stretch(now):
                self.levels.add(span)
        else:
            self._begin(step, now)
        self.events += 1
        self.last_at = now
        family, _, word = TYPES[step.rank].partition(".")
        self._act_on_flag(word, step.fields)
        if family == "ticket":
            self._move(word, now, step.fields)
            self._describe(word, now, step.fields)
        elif family == "task":
            self._task(word, now, step.fields)
        elif family == "escalation":
            if word == "external" and not self.escalated_at:
                self.escalated_at, self.escalated_open = now, self.stage in OPEN
        else:
            self._follow_up(word, now, step.fields)
        if self.very_urgent and not self.flagged_at:
            self.flagged_at = now
        cycle = self.cycles[-1]
        if cycle.ended_at and cycle.holder is None:
            cycle.holder = self._holder

    def _begin(self, step: Step, now: int) -> None:
        is_told = TYPES[step.rank].startswith("ticket.")
        received = ms_of(step.fields, "received_at") if is_told else None
        self.opened_at = now if received is None else min(received, now)
        if received is not None or TYPES[step.rank] == "ticket.received":
            self.received_at = self.opened_at
        self.cycles = [Cycle(self.opened_at)]
        if not is_told:
            self.stage = "registered"  # a ticket that has tasks is in somebody's hands
            self.way.append(self.stage)

    def _act_on_flag(self, word: str, fields: Fields) -> None:
        """Note the first action that follows the flag; the flag's own event is none."""
        if self.flagged_at and not self.urgent_handled_at:
            human_reply = word == "replied" and not fields.get("auto")
            if human_reply or word in _ACTIONS:
                self.urgent_handled_at = self.last_at

    def _move(self, word: str, now: int, fields: Fields) -> None:
        before = self.stage
        self.stage, legal = move(before, word)
        if not legal:
            self.illegal += 1
            self.counted.append((now, "illegal_transitions"))
            if self.stage == before:
                return
        if not before or word not in _SILENT:
            self.way.append(word if before else self.stage)
        if word in _COUNTED:
            self.counted.append((now, _COUNTED[word]))
        if word == "registered":
            self.registered_at = now
        elif word == "dispatched":
            self.dispatched_at = self.dispatched_at or now
        elif word == "accepted":
            self.accepted_at = self.accepted_at or now
        elif word == "returned":
            self.returns += 1
        elif word == "replied":
            self._reply(now, is_auto=bool(fields.get("auto")))
        elif word == "reopened" and before:
            self.closed_at = 0
            self.counted.append((now, "reopened"))
            self.cycles.append(Cycle(now))
        elif word in ENDS:
            self._end(word, now)

    def _reply(self, now: int, *, is_auto: bool) -> None:
        cycle = self.cycles[-1]
        if not is_auto:
            cycle.replied_at = cycle.replied_at or now
            self.promises.hear(now)
        elif not self.auto_replied_at and not any(one.replied_at for one in self.cycles):
            self.auto_replied_at = now

    def _end(self, word: str, now: int) -> None:
        cycle = self.cycles[-1]
        if word in DONE:
            self.promises.hear(now)
        else:
            self.promises.end(now)
        if word == "closed":
            self.closed_at = now
            self.closed_after = len(self.way)
        if word == "merged" or not cycle.ended_at:
            cycle.ended_at, cycle.ended_as = now, word

    def _describe(self, word: str, now: int, fields: Fields) -> None:
        """Take in what the event says of the ticket: the latest word counts."""
        attributes = self.attributes
        if self.dispatched_at and not self.reworked_at and now - self.dispatched_at >= TYPO_MS:
            self.reworked_at = now if self._is_other(fields) else 0
        team = attributes.get("team", "")
        if word == "returned":
            for name in _HOLDERS:  # whoever had it has it no more
                attributes.pop(name, None)
        for name, value in fields.items():
            if name in _ATTRIBUTE_SET:
                attributes[name] = str(value)
            elif name in _INSTANT_SET and isinstance(value, int):
                self.instants[name] = value
        promised = ms_of(fields, "promised_at")
        if promised is not None and self.stage in OPEN:
            self.promises.promise(promised, now)
        if word not in {"received", "registered"} and self.events > 1:
            self.reassignments += team != attributes.get("team", "")
        if owner := attributes.get("owner"):
            self.owners.add(owner)
        self.category = _names(fields.get("category"), self.category)
        self.urgent_reasons = _names(fields.get("urgent_reasons"), self.urgent_reasons)
        if (upheld := fields.get("upheld")) is not None:
            self.upheld = bool(upheld)
        paid = ms_of(fields, "compensation_amount")
        self.compensation = self.compensation if paid is None else paid
        self.fields_required = ms_of(fields, "required_fields") or self.fields_required
        filled = ms_of(fields, "filled_fields")
        self.fields_filled = self.fields_filled if filled is None else filled

    def _is_other(self, fields: Fields) -> bool:
        """Whether an event contradicts what is known of the key fields; more detail does not."""
        known = self.category
        if list(_names(fields.get("category"), known)[: len(known)]) != list(known):
            return True
        told = ((fields.get(name), self.attributes.get(name)) for name in KEY_FIELDS)
        return any(new is not None and old is not None and new != old for new, old in told)

    def _task(self, word: str, now: int, fields: Fields) -> None:
        self.hands.read(word, text_of(fields, "task_id"), text_of(fields, "department"), now)
        if word == "assigned":
            self.counted.append((now, "dispatches"))
        elif word == "returned":
            self.counted.append((now, "returns"))
        elif word == "urged":
            self.urges += 1

    def _follow_up(self, word: str, now: int, fields: Fields) -> None:
        self.counted.append((now, f"followups_{word}"))
        if word == "attempted" and self._followup_due:
            self.counted.append((now, "followups_made"))
        if word != "reached":
            self._followup_due = word == "due"
        else:
            if fields.get("new_issue"):
                self.counted.append((now, "followups_new_issue"))
            self.contacted = text_of(fields, "contacted_answer") or self.contacted
            if text_of(fields, "resolved_answer") == "yes":
                self.counted.append((now, "said_resolved"))
            if text_of(fields, "satisfied_answer") == "yes":
                self.counted.append((now, "said_satisfied"))


_ATTRIBUTE_SET = frozenset(ATTRIBUTES)
_INSTANT_SET = frozenset(INSTANTS)


def _names(value: Value | None, known: Sequence[str]) -> Sequence[str]:
    return known if value is None or isinstance(value, str | int) else value
