"""A site's configuration as people write it, checked: identity, time zone, thresholds, retention.

These models say what may be written; `pipeline.config` reads the file. A changed configuration
enters the log as a `config.changed` event with the content's hash, so a replay applies to each
contact what was in force when it happened.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from schemas.adapters import AdapterName, AdapterNames
from schemas.calendars import Calendar, CalendarName
from schemas.documents import nearest
from schemas.measures import Id, Name, Strict, Text
from schemas.repeats import Repeats
from schemas.sensitive_dates import USUAL, SensitiveDate
from schemas.standards import Standards
from schemas.targets import Target

QueueName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
DepartmentCode = Annotated[str, StringConstraints(min_length=1, max_length=200)]
TeamCode = Annotated[str, StringConstraints(min_length=1, max_length=200)]
PersonName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
TaskType = Annotated[str, StringConstraints(min_length=1, max_length=200)]
SourceName = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Seconds = Annotated[float, Field(strict=True, gt=0, le=86_400, allow_inf_nan=False)]
SecondsOrZero = Annotated[float, Field(strict=True, ge=0, le=86_400, allow_inf_nan=False)]
Percent = Annotated[float, Field(strict=True, gt=0, le=100, allow_inf_nan=False)]
Days = Annotated[int, Field(strict=True, ge=1, le=36_500)]
Hours = Annotated[float, Field(strict=True, gt=0, le=87_600, allow_inf_nan=False)]
Minutes = Annotated[float, Field(strict=True, gt=0, le=525_600, allow_inf_nan=False)]


def _site_id(site: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,62}", site):
        msg = "use 1 to 63 small letters, digits, - and _, beginning with a letter or digit"
        raise ValueError(msg)
    return site


@cache
def _zones() -> frozenset[str]:
    """Every zone that this machine knows; finding them reads a thousand files."""
    return frozenset(available_timezones())


def zone_name(name: str) -> str:
    """Return the name of a time zone that exists; raises ValueError with the nearest ones."""
    known = _zones()
    if name not in known:
        msg = f"not an IANA time zone; {nearest(name, sorted(known)) if name else 'give one'}"
        raise ValueError(msg)
    return name


def _check_short(short_s: float, threshold_s: float) -> None:
    """Refuse a short-abandon limit past the threshold: service-level variants subtract one.

    abandoned_in_threshold - short_abandoned must never count a short abandon that waited longer
    than the threshold.
    """
    if short_s > threshold_s:
        msg = (
            f"short_abandon_s {short_s:g} is longer than threshold_s {threshold_s:g}; "
            "make it at most the threshold"
        )
        raise ValueError(msg)


class ServiceLevel(Strict):
    """Answered within `threshold_s`, the boundary included; `target_pct` of them wanted."""

    threshold_s: Seconds = 20.0
    target_pct: Percent = 80.0


class Defaults(Strict):
    """What holds for every queue that says nothing of its own."""

    service_level: ServiceLevel = ServiceLevel()
    short_abandon_s: SecondsOrZero = 5.0

    @model_validator(mode="after")
    def _short_is_within(self) -> Defaults:
        _check_short(self.short_abandon_s, self.service_level.threshold_s)
        return self


class Queue(Strict):
    """What one queue does differently."""

    name: Text | None = None
    threshold_s: Seconds | None = None
    short_abandon_s: SecondsOrZero | None = None
    target_pct: Percent | None = None


class Named(Strict):
    """What people call something that events name by a code."""

    name: Text


class Department(Named):
    """Who settles what the desk cannot, by the code that stands in tickets and tasks.

    The people are named as they are in tasks. A task that names nobody is the interface person's.
    """

    calendar: CalendarName | None = None
    """When it is at work; the site's own calendar when not given."""
    interface_person: PersonName | None = None
    backup: PersonName | None = None
    """Who stands in for the interface person."""
    owner: PersonName | None = None
    """Who answers for the department's answers."""
    cycle_hours: Hours | None = None
    """Until a task is answered that says no `due_at` of its own, from its assignment.

    Hours of its calendar, where there is one, else calendar time.
    """
    task_hours: dict[TaskType, Hours] = Field(default_factory=dict)
    """The same for single types of tasks."""

    @model_validator(mode="after")
    def _backup_is_another(self) -> Department:
        if self.backup is not None and self.backup == self.interface_person:
            msg = f"backup: {self.backup!r} is the interface person; name somebody else"
            raise ValueError(msg)
        return self


class Team(Named):
    """People who work together, by the code that the switch or desk sends."""

    department: DepartmentCode | None = None
    """Whose part it is: a team without a target of its own has its department's."""


class ContactTimeouts(Strict):
    """After how long without an event a contact counts as lost from sight, not as waiting."""

    waiting_minutes: Annotated[int, Field(strict=True, ge=1, le=10_080)] = 120
    talking_minutes: Annotated[int, Field(strict=True, ge=1, le=10_080)] = 720


