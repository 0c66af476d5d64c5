"""A vendor's body in, our events out, each of them checked against its contract."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from pipeline.sources.adapters import ADAPTERS, Reading, Sender
from schemas.adapters import AdapterNames
from schemas.events import EVENT_TYPES
from tests.conftest import REAL_DATA

PAYLOADS = REAL_DATA / "payloads"
NONE = AdapterNames()


def readings_of(name: str, body: object, names: AdapterNames = NONE) -> list[Reading]:
    """Read a body, given as bytes, as text, or as what is to be JSON."""
    if isinstance(body, str):
        body = body.encode()
    elif not isinstance(body, bytes):
        body = json.dumps(body).encode()
    readings = list(ADAPTERS[name].read(body, Sender("example", name, names)))
    for reading in readings:
        for event in reading.events:
            model = EVENT_TYPES[event["event_type"]]
            model.model_validate_json(json.dumps(event))
            # What the contract does not know would be lost without a word.
            assert set(event) <= {*model.model_fields, "phone", "account"}
    return readings


def events_of(name: str, body: object, names: AdapterNames = NONE) -> list[dict[str, Any]]:
    """The events of a body in which nothing is amiss."""
    readings = readings_of(name, body, names)
    assert [reading.problem for reading in readings if reading.problem] == []
    return [event for reading in readings for event in reading.events]


def problem_of(name: str, body: object) -> str:
    """The one problem of a body."""
    (problem,) = (reading.problem for reading in readings_of(name, body) if reading.problem)
    return problem


def brief(events: Iterable[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    """List type, time of the day and some fields."""
    return [
        (event["event_type"], event["occurred_at"][11:-6], *(event.get(name) for name in names))
        for event in events
    ]
