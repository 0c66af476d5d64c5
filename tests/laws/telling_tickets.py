"""Events told by hand flow in, a ticket and what it counts as flow out."""

from __future__ import annotations

from collections import Counter
from typing import Any

from pipeline.contribution import Measure
from pipeline.decode import DeadLetter, Decoder
from pipeline.operators.tickets import Ticket
from pipeline.site_rules import SiteRules
from schemas.records import LIVE
from schemas.site import SiteConfig
from tests.laws.scenario import START, encode, iso

MINUTE = 60_000
DECODER = Decoder()


def at(minute: float, event_type: str, **fields: Any) -> dict[str, Any]:
    """An event of ticket t, so many minutes after the start."""
    return {
        "event_type": event_type,
        "event_id": f"{event_type}:{minute}",
        "site": "demo",
        "source": "desk",
        "occurred_at": iso(START + round(minute * MINUTE)),
        "ticket_id": "t",
        **fields,
    }


def told(*events: dict[str, Any], **settings: Any) -> Ticket:
    """A ticket that was told these events, in this order, at a site with these settings."""
    config = SiteConfig.model_validate(
        {
            **{"format": 1, "site": "demo", "name": {"zh": "例", "en": "Ex"}, "time_zone": "UTC"},
            **settings,
        }
    )
    ticket = Ticket("demo", "t", 0, "ticket:t", SiteRules("v", config))
    for number, content in enumerate(events):
        event = DECODER.decode(encode(content), START + 10**12)
        assert not isinstance(event, DeadLetter), event.detail
        ticket.apply(event, LIVE, number + 1)
    return ticket


def sums(ticket: Ticket) -> Counter[Measure]:
    """What it counts as for its site, over all minutes."""
    total: Counter[Measure] = Counter()
    for cell in ticket.count():
        if "site" in cell.place.sets:
            total.update(dict(cell.measures))
    return total
