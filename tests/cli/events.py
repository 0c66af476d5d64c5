"""Good lines of events, to stand around bad ones."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)


def event(kind: str, contact: str, minute: float = 0, **fields: object) -> bytes:
    """One line, without its end."""
    envelope = {
        "event_id": f"{contact}:{kind}",
        "event_type": kind,
        "site": "example",
        "source": "pbx",
        "occurred_at": (NINE + timedelta(minutes=minute)).isoformat(),
        "contact_id": contact,
    }
    return json.dumps(envelope | fields, ensure_ascii=False).encode()


def queued(contact: str, minute: float = 0, **fields: object) -> bytes:
    return event("call.queued", contact, minute, **{"queue": "general", **fields})


def calls(count: int, prefix: str = "c") -> list[bytes]:
    """So many calls that were offered, one a second."""
    return [queued(f"{prefix}{number}", number / 60) for number in range(count)]
