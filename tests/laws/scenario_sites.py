"""A random source flows in, what a site configures flows out: of any kind that changes counts."""

from __future__ import annotations

import random
from typing import Any


def settings(random_: random.Random, calendars: random.Random) -> dict[str, Any]:
    """What a site may configure, of any kind that changes what is counted."""
    own = calendars.choice([{}, {"calendar": "early"}, {"calendar": "always"}])
    business = calendars.choice([False, bool(own), "early"])
    ways = [["closed"], ["registered", "resolved", "closed"]]
    standard = {"charges": ["fixed"], "invoice": ["refunded"]}
    choice = random_.choice
    return {
        "defaults": {
            "service_level": {
                "threshold_s": float(choice([10, 20, 30])),
                "target_pct": float(choice([60, 80, 95])),
            }
        },
        "contact_timeouts": {"waiting_minutes": choice([1, 3, 120])},
        "agent_timeouts": {"default_s": choice([30.0, 60.0]), "sources": {"desk": 900.0}},
        "tickets": {
            "default": {"response_minutes": 5.0, "silent_hours": 0.1, "business": business},
            "priorities": {"urgent": {"resolution_hours": choice([0.05, 0.5])}},
            "forget_days": choice([1, 365]),
        },
        "calendars": {
            "early": {"hours": {"mon-sun": ["06:10-06:20", "06:21-07:30", "20:00-24:00"]}},
            "always": {"hours": {"mon-sun": ["00:00-24:00"]}},
        },
        "departments": {
            "D": {
                "name": {"zh": "部", "en": "D"},
                "calendar": "early",
                "cycle_hours": choice([None, 0.02, 0.2]),
                "task_hours": {"check": choice([0.1, 1.0])},
                "interface_person": choice([None, "p"]),
            }
        },
        **own,
        "standards": {
            "authority": choice([{}, {"1": 50.0}, {"1": 9.99, "2": 500.0}]),
            "outcomes": choice([{}, standard]),
            "paths": choice([[], ways]),
            "service_errors": choice([[], ["person"], ["service_error"]]),
        },
        "repeats": _windows(random_),
    }


def _windows(random_: random.Random) -> dict[str, Any]:
    """Windows within which things of one morning follow each other, or do not."""
    names = ("resolution_days", "next_contact_days", "complaint_days", "look_back_days")
    windows: dict[str, Any] = {name: random_.choice([0.003, 0.01, 30.0]) for name in names}
    windows["same_contact_minutes"] = random_.choice([0.0, 1.0, 15.0])
    windows["front_line_hours"] = random_.choice([0.1, 24.0])
    windows["issue"] = random_.choice(["topic", "category"])
    return windows
