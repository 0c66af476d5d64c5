"""A random source flows in, one task's events flow out: of any shape, also impossible ones."""

from __future__ import annotations

import random
from typing import Any

_WAYS: dict[str, tuple[tuple[str, int], ...]] = {
    "": (("assigned", 12), ("urged", 1), ("answered", 1), ("returned", 1), ("closed", 1)),
    "assigned": (
        *(("answered", 8), ("urged", 5), ("returned", 2), ("assigned", 1), ("closed", 1)),
    ),
    "answered": (
        *(("returned", 5), ("closed", 5), ("urged", 1), ("assigned", 1), ("answered", 1)),
    ),
}
"""What comes next, by who has it, and how often."""
_HELD_AFTER = {"assigned": "assigned", "answered": "answered", "closed": "answered"}


def task(
    random_: random.Random, task_id: str, ticket_id: str, site: str, begin: int
) -> list[dict[str, Any]]:
    """The events of one task; times are epoch ms under `occurred_ms` and `due`."""
    chance, choice = random_.random, random_.choice
    events: list[dict[str, Any]] = []
    state, at = "", begin
    for _ in range(random_.randint(1, 8)):
        ways = _WAYS[state]
        [word] = random_.choices([way for way, _ in ways], [share for _, share in ways])
        if word == "returned":
            state = "assigned" if state == "answered" else "answered"
        state = _HELD_AFTER.get(word, state)
        at += choice([0, 0, 500, 30_000, 400_000, 1_500_000, 20_000_000])
        content: dict[str, Any] = {
            "event_type": f"task.{word}",
            "event_id": f"{task_id}:{len(events)}",
            "site": site,
            "source": "desk",
            "occurred_ms": at,
            "ticket_id": ticket_id,
            "task_id": task_id,
        }
        if chance() < (0.8 if word == "assigned" else 0.2):
            content["department"] = choice("DE")
        if chance() < 0.3:
            content["interface_person"] = choice("pq")
        if chance() < 0.3:
            content["task_type"] = choice(["check", "refund"])
        if chance() < 0.3:
            content["due"] = at + choice([-60_000, 0, 30_000, 600_000, 3_600_000])
        if word == "urged" and chance() < 0.9:
            content["urge_level"] = choice(["ticket", "email", "phone", "leader", "drum"])
        events.append(content)
    return events
