"""Every event that Goldpan understands: one frozen model per `event_type`, a family per module."""

from __future__ import annotations

from typing import Final

from schemas.events import (
    agents,
    calls,
    control,
    customers,
    departments,
    improvement,
    tickets,
)
from schemas.events.envelope import Event, epoch_ms, hundredths

EVENT_TYPES: Final[dict[str, type[Event]]] = {
    model.model_fields["event_type"].default: model
    for family in (calls, agents, tickets, departments, customers, improvement, control)
    for model in family.EVENTS
}
"""The contract of each event type, by its name."""

__all__ = ["EVENT_TYPES", "Event", "epoch_ms", "hundredths"]
