"""One contact's events flow in one by one; its state, its next deadline and its fact flow out.

State is plain JSON, so a snapshot taken at any moment restores to exactly the same contact.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, TypeGuard

import msgspec

from pipeline.contribution import CallerKey, Cell
from pipeline.operators.contacts.legs import Step
from pipeline.operators.contacts.summary import ATTRIBUTES, RANK, Fact, summarise
from pipeline.site_rules import SiteRules
from schemas.events import EVENT_TYPES, Event
from schemas.events.calls import ContactEvent

MAX_STEPS = 400
"""Events that one contact may have; the next is refused and becomes a dead letter."""

_READ = frozenset(
    {
        *ATTRIBUTES,
        *("queue", "agent_id", "team", "wait_ms", "phase", "reason", "ivr_ms", "contained"),
        *("hold_ms", "consult", "talk_ms", "ended_by", "acw_ms"),
    }
)
"""What the summary reads of an event, besides its identity and its time."""


def _fields_of(event_type: str) -> tuple[tuple[str, ...], attrgetter[tuple[Any, ...]]]:
    names = tuple(name for name in EVENT_TYPES[event_type].model_fields if name in _READ)
    # At least two names, so that attrgetter gives a tuple.
    return names, attrgetter(*names)


_FIELDS = {event_type: _fields_of(event_type) for event_type in RANK}
_BEFORE_ALL = Step(-(2**62), 0, "", 0, "", {})


def is_contact_event(event: Event) -> TypeGuard[ContactEvent]:
    """Whether this operator reads the event."""
    return event.event_type in RANK


class Contact:
    """The events of one contact and what follows from them."""

    __slots__ = (
        "_corrected",
        "_newest",
        "caller",
        "cells",
        "contact_id",
        "domain",
        "due",
        "fact",
        "passed",
        "persisted",
        "revision",
        "rules",
        "scheduled",
        "shard",
        "site",
        "steps",
        "subject",
    )

    def __init__(
        self, site: str, contact_id: str, shard: int, subject: str, rules: SiteRules
    ) -> None:
        self.site = site
        self.contact_id = contact_id
        self.shard = shard
        self.subject = subject
        self.rules = rules
        self.steps: dict[str, Step] = {}
        self.passed = 0
        """The latest deadline of this contact that its watermark has passed, epoch ms."""
        self.domain = ""
        self.revision = 0
        self.due: int | None = None
        """When something happens to it without an event, epoch ms; None if never."""
        self.persisted = False
        """That the checkpoint holds a state of it, which must be deleted when it closes."""
        self.fact = Fact()
        self._newest = _BEFORE_ALL
        self._corrected = False
        self.cells: list[Cell] = []
        """What it counts as at present."""
        self.caller: tuple[CallerKey, int] | None = None
        """Whose contact it is, and since when (epoch ms), at present."""
        self.scheduled: tuple[str, int | None] = ("", None)
        """The domain and due time of its latest timer."""

    def apply(self, event: ContactEvent, domain: str, revision: int) -> bool:
        """Take an event in; False if the contact is full and the event was refused.

        An event id seen before replaces the earlier one if its version is higher, and says nothing
        new otherwise.
        """
        event_type = event.event_type
        steps = self.steps
        known = steps.get(event.event_id)
        if known is not None and known.version >= event.version:
            return True
        if known is None and len(steps) >= MAX_STEPS:
            return False
        names, values_of = _FIELDS[event_type]
        fields: dict[str, str | int | bool] = {
            name: value
            for name, value in zip(names, values_of(event), strict=True)
            if value is not None
        }
        step = Step(
            event.occurred_ms,
            RANK[event_type],
            event.event_id,
            event.version,
            event.corrects or "",
            fields,
        )
        in_order = known is None and not step.corrects and self._newest < step
        steps[event.event_id] = step
        self.domain = domain
        self.revision = revision
        if in_order and not self._corrected:
            self._newest = step
            self.fact.read(step)
            self._settle()
        else:
            self._corrected = self._corrected or bool(step.corrects)
            self._read_again()
        return True

    def pass_deadline(self, due: int, revision: int) -> None:
        """The deadline `due` has passed: the contact waits too long now, or is given up."""
        self.passed = max(self.passed, due)
        self.revision = revision
        self._settle()

    def _read_again(self) -> None:
        """Read all steps anew, because one came late, was corrected or replaced."""
        self.fact = summarise(self.steps.values())
        self._newest = max(self.steps.values())
        self._settle()

    def _settle(self) -> None:
        """See what is due next, and whether it is overdue already."""
        fact, rules = self.fact, self.rules
        fact.given_up = False
        self.due = None
        if not fact.open:
            self.passed = 0  # what has ended no longer depends on when its timers fired
            return
        leg = fact.legs[-1] if fact.legs else None
        waiting = leg is None or not leg.exit
        due = fact.last_at + (rules.waiting_timeout_ms if waiting else rules.talking_timeout_ms)
        if due <= self.passed:
            fact.given_up = True
            return
        if leg is not None and waiting:
            level_due = leg.queued_at + rules.limits(leg.queue).threshold_ms
            if level_due > self.passed:
                due = min(due, level_due)
        self.due = due

    def snapshot(self) -> str:
        """The whole state as JSON."""
        return msgspec.json.encode(
            [
                self.subject,
                self.domain,
                self.rules.version,
                self.passed,
                sorted(self.steps.values()),
            ]
        ).decode()

    @classmethod
    def restore(
        cls,
        site: str,
        contact_id: str,
        shard: int,
        state: str,
        rules: Callable[[str], SiteRules],
        *,
        revision: int,
    ) -> Contact:
        """The contact that `snapshot` described; `rules` finds a configuration by its version."""
        saved: list[Any] = msgspec.json.decode(state)
        subject, domain, version, passed, steps = saved
        contact = cls(site, contact_id, shard, subject, rules(version))
        contact.domain = domain
        contact.passed = passed
        contact.steps = {step[2]: Step(*step) for step in steps}
        contact.revision = revision
        contact._corrected = any(step.corrects for step in contact.steps.values())
        contact._read_again()
        return contact
