"""Events about one thing flow in; its fact, its next deadline and what it counts as flow out.

An **entity** is whatever several events tell of: a contact, a ticket. It is a function of the *set*
of its events, kept as steps: whatever order they come in, however often, and whatever is corrected
later, the same set gives the same fact. On a shard every entity is treated alike: found in memory
or looked up, its contribution to the base rows replaced when it changes, hot (in the checkpoint)
while it is open, called at its deadlines, written to its fact table.

**Declaring a family** takes a class derived from `Entity` and a name in three places:

    class Ticket(Entity[TicketFact]):
        family = "ticket"                   # its table is schemas.rows.FACTS["ticket"]
        types = {"ticket.received": 0, ...} # what it reads, in the order of one millisecond
        reads = fields_read(types, {...})   # which of the events' fields its steps keep
        ids_of, begin, settle, count, row   # see below; all pure

    schemas.rows.FACTS          the fact table: site and id first, `revision`, `state`, `shard`,
                                and `events`, 0 where they all tell of another entity now
    pipeline.topology.FAMILIES  the class
    schemas/metrics.yaml        the base family that its cells count in

State is plain JSON, so a snapshot taken at any moment restores to exactly the same entity.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, Self, TypeVar

import msgspec

from pipeline.contribution import CallerKey, Cell
from pipeline.entries import Entry
from pipeline.site_rules import SiteRules
from schemas.events import EVENT_TYPES, Event
from schemas.records import LIVE

MAX_STEPS = 400
"""Events that one entity may have; the next is refused and becomes a dead letter."""

Value = str | int | bool | Sequence[str]
Fields = Mapping[str, Value]
Reads = Mapping[str, tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]]


class EntityKey(NamedTuple):
    """One entity of a family."""

    family: str
    site: str
    id: str


class Standing(NamedTuple):
    """An entity in a queue now: since when it waits there (epoch ms), None if it is served."""

    queue: str
    waits_since: int | None


class Step(NamedTuple):
    """What an entity keeps of one event.

    Steps compare by event time, then by `rank`, the natural order of events that share a
    millisecond, then by id, so that any two readers agree on their order.
    """

    at: int
    rank: int
    event_id: str
    version: int
    corrects: str
    fields: Fields


_OF = "\x1f"
"""Stands between an entity's id and its domain; a control character, as no id should have one."""
_BEFORE_ALL = Step(-(2**62), 0, "", 0, "", {})


class Fact(Protocol):
    """What an entity's steps amount to."""

    @property
    def open(self) -> bool:
        """Whether more is expected: then it stays in memory and in the checkpoint."""

    def read(self, step: Step) -> None:
        """Take in the next step, in their order."""


F = TypeVar("F", bound=Fact)


