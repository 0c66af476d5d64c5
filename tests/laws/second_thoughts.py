"""An event flows in, the same event as a source that thinks again tells it flows out."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from tests.laws.staff import STATES


def revised_by(
    random_: random.Random, content: dict[str, Any], queues: Sequence[str]
) -> dict[str, Any]:
    """The event as a source that has second thoughts tells it."""
    revised = dict(content)
    if "due_at" in revised:
        revised |= {"due_at": revised["occurred_at"], "priority": "urgent"}
    others: dict[str, Sequence[object]] = {"wait_ms": (0, 3000, 25_000)}
    others |= {"queue": queues, "state": STATES}
    for name, values in others.items():
        if name in revised:
            revised[name] = random_.choice(values)
    if random_.random() < 0.2:  # perhaps it was another day
        occurred = datetime.fromisoformat(content["occurred_at"])
        hours = random_.choice([1, 14, 30])
        revised["occurred_at"] = (occurred - timedelta(hours=hours)).isoformat()
    return revised
