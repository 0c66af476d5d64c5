"""Every event that Goldpan understands: one frozen model per `event_type`, a family per module."""

from __future__ import annotations

from schemas.events import calls
from schemas.events.envelope import Event, epoch_ms

EVENT_TYPES: dict[str, type[Event]] = {
    model.model_fields["event_type"].default: model
    for module in (calls,)
    for model in module.EVENTS
}
"""The contract of each event type, by its name."""

__all__ = ["EVENT_TYPES", "Event", "epoch_ms"]
