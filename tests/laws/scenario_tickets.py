"""A random source flows in, one ticket's events flow out: of any shape, also impossible ones."""

from __future__ import annotations

import random
from typing import Any

START = 1_700_000_000_000 - 1_700_000_000_000 % 60_000
_WAYS: dict[str, tuple[tuple[str, int], ...]] = {
    "new": (("registered", 8), ("received", 3), ("updated", 1), ("task.assigned", 1)),
    "open": (
        *(("dispatched", 4), ("accepted", 4), ("updated", 3), ("replied", 4), ("returned", 1)),
        *(("resolved", 5), ("closed", 1), ("merged", 1), ("task.assigned", 1), ("task.urged", 1)),
        *(("task.returned", 1), ("escalation.external", 1), ("archived", 1), ("registered", 1)),
    ),
    "over": (
        *(("reopened", 3), ("closed", 4), ("followup.due", 2), ("followup.attempted", 2)),
        *(("followup.reached", 2), ("archived", 2), ("replied", 1), ("dispatched", 1)),
        *(("followed_up", 1), ("escalation.internal", 1)),
    ),
}
"""What comes next, by what was last, and how often."""
_OVER = frozenset({"resolved", "closed", "merged", "archived"})


class _Desk:
    """A ticket as it unfolds at a desk that may number its events."""

    def __init__(self, random_: random.Random, ticket_id: str, site: str, begin: int) -> None:
        self.events: list[dict[str, Any]] = []
        self._random = random_
        self._ticket_id = ticket_id
        self._site = site
        self._at = begin
        self._numbers = random_.random() < 0.3

    def tell(self, word: str) -> None:
        """The next event, with what such an event may say."""
        chance, choice = self._random.random, self._random.choice
        self._at += choice([0, 0, 500, 30_000, 400_000, 1_500_000])
        content: dict[str, Any] = {
            "event_type": word if "." in word else f"ticket.{word}",
            "event_id": f"{self._ticket_id}:{len(self.events)}",
            "site": self._site,
            "source": "desk",
            "occurred_ms": self._at,
            "ticket_id": self._ticket_id,
        }
        if "." not in word:
            content |= self._about(word)
            if self._numbers:
                # The desk's clock may tie or go back; its numbers do not.
                content["seq"] = 10 * len(self.events)
                if chance() < 0.2:
                    content["occurred_ms"] -= 1_000
        elif word.startswith("task."):
            content["task_id"] = f"{self._ticket_id}:task"
        elif word.startswith("escalation."):
            content["escalation_id"] = f"{self._ticket_id}:{choice('ab')}"
            content["ticket_ids"] = [content.pop("ticket_id"), "elsewhere"]
            if chance() < 0.5:
                content["accountable"] = chance() < 0.5
        elif word == "followup.reached":
            content |= {"resolved_answer": choice(["yes", "no"]), "new_issue": chance() < 0.3}
            if chance() < 0.9:
                content["contacted_answer"] = choice(["yes", "yes", "no"])
        self.events.append(content)

    def _about(self, word: str) -> dict[str, Any]:
        chance, choice = self._random.random, self._random.choice
        said: dict[str, Any] = {}
        if word in {"registered", "received", "updated"}:
            said["priority"] = choice(["normal", "urgent"])
            said["category"] = choice([["charges"], ["charges", "invoice"], ["network"]])
            if chance() < 0.5:
                said["due"] = self._at + choice([0, 60_000, 600_000, 3_600_000])
            if chance() < 0.2:
                said["legal_due"] = self._at + choice([60_000, 3_600_000])
            if chance() < 0.4:
                said["promised"] = self._at + choice([-60_000, 0, 30_000, 600_000, 3_600_000])
            if chance() < 0.3:
                said["urgent_reasons"] = choice([[], ["VU1"], ["VU1", "VU2"]])
            if chance() < 0.5:
                said |= {
                    "topic": choice(["bill", "line"]),
                    "severity": choice(["minor", "serious"]),
                }
            if chance() < 0.3:
                said |= {"required_fields": 5, "filled_fields": self._random.randint(0, 6)}
        if word in {"registered", "dispatched"} and chance() < 0.7:
            said |= {"team": choice("xy"), "department": choice("DE"), "owner": choice("no")}
        if word == "registered" and not self.events and chance() < 0.3:
            said["received"] = self._at - 90_000
        if word == "replied":
            said["auto"] = chance() < 0.3
            if chance() < 0.3:
                said["promised"] = self._at + choice([30_000, 600_000, 3_600_000])
        if word in {"resolved", "closed"}:
            said |= self._settled(word)
        return said

    def _settled(self, word: str) -> dict[str, Any]:
        chance, choice = self._random.random, self._random.choice
        said: dict[str, Any] = {}
        if word == "closed" and chance() < 0.5:
            said["upheld"] = chance() < 0.5
        if chance() < 0.5:
            said[choice(["root_cause", "cause_party"])] = choice(["person", "service_error"])
        if chance() < 0.7:
            said["outcome"] = choice(["fixed", "refunded", "refused"])
            if chance() < 0.5:
                said |= {"compensation_amount": choice([0, 9.995, "50", 50.01, 1e3])}
                said |= {"handler_level": choice("12")} | choice([{}, {"currency": "CNY"}])
                if chance() < 0.2:
                    said["currency"] = "USD"
        return said


def ticket(random_: random.Random, ticket_id: str, site: str, begin: int) -> list[dict[str, Any]]:
    """The events of one ticket; times are epoch ms under `occurred_ms`, `due`, ...."""
    desk = _Desk(random_, ticket_id, site, begin)
    state = "new"
    for _ in range(random_.randint(1, 9)):
        ways = _WAYS[state]
        [word] = random_.choices([way for way, _ in ways], [share for _, share in ways])
        desk.tell(word)
        if word in _OVER:
            state = "over"
        elif state == "new" or word == "reopened":
            state = "open"
    return desk.events
