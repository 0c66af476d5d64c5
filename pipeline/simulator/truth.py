"""What happens flows in, what every report must find flows out: the counts, made independently.

A contact counts for each queue that it enters. Each count belongs to the hour of its own moment:
the entry to its own, the exit to the exit's, handling to the end of the work after the call, and
the service level to min(exit, entry + threshold).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from pipeline.simulator.follows import Follows
from schemas.site import QueueLimits

HOUR_MS: Final = 3_600_000
REPEAT_MS: Final = 7 * 24 * HOUR_MS
Limits = Callable[[str], QueueLimits]


class Truth:
    """Counts by queue and hour, and what there was besides; instants in epoch ms.

    Args:
        limits: the thresholds of a queue, as the site has configured them.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = cache(limits)
        self._hours: dict[tuple[str, int], Counter[str]] = {}
        self._last_of: dict[tuple[int, str], int] = {}
        self._purged_at = 0
        self._waiting: dict[tuple[str, str], int] = {}
        self.contacts = 0
        self.repeats = 0
        """Contacts that follow one of the same known customer about the same within 7 days."""
        self.follows = Follows()
        """What follows what, as it is told."""
        self.mentions = 0
        self.tickets: dict[str, Counter[str]] = {}
        """By topic: what happened to tickets, and how often."""
        self.tasks: dict[str, Counter[str]] = {}
        """By department: what it was asked for, and how it answered."""
        self.unregistered = 0
        """Complaints that arrived in writing and that nobody has registered yet."""
        self.escalations: Counter[str] = Counter()
        self.very_urgent: Counter[str] = Counter()
        self.surveys: Counter[str] = Counter()
        self.incidents: list[dict[str, object]] = []

    def began(self, at: int, contact: str, customer: int | None, topic: str) -> None:
        """A contact began."""
        self.contacts += 1
        self.follows.began(at, contact, customer)
        if customer is None:
            return
        if at - self._purged_at > HOUR_MS * 24:
            self._purged_at = at
            since = at - REPEAT_MS
            self._last_of = {key: last for key, last in self._last_of.items() if last >= since}
        key = customer, topic
        if at - self._last_of.get(key, -REPEAT_MS - 1) <= REPEAT_MS:
            self.repeats += 1
        self._last_of[key] = at

    def dialled(self) -> None:
        """The centre called somebody, who answered: a contact too."""
        self.contacts += 1

    def entered(self, at: int, queue: str, contact: str) -> None:
        """A contact entered a queue."""
        self._of(queue, at)["offered"] += 1
        self._waiting[contact, queue] = at

    def left(self, at: int, queue: str, contact: str, how: str) -> None:
        """A contact left a queue: answered, abandoned, flow_out or callbacks_requested."""
        wait_ms = at - self._waiting.pop((contact, queue))
        limits = self._limits(queue)
        self.follows.here(at, contact)
        counts = self._of(queue, at)
        counts[how] += 1
        within = wait_ms <= limits.threshold_ms
        self._of(queue, at - max(0, wait_ms - limits.threshold_ms))["sl_offered"] += 1
        if how == "answered":
            counts["wait_answered_ms"] += wait_ms
            counts["answered_in_threshold"] += within
        elif how == "abandoned":
            counts["wait_abandoned_ms"] += wait_ms
            counts["short_abandoned"] += wait_ms <= limits.short_abandon_ms

    def unrouted(self, at: int, queue: str, contact: str) -> None:
        """A contact was lost on its way to an agent: it was not offered after all."""
        self.follows.here(at, contact)
        entered_at = self._waiting.pop((contact, queue))
        self._of(queue, entered_at)["offered"] -= 1
        self._of(queue, at)["route_loss"] += 1

    def handled(self, at: int, queue: str, *, talk_ms: int, hold_ms: int, acw_ms: int) -> None:
        """An agent is done with a contact, the work after it included."""
        counts = self._of(queue, at)
        counts["handled"] += 1
        counts["talk_ms"] += talk_ms
        counts["hold_ms"] += hold_ms
        counts["acw_ms"] += acw_ms

    def mentioned(self) -> int:
        """Somebody wrote in public; returns how many did by now."""
        self.mentions += 1
        return self.mentions

    def ticket(self, topic: str, what: str, times: int = 1) -> None:
        """Something happened to a ticket, or so much was paid."""
        self.tickets.setdefault(topic, Counter())[what] += times

    def task(self, department: str, what: str, number: int = 1) -> None:
        """Something happened to a task, or to so many; less than 0 takes back what was said."""
        self.tasks.setdefault(department, Counter())[what] += number

    def document(self, zone: ZoneInfo, about: Mapping[str, object]) -> dict[str, Any]:
        """Return everything as plain data; hours are written as `goldpan report` writes them."""
        hours = {key: Counter(counts) for key, counts in self._hours.items()}
        for (_, queue), entered_at in self._waiting.items():
            # Who waits at the end has waited too long, or will have: the end decides it.
            due = entered_at + self._limits(queue).threshold_ms
            hours.setdefault((queue, due // HOUR_MS), Counter())["sl_offered"] += 1
        totals: dict[str, Counter[str]] = {}
        for (queue, _), counts in hours.items():
            totals.setdefault(queue, Counter()).update(counts)
        return {
            **about,
            "queues": {
                queue: {
                    "total": _with_ratios(totals[queue]),
                    "hours": {
                        _hour(hour, zone): _with_ratios(counts)
                        for (name, hour), counts in sorted(hours.items())
                        if name == queue
                    },
                }
                for queue in sorted(totals)
            },
            "contacts": self.contacts,
            "repeat_contacts": self.repeats,
            "follows": self.follows.document(),
            "mentions": self.mentions,
            "tickets": {
                topic: dict(sorted(c.items())) for topic, c in sorted(self.tickets.items())
            },
            "tasks": {
                name: {what: n for what, n in sorted(c.items()) if n}
                for name, c in sorted(self.tasks.items())
            },
            "unregistered": self.unregistered,
            "escalations": dict(sorted(self.escalations.items())),
            "very_urgent": dict(sorted(self.very_urgent.items())),
            "surveys": dict(sorted(self.surveys.items())),
            "incidents": self.incidents,
        }

    def _of(self, queue: str, at: int) -> Counter[str]:
        key = queue, at // HOUR_MS
        counts = self._hours.get(key)
        if counts is None:
            counts = self._hours[key] = Counter()
        return counts


def _with_ratios(counts: Mapping[str, int]) -> dict[str, float | int]:
    """Counts, and the ratios that people ask for first, where there is something to divide by."""
    found: dict[str, float | int] = {name: n for name, n in sorted(counts.items()) if n}
    decided = counts.get("sl_offered", 0) - counts.get("short_abandoned", 0)
    if decided > 0:
        found["service_level"] = 100 * counts.get("answered_in_threshold", 0) / decided
    if answered := counts.get("answered", 0):
        found["asa"] = counts.get("wait_answered_ms", 0) / answered / 1000
    if handled := counts.get("handled", 0):
        work = sum(counts.get(name, 0) for name in ("talk_ms", "hold_ms", "acw_ms"))
        found["aht"] = work / handled / 1000
    return found


def _hour(hour: int, zone: ZoneInfo) -> str:
    moment = datetime.fromtimestamp(hour * 3600, UTC).astimezone(zone)
    return moment.isoformat(timespec="minutes")
