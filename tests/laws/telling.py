"""Events told by hand flow in, a contact and what it counts as flow out."""

from __future__ import annotations

from collections import Counter
from typing import Any

from pipeline.contribution import Measure
from pipeline.decode import DeadLetter, Decoder
from pipeline.operators.contacts import Contact, cells_of, is_contact_event
from pipeline.site_rules import default_rules
from schemas.records import LIVE
from tests.laws.scenario import START, encode, event

DECODER = Decoder()
S = 1000


def told(*events: dict[str, Any]) -> Contact:
    """A contact that was told these events, in this order."""
    contact = Contact("demo", "c", 0, "contact:c", default_rules())
    for number, content in enumerate(events):
        read = DECODER.decode(encode(content), START + 10**12)
        assert not isinstance(read, DeadLetter), read.detail
        assert is_contact_event(read)
        contact.apply(read, LIVE, number + 1)
        contact.cells = cells_of(contact)
    return contact


def at(second: float, event_type: str, **fields: Any) -> dict[str, Any]:
    """An event of the contact, so many seconds after the start."""
    return event(event_type, START + round(second * S), "c", **fields)


def sums(contact: Contact, dims: str = "site") -> Counter[Measure]:
    """What the contact counts as in one dimension set, over all minutes."""
    total: Counter[Measure] = Counter()
    for cell in contact.cells:
        if dims in cell.place.sets:
            total.update(dict(cell.measures))
    return total


def plain(contact: Contact, dims: str = "site") -> dict[str, int]:
    """The same without histograms."""
    return {name: n for name, n in sums(contact, dims).items() if isinstance(name, str)}


QUEUED = at(0, "call.queued", queue="q", customer_id="k")
ANSWERED = at(12, "call.answered", agent_id="a", wait_ms=12 * S)
ENDED = at(100, "call.ended", talk_ms=80 * S, hold_ms=8 * S)