class AgentTimeouts(Strict):
    """After how long without a word of an agent his state is unknown; a heartbeat is a word.

    `sources` are those with a rhythm of their own, by the name in their events: a source that tells
    of changes only, and sends no heartbeats, is believed for as long as a state may last.
    """

    default_s: Seconds = 60.0
    sources: dict[SourceName, Seconds] = Field(default_factory=dict)


class TicketClocks(Strict):
    """What runs while a ticket is open; a clock that is not given does not run.

    A ticket's own `due_at` comes before `resolution_hours`.
    """

    response_minutes: Minutes | None = None
    """Until the first human reply, from opening or reopening."""
    resolution_hours: Hours | None = None
    silent_hours: Hours | None = None
    """Without any word of it."""
    business: bool | CalendarName | None = None
    """Whether only business time counts, and by which calendar: with `true` that of the ticket's
    department, else the site's own. All time counts when not given."""


class Tickets(Strict):
    """How tickets are watched: for every priority, and what single priorities do differently."""

    default: TicketClocks = TicketClocks()
    priorities: dict[Annotated[str, Field(min_length=1, max_length=64)], TicketClocks] = Field(
        default_factory=dict
    )
    very_urgent: tuple[Annotated[str, Field(min_length=1, max_length=64)], ...] = ()
    """The priorities that say "very urgent" by themselves, with reasons given or not."""
    forget_days: Days = 365
    """After so long without a word an open ticket is no longer waited for."""


class Retention(Strict):
    """Days that rows are kept, by kind; for ever when not given."""

    raw_events_days: Days | None = None
    dead_letters_days: Days | None = None
    contacts_days: Days | None = None
    minutes_days: Days | None = None
    callers_days: Days | None = None


class Ingest(Strict):
    """When a run gives up: more dead letters than this share, once enough was read to tell."""

    max_dead_letter_share: Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)] = (
        0.05
    )
    min_records: Annotated[int, Field(strict=True, ge=1)] = 200


@dataclass(frozen=True)
class QueueLimits:
    """A queue's thresholds in force, its own or the defaults, in whole milliseconds."""

    threshold_ms: int
    short_abandon_ms: int
    target_pct: float


@dataclass(frozen=True)
class TicketLimits:
    """A priority's clocks in force, its own or the default ones, in whole milliseconds."""

    response_ms: int | None
    resolution_ms: int | None
    silent_ms: int | None
    forget_ms: int
    business: bool | str
    """Whether only business time counts, by a calendar's name or that of who has the ticket."""


@dataclass(frozen=True)
class TaskLimits:
    """What a department has agreed to for a type of tasks, in whole milliseconds."""

    cycle_ms: int | None
    interface_person: str


class SiteConfig(Strict):
    """One call centre."""

    format: Literal[1]
    site: Annotated[str, AfterValidator(_site_id)]
    name: Text
    time_zone: Annotated[str, AfterValidator(zone_name)]
    defaults: Defaults = Defaults()
    queues: dict[QueueName, Queue] = Field(default_factory=dict)
    calendars: dict[CalendarName, Calendar] = Field(default_factory=dict)
    calendar: CalendarName | None = None
    """The site's own: when the centre is at work."""
    departments: dict[DepartmentCode, Department] = Field(default_factory=dict)
    teams: dict[TeamCode, Team] = Field(default_factory=dict)
    sources: dict[SourceName, Named] = Field(default_factory=dict)
    adapters: dict[AdapterName, AdapterNames] = Field(default_factory=dict)
    contact_timeouts: ContactTimeouts = ContactTimeouts()
    agent_timeouts: AgentTimeouts = AgentTimeouts()
    tickets: Tickets = Tickets()
    standards: Standards = Standards()
    repeats: Repeats = Repeats()
    variants: dict[Name, Id] = Field(default_factory=dict)
    """By metric, which of its definitions the site goes by; the catalogue's default otherwise."""
    sensitive_dates: dict[Name, SensitiveDate] = Field(default_factory=lambda: dict(USUAL))
    targets: tuple[Target, ...] = ()
    retention: Retention = Retention()
    ingest: Ingest = Ingest()

    @property
    def zone(self) -> ZoneInfo:
        """Return the time zone that decides where the site's days begin."""
        return ZoneInfo(self.time_zone)

    def words(self, adapter: str) -> AdapterNames:
        """Return the site's own words for what a vendor numbers; none for another adapter."""
        return next((own for name, own in self.adapters.items() if name == adapter), AdapterNames())

    def limits(self, queue: str) -> QueueLimits:
        """Return the thresholds of a queue, known or not.

        >>> site = SiteConfig.model_validate({
        ...     "format": 1, "site": "demo", "name": {"zh": "示例", "en": "Demo"},
        ...     "time_zone": "Asia/Shanghai", "queues": {"vip": {"threshold_s": 10}}})
        >>> site.limits("vip")
        QueueLimits(threshold_ms=10000, short_abandon_ms=5000, target_pct=80.0)
        """
        own = self.queues.get(queue, Queue())
        level = self.defaults.service_level
        short_s = _first(own.short_abandon_s, self.defaults.short_abandon_s)
        return QueueLimits(
            threshold_ms=round(_first(own.threshold_s, level.threshold_s) * 1000),
            short_abandon_ms=round(short_s * 1000),
            target_pct=_first(own.target_pct, level.target_pct),
        )

    def ticket_limits(self, priority: str) -> TicketLimits:
        """Return the clocks of a priority, known or not."""
        usual = self.tickets.default
        own = self.tickets.priorities.get(priority, usual)
        return TicketLimits(
            response_ms=_ms(own.response_minutes, usual.response_minutes, 60_000),
            resolution_ms=_ms(own.resolution_hours, usual.resolution_hours, 3_600_000),
            silent_ms=_ms(own.silent_hours, usual.silent_hours, 3_600_000),
            forget_ms=self.tickets.forget_days * 86_400_000,
            business=own.business if own.business is not None else usual.business or False,
        )

    def task_limits(self, department: str, task_type: str) -> TaskLimits:
        """Return what a department, known or not, has agreed to for a type of tasks."""
        agreed = self.departments.get(department)
        hours = None if agreed is None else agreed.task_hours.get(task_type)
        return TaskLimits(
            cycle_ms=_ms(hours, agreed.cycle_hours if agreed else None, 3_600_000),
            interface_person=(agreed.interface_person or "") if agreed else "",
        )

    def department_calendar(self, department: str) -> str | None:
        """Return the calendar that a department works by, known or not; None if there is none."""
        own = self.departments.get(department)
        return own.calendar if own is not None and own.calendar is not None else self.calendar


