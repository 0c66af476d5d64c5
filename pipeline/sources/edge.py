"""A payload as a source sent it flows in; what routes it flows out: site, identities, event time.

The edge looks at a payload just far enough to choose its shard. It judges nothing: what it cannot
read gets a subject from its bytes and is judged by decode, where it becomes a dead letter that has
a place in the log.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import google_crc32c
import msgspec

from pipeline.sources.subjects import Identities
from schemas.events import epoch_ms


class _Glance(msgspec.Struct, gc=False):
    """The fields that the edge reads; whatever else there is does not matter here."""

    event_type: str = ""
    site: str = ""
    occurred_at: datetime | None = None
    contact_id: str | None = None
    root_contact_id: str | None = None
    ticket_id: str | None = None
    ticket_ids: tuple[str, ...] | None = None
    escalation_id: str | None = None
    customer_id: str | None = None
    phone_hash: str | None = None
    account_hash: str | None = None
    agent_id: str | None = None
    event_id: str = ""
    subjects: tuple[str, str] | None = None


_decoder = msgspec.json.Decoder(_Glance)


class Routing(NamedTuple):
    """What the edge saw. `occurred_ms` is None where no event time could be read.

    `linked` holds the two subjects of an `identity.linked` event.
    """

    site: str
    identities: Identities
    occurred_ms: int | None
    linked: tuple[str, str] | None = None


def route(payload: bytes) -> Routing:
    """Look at a payload; any bytes get an answer, and the same bytes the same."""
    try:
        seen = _decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        fallback = f"unreadable:{google_crc32c.value(payload):08x}"
        return Routing("", Identities(fallback=fallback), None)
    at = seen.occurred_at
    contact_id, ticket_id = seen.contact_id, seen.ticket_id
    if seen.escalation_id is not None:
        # It lies with its first ticket, and stays there when a later word names none.
        contact_id = f"escalation:{seen.escalation_id}"
        ticket_id = ticket_id or next(iter(seen.ticket_ids or ()), None)
    return Routing(
        seen.site,
        Identities(
            contact_id,
            seen.root_contact_id,
            ticket_id,
            seen.customer_id,
            seen.phone_hash,
            seen.account_hash,
            seen.agent_id,
            seen.event_type.partition(".")[0],
            f"event:{seen.event_id}",
        ),
        epoch_ms(at) if at is not None and at.tzinfo is not None else None,
        seen.subjects if seen.event_type == "identity.linked" else None,
    )
