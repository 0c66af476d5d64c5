"""One contact's events flow in one by one; its state, its next deadline and its fact flow out.

State is plain JSON, so a snapshot taken at any moment restores to exactly the same contact.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeGuard

from pipeline.contribution import CallerKey, Cell
from pipeline.operators.contacts.summary import ATTRIBUTES, RANK, Fact, Step, summarise
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
_FIELDS = {
    event_type: tuple(name for name in EVENT_TYPES[event_type].model_fields if name in _READ)
    for event_type in RANK
}


def is_contact_event(event: Event) -> TypeGuard[ContactEvent]:
    """Whether this operator reads the event."""
    return event.event_type in RANK


class Contact:
    """The events of one contact and what follows from them.

    `guard` is the revision that the contact had when it was read back from its row: what happened
    up to there is in it, and in everything downstream of it, already.
    """

    __slots__ = (
        "caller",
        "cells",
        "contact_id",
        "domain",
        "fact",
        "guard",
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
        self.guard = 0
        self.persisted = False
        """That the checkpoint holds a state of it, which must be deleted when it closes."""
        self.fact = Fact()
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
        known = self.steps.get(event.event_id)
        if known is not None and known.version >= event.version:
            return True
        if known is None and len(self.steps) >= MAX_STEPS:
            return False
        fields: dict[str, str | int | bool] = {}
        for name in _FIELDS[event_type]:
            value = getattr(event, name)
            if value is not None:
                fields[name] = value
        self.steps[event.event_id] = Step(
            event.occurred_ms,
            RANK[event_type],
            event.event_id,
            event.version,
            event.corrects or "",
            fields,
        )
        self.domain = domain
        self._settle(revision)
        return True

    @property
    def level_due(self) -> int | None:
        """When a caller still waiting exceeds the service-level threshold; None if none waits."""
        leg = self.fact.legs[-1] if self.fact.legs else None
        if leg is None or leg.exit or not self.fact.open:
            return None
        return leg.queued_at + self.rules.limits(leg.queue).threshold_ms

    @property
    def overdue(self) -> bool:
        """Whether a caller has been seen waiting beyond the service-level threshold."""
        due = self.level_due
        return due is not None and due <= self.passed

    def deadline(self) -> int | None:
        """When something happens to this contact without an event, epoch ms; None if never."""
        if not self.fact.open:
            return None
        due = self.level_due
        timeout = self._timeout()
        return timeout if due is None or due <= self.passed else min(due, timeout)

    def pass_deadline(self, due: int, revision: int) -> None:
        """The deadline `due` has passed: the contact waits too long now, or is given up."""
        self.passed = max(self.passed, due)
        self._settle(revision)

    def _timeout(self) -> int:
        last = max(step.at for step in self.steps.values())
        if self.fact.outcome == "talking":
            return last + self.rules.talking_timeout_ms
        return last + self.rules.waiting_timeout_ms

    def _settle(self, revision: int) -> None:
        self.revision = revision
        self.fact = summarise(self.steps.values())
        if self.passed and self.fact.open and self._timeout() <= self.passed:
            self.fact.give_up()

    def snapshot(self) -> str:
        """The whole state as JSON."""
        return json.dumps(
            [
                self.subject,
                self.domain,
                self.rules.version,
                self.passed,
                [list(step) for step in self.steps.values()],
            ],
            ensure_ascii=False,
            separators=(",", ":"),
        )

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
        guard: int,
    ) -> Contact:
        """The contact that `snapshot` described; `rules` finds a configuration by its version."""
        saved: list[Any] = json.loads(state)
        subject, domain, version, passed, steps = saved
        contact = cls(site, contact_id, shard, subject, rules(version))
        contact.domain = domain
        contact.passed = passed
        contact.steps = {step[2]: Step(*step) for step in steps}
        contact._settle(revision)
        contact.guard = guard
        return contact