def site_problems(site: SiteConfig) -> list[tuple[tuple[str | int, ...], str]]:
    """Return what is wrong only when two parts of a configuration meet, with its place."""
    problems: list[tuple[tuple[str | int, ...], str]] = [
        *_calendar_problems(site),
        *_unit_problems(site),
    ]
    for queue in site.queues:
        limits = site.limits(queue)
        try:
            _check_short(limits.short_abandon_ms / 1000, limits.threshold_ms / 1000)
        except ValueError as error:
            problems.append((("queues", queue), str(error)))
    return problems


def _calendar_problems(site: SiteConfig) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield every name of a calendar that there is not."""
    named: list[tuple[tuple[str | int, ...], bool | str | None]] = [
        (("calendar",), site.calendar),
        (("tickets", "default", "business"), site.tickets.default.business),
    ]
    for code, department in site.departments.items():
        named.append((("departments", code, "calendar"), department.calendar))
    for priority, clocks in site.tickets.priorities.items():
        named.append((("tickets", "priorities", priority, "business"), clocks.business))
    for place, name in named:
        if isinstance(name, str) and name not in site.calendars:
            yield place, _unknown("calendar", name, [*site.calendars])
        elif name is True and site.calendar is None:
            yield place, "the site has no calendar of its own; name one with the key `calendar`"


def _unit_problems(site: SiteConfig) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield every target or team of a unit that there is not, and what has two targets."""
    units: dict[str, list[str]] = {
        "queue": [*site.queues],
        "team": [*site.teams],
        "department": [*site.departments],
    }
    for code, team in site.teams.items():
        if team.department is not None and team.department not in site.departments:
            text = _unknown("department", team.department, units["department"])
            yield ("teams", code, "department"), text
    seen: dict[tuple[object, ...], int] = {}
    for i, target in enumerate(site.targets):
        for unit, code in target.unit:
            if code not in units[unit]:
                yield ("targets", i, unit), _unknown(unit, code, units[unit])
        key = target.metric, target.unit, target.period
        if seen.setdefault(key, i) != i:
            yield ("targets", i), f"targets.{seen[key]} is for the same; leave one out"
        is_queues = target.unit[:1] == () or target.queue is not None
        if target.metric.partition(":")[0] == "service_level" and is_queues:
            text = "that of a queue stands beside its threshold; set target_pct there"
            yield ("targets", i, "metric"), text


def _unknown(kind: str, name: str, known: list[str]) -> str:
    remedy = nearest(name, known) if known else f"define it under {kind}s"
    return f"no {kind} {name!r}; {remedy}"


def _first(own: float | None, default: float) -> float:
    return default if own is None else own


def _ms(own: float | None, default: float | None, unit_ms: int) -> int | None:
    value = default if own is None else own
    return None if value is None else round(value * unit_ms)
