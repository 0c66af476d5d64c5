"""What people call about: topics with their products, queues and the departments that settle them.

The enterprise is made up: it sells broadband and mobile plans, devices by post and an app.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Topic:
    """One matter.

    Attributes:
        name: as it stands in events.
        weight: how often people call about it, beside the others.
        queue: where calls about it wait.
        department: who settles what the front line cannot.
        category: from the broad to the narrow.
        products: what it may be about.
        complaint: the share of its calls that complain.
    """

    name: str
    weight: float
    queue: str
    department: str
    category: tuple[str, str]
    products: tuple[str, ...]
    complaint: float


TOPICS: Final = (
    Topic("plan", 19, "general", "product", ("service", "plan"), ("mobile", "broadband"), 0.02),
    Topic("account", 13, "general", "product", ("service", "account"), ("mobile", "app"), 0.02),
    Topic("delivery", 12, "general", "logistics", ("order", "delivery"), ("router", "phone"), 0.13),
    Topic("installation", 7, "general", "field", ("order", "installation"), ("broadband",), 0.10),
    Topic("billing", 15, "billing", "finance", ("charges", "bill"), ("mobile", "broadband"), 0.11),
    Topic("refund", 6, "billing", "finance", ("charges", "refund"), ("phone", "mobile"), 0.22),
    Topic("invoice", 4, "billing", "finance", ("charges", "invoice"), ("mobile",), 0.04),
    Topic("network", 12, "technical", "network", ("quality", "network"), ("broadband",), 0.10),
    Topic("speed", 6, "technical", "network", ("quality", "speed"), ("broadband", "mobile"), 0.09),
    Topic("login", 8, "technical", "it", ("app", "login"), ("app",), 0.06),
    Topic("promotion", 3, "general", "marketing", ("sales", "promotion"), ("mobile",), 0.35),
    Topic("attitude", 2, "general", "service", ("staff", "attitude"), ("store", "app"), 0.75),
)
BY_NAME: Final = {topic.name: topic for topic in TOPICS}
REGIONS: Final = ("north", "east", "south", "west", "central")