class Entity(ABC, Generic[F]):
    """The events of one thing and what follows from them. Instants are epoch ms."""

    family: ClassVar[str]
    types: ClassVar[Mapping[str, int]]
    """The event types that it is made of, each with its rank."""
    reads: ClassVar[Reads]
    follows_rules: ClassVar[bool] = False
    """That an event is read by the rules in force, not by those that the entity began under."""
    own_in_each_domain: ClassVar[bool] = False
    """That what a file tells makes up entities of its own, apart from the live ones."""

    __slots__ = (
        "_corrected",
        "_newest",
        "_seq",
        "caller",
        "cells",
        "domain",
        "due",
        "fact",
        "id",
        "key",
        "passed",
        "persisted",
        "revision",
        "rules",
        "scheduled",
        "shard",
        "site",
        "standing",
        "steps",
        "subject",
        "told",
    )

    def __init__(self, site: str, id_: str, shard: int, subject: str, rules: SiteRules) -> None:
        self.site = site
        self.id = id_
        self.key = EntityKey(self.family, site, id_)
        self.shard = shard
        self.subject = subject
        self.rules = rules
        self.steps: dict[str, Step] = {}
        self.passed = 0
        """The latest deadline of its own that its watermark has passed."""
        self.domain = ""
        self.revision = 0
        self.due: int | None = None
        """When something happens to it without an event; None if never."""
        self.persisted = False
        """That the checkpoint holds a state of it, which must be deleted when it closes."""
        self.fact: F = self.begin()
        self._newest = _BEFORE_ALL
        self._seq = -1
        self._corrected = False
        self.cells: list[Cell] = []
        """What it counts as at present."""
        self.caller: tuple[CallerKey, int] | None = None
        """Who called with it, and when, at present."""
        self.told: Entry | None = None
        """What its customer's history has of it at present."""
        self.standing: tuple[Standing, ...] = ()
        """Where it stands at present."""
        self.scheduled: tuple[str, int | None] = ("", None)
        """The domain and due time of its latest timer."""

    # -- what a family says -----------------------------------------------------------------

    @classmethod
    @abstractmethod
    def ids_of(cls, event: Event) -> Sequence[str]:
        """Which of the family's entities an event of its types tells of, at the event's site."""

    @classmethod
    def id_in(cls, domain: str, id_: str) -> str:
        """The id under which an event of this domain is kept."""
        return f"{id_}{_OF}{domain}" if cls.own_in_each_domain and domain != LIVE else id_

    def may_hear_in(self, domain: str) -> bool:
        """Whether events of this domain may tell of it."""
        return not self.own_in_each_domain or self.domain == domain

    @property
    def own_id(self) -> str:
        """The id as events have it, whatever domain it is kept for."""
        return self.id.partition(_OF)[0] if self.own_in_each_domain else self.id

    @abstractmethod
    def begin(self) -> F:
        """The fact of no steps."""

    @abstractmethod
    def settle(self) -> None:
        """Set `due`, and mark in the fact what the deadlines up to `passed` have brought."""

    @abstractmethod
    def count(self) -> list[Cell]:
        """Everything that it counts as, as it stands now; what is earlier comes first."""

    @abstractmethod
    def row(self) -> tuple[Any, ...]:
        """Its row in the fact table."""

    def now_row(self) -> tuple[Any, ...]:
        """Its row in the table of those that are open, if its family has one (schemas.rows.NOW).

        The last value tells whether it is over: then the row goes away.
        """
        raise NotImplementedError

    def called_at(self) -> int | None:
        """When somebody known made contact by it, for the distinct callers; None if nobody did."""
        return None

    def entry(self) -> Entry | None:
        """What its customer's history should know of it; None if nothing."""
        return None

    def stands(self) -> tuple[Standing, ...]:
        """Where it stands now, for the live gauges of queues."""
        return ()

    def say(self, event: Event) -> Fields:
        """What a step keeps of an event's fields."""
        names, values_of = self.reads[event.event_type]
        return {
            name: value
            for name, value in zip(names, values_of(event), strict=True)
            if value is not None
        }

    # -- what is common ---------------------------------------------------------------------

    @property
    def open(self) -> bool:
        """Whether more is expected; not of one whose events all tell of another now."""
        return bool(self.steps) and self.fact.open

    def counted(self) -> list[Cell]:
        """What it counts as: nothing without an event."""
        return self.count() if self.steps else []

    def tells(self) -> Entry | None:
        """What it tells its customer's history: nothing without an event."""
        return self.entry() if self.steps else None

    def refusal(self, event: Event) -> str:
        """Why the event cannot be taken in, and what to do about it; "" if it can."""
        if len(self.steps) < MAX_STEPS or event.event_id in self.steps:
            return ""
        return (
            f"{self.family}_id {self.id!r} has {MAX_STEPS} events already: the source seems to use "
            f"one id for many {self.family}s; give each its own and send again"
        )

    def apply(self, event: Event, domain: str, revision: int) -> None:
        """Take an event in that is not refused.

        An event id seen before replaces the earlier one if its version is higher, and says nothing
        new otherwise.
        """
        steps = self.steps
        known = steps.get(event.event_id)
        if known is not None and known.version >= event.version:
            return
        step = Step(
            event.occurred_ms,
            self.types[event.event_type],
            event.event_id,
            event.version,
            event.corrects or "",
            self.say(event),
        )
        in_order = known is None and not step.corrects and self._newest < step
        if (seq := seq_of(step)) is not None:
            in_order = in_order and seq > self._seq
            self._seq = max(self._seq, seq)
        steps[event.event_id] = step
        self.domain = domain
        self.revision = revision
        if in_order and not self._corrected:
            self._newest = step
            self.fact.read(step)
            self.settle()
        else:
            self._corrected = self._corrected or bool(step.corrects)
            self._read_again()

    def withdraw(self, event_id: str, revision: int) -> None:
        """Forget an event: a higher version of it tells of another entity."""
        del self.steps[event_id]
        self.revision = revision
        self._read_again()

    def pass_deadline(self, due: int, revision: int) -> None:
        """The deadline `due` has passed."""
        self.passed = max(self.passed, due)
        self.revision = revision
        self.settle()

    def _read_again(self) -> None:
        """Read all steps anew, because one came late, was corrected, replaced or withdrawn."""
        self.fact = read_all(self.begin(), self.steps.values())
        self._newest = max(self.steps.values(), default=_BEFORE_ALL)
        if self.steps:
            self.settle()
        else:
            self.due, self.passed = None, 0

    def snapshot(self) -> str:
        """The whole state as JSON."""
        steps = sorted(self.steps.values())
        state = [self.subject, self.domain, self.rules.version, self.passed, steps]
        return msgspec.json.encode(state).decode()

    @classmethod
    def restore(
        cls,
        key: EntityKey,
        shard: int,
        state: str,
        rules: Callable[[str], SiteRules],
        *,
        revision: int,
    ) -> Self:
        """The entity that `snapshot` described; `rules` finds a configuration by its version."""
        saved: list[Any] = msgspec.json.decode(state)
        subject, domain, version, passed, steps = saved
        entity = cls(key.site, key.id, shard, subject, rules(version))
        entity.revision = revision
        entity.domain = domain
        entity.passed = passed
        entity.steps = {step[2]: Step(*step) for step in steps}
        entity._corrected = any(step.corrects for step in entity.steps.values())
        numbers = [seq for step in entity.steps.values() if (seq := seq_of(step)) is not None]
        entity._seq = max(numbers, default=-1)
        if steps and not entity._corrected and not numbers:
            # As with most, and at a start there are many: they stand in the order of their saving.
            for step in entity.steps.values():
                entity.fact.read(step)
            entity._newest = step
            entity.settle()
        else:
            entity._read_again()
        return entity


