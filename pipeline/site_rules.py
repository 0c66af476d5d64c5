"""A site's configuration, as it entered the log, flows in; what the core asks of it flows out."""

from __future__ import annotations

from functools import cache, cached_property
from typing import NamedTuple
from zoneinfo import ZoneInfo

from pipeline.business_time import BusinessTime, CalendarTime, Clock
from schemas.site import QueueLimits, SiteConfig, TaskLimits, TicketLimits, site_problems

_ALL_TIME = CalendarTime()
_DEFAULT = SiteConfig.model_validate(
    {"format": 1, "site": "default", "name": {"zh": "默认", "en": "Default"}, "time_zone": "UTC"}
)


class Windows(NamedTuple):
    """How far apart things of one customer still have to do with each other, ms."""

    same_contact_ms: int
    resolution_ms: int
    next_contact_ms: int
    complaint_ms: int
    front_line_ms: int
    look_back_ms: int
    threat_ms: int


class SiteRules:
    """One version of a site's configuration; `version` is its content's hash.

    A contact keeps the rules it began under, so a change of thresholds never rewrites the past.
    """

    def __init__(self, version: str = "", config: SiteConfig = _DEFAULT) -> None:
        self.version = version
        self.config = config
        self._limits: dict[str, QueueLimits] = {}
        self._ticket_limits: dict[str, TicketLimits] = {}
        self._business_times: dict[str, BusinessTime] = {}
        self._task_limits: dict[tuple[str, str], TaskLimits] = {}

    @cached_property
    def zone(self) -> ZoneInfo:
        """The zone that decides where the site's days begin."""
        return self.config.zone

    @cached_property
    def waiting_timeout_ms(self) -> int:
        """After how long without an event a contact that waits is given up."""
        return self.config.contact_timeouts.waiting_minutes * 60_000

    @cached_property
    def talking_timeout_ms(self) -> int:
        """After how long without an event a contact in conversation is given up."""
        return self.config.contact_timeouts.talking_minutes * 60_000

    @cached_property
    def windows(self) -> Windows:
        """How far apart things of one customer still have to do with each other."""
        repeats, day_ms = self.config.repeats, 86_400_000
        return Windows(
            same_contact_ms=round(repeats.same_contact_minutes * 60_000),
            resolution_ms=round(repeats.resolution_days * day_ms),
            next_contact_ms=round(repeats.next_contact_days * day_ms),
            complaint_ms=round(repeats.complaint_days * day_ms),
            front_line_ms=round(repeats.front_line_hours * 3_600_000),
            look_back_ms=round(repeats.look_back_days * day_ms),
            threat_ms=round(repeats.threat_days * day_ms),
        )

    @cached_property
    def complaint_types(self) -> frozenset[str]:
        """The call types that say that a customer complains."""
        return frozenset(self.config.repeats.complaint_types)

    def state_timeout_ms(self, source: str) -> int:
        """For how long the source's word on an agent's state is believed."""
        timeouts = self.config.agent_timeouts
        return round(timeouts.sources.get(source, timeouts.default_s) * 1000)

    def limits(self, queue: str) -> QueueLimits:
        """The queue's thresholds; those of names that sources invent are not remembered."""
        known = self._limits.get(queue)
        if known is None:
            known = self.config.limits(queue)
            if len(self._limits) < 10_000:
                self._limits[queue] = known
        return known

    def ticket_limits(self, priority: str) -> TicketLimits:
        """The clocks of a ticket's priority; see `limits`."""
        known = self._ticket_limits.get(priority)
        if known is None:
            known = self.config.ticket_limits(priority)
            if len(self._ticket_limits) < 10_000:
                self._ticket_limits[priority] = known
        return known

    def task_limits(self, department: str, task_type: str) -> TaskLimits:
        """What a department has agreed to for a type of tasks; see `limits`."""
        known = self._task_limits.get((department, task_type))
        if known is None:
            known = self.config.task_limits(department, task_type)
            if len(self._task_limits) < 10_000:
                self._task_limits[department, task_type] = known
        return known

    def ticket_clock(self, priority: str, department: str) -> Clock:
        """What the deadlines of a ticket run by that lies with this department."""
        business = self.ticket_limits(priority).business
        if business is True:
            return self.hours(department) or _ALL_TIME
        return self._business_time(business) if business else _ALL_TIME

    def hours(self, department: str = "") -> BusinessTime | None:
        """The business time of a department, else of the site; None where no calendar is named."""
        calendar = self.config.department_calendar(department)
        return None if calendar is None else self._business_time(calendar)

    def _business_time(self, calendar: str) -> BusinessTime:
        known = self._business_times.get(calendar)
        if known is None:
            known = BusinessTime(self.config.calendars[calendar], self.zone)
            self._business_times[calendar] = known
        return known


@cache
def default_rules() -> SiteRules:
    """What holds for a site that no configuration has been seen of: 20 s, 5 s, UTC."""
    return SiteRules()


def read_rules(version: str, content: str) -> SiteRules:
    """The rules in a `config.changed` event.

    Raises:
        ValueError: the content is not a site configuration that this version can read.
    """
    config = SiteConfig.model_validate_json(content)
    for place, problem in site_problems(config):
        msg = f"{'.'.join(map(str, place))}: {problem}"
        raise ValueError(msg)
    return SiteRules(version, config)
