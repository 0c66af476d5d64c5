"""Events flow in, answers flow out of the least that Python can do: one loop, two dicts."""

from __future__ import annotations

from collections import deque
from pathlib import Path

from tests.bench.simple_job import Answer, decoded, is_third, lines, measure


def plain_loop(path: Path) -> Answer:
    """The least that Python can do: one loop, two dictionaries."""
    waits: dict[tuple[str, int], list[int]] = {}
    complaints: dict[tuple[str, str], deque[int]] = {}
    repeats: set[tuple[str, str]] = set()
    for event in decoded(lines(path)):
        at = event.occurred_ms
        if event.event_type == "call.answered":
            key = (event.queue, at - at % 60_000)
            row = waits.get(key)
            wait = event.wait_ms
            if row is None:
                waits[key] = [1, wait, wait]
            else:
                row[0] += 1
                row[1] += wait
                row[2] = max(row[2], wait)
        else:
            who = (event.customer_id, event.topic)
            if is_third(complaints.setdefault(who, deque()), at):
                repeats.add(who)
    return {key: (row[0], row[1], row[2]) for key, row in waits.items()}, repeats


if __name__ == "__main__":
    measure(plain_loop)