AnyEntity = Entity[Any]


def fields_read(types: Iterable[str], names: Collection[str]) -> Reads:
    """How to read, of each event type, those of these fields that it has."""
    reads = {}
    for event_type in types:
        kept = tuple(name for name in EVENT_TYPES[event_type].model_fields if name in names)
        # At least two names, so that attrgetter gives a tuple.
        reads[event_type] = kept, attrgetter(*kept)
    return reads


def effective(steps: Iterable[Step]) -> list[Step]:
    """The steps that stand, in order: those that no correction replaces.

    The order is that of time; but where a desk numbers its events (`seq`), those that it numbered
    follow each other as it says, for its clock may tie or go back.

    Of several corrections of one event the highest version stands (then the greatest id), so the
    order in which they came does not matter. Where corrections go round in a circle and nothing
    would stand, none of them counts as one.
    """
    ordered = sorted(steps)
    best: dict[str, tuple[int, str]] = {}
    for step in ordered:
        if step.corrects:
            rank = (step.version, step.event_id)
            best[step.corrects] = max(rank, best.get(step.corrects, rank))
    if not best:
        return _as_numbered(ordered)
    standing = [
        step
        for step in ordered
        if step.event_id not in best
        and (not step.corrects or best[step.corrects] == (step.version, step.event_id))
    ]
    return _as_numbered(standing or ordered)


def seq_of(step: Step) -> int | None:
    """The desk's own number of the event; None where it gives none."""
    seq = step.fields.get("seq")
    return seq if isinstance(seq, int) else None


def _as_numbered(ordered: list[Step]) -> list[Step]:
    """Let numbered steps change places among themselves, so that their numbers rise."""
    numbered = sorted((seq, step) for step in ordered if (seq := seq_of(step)) is not None)
    if len(numbered) < 2:
        return ordered
    following = (step for _, step in numbered)
    return [step if seq_of(step) is None else next(following) for step in ordered]


def read_all(fact: F, steps: Iterable[Step]) -> F:
    """Read all steps of one entity, given in any order, into a fact of none."""
    for step in effective(steps):
        fact.read(step)
    return fact


def ms_of(fields: Fields, name: str) -> int | None:
    """The field as a whole number: a duration, or an instant; None where the event is silent."""
    value = fields.get(name)
    return value if isinstance(value, int) else None


def text_of(fields: Fields, name: str) -> str:
    """The field as text; "" where the event is silent."""
    value = fields.get(name)
    return value if isinstance(value, str) else ""
