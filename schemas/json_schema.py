"""Event contracts flow in, JSON Schemas flow out: for senders that check before they send."""

from __future__ import annotations

from typing import Any, Final

from pydantic.json_schema import models_json_schema

from schemas.events import EVENT_TYPES

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_RAW: Final[dict[str, dict[str, Any]]] = {
    name: {
        "anyOf": [{"type": "string"}, {"type": "integer"}],
        "description": f"{meaning}, as it is; only its keyed hash is kept, as `{name}_hash`.",
    }
    for name, meaning in (("phone", "A phone number"), ("account", "An account name"))
}
"""What may be sent in the open though no contract has it."""


def event_schema(event_type: str) -> dict[str, Any]:
    """The contract of one event type, as a source may send it.

    Raises:
        KeyError: there is no such type.
    """
    schema = EVENT_TYPES[event_type].model_json_schema(by_alias=True)
    return {"$schema": DIALECT, "$id": f"goldpan:{event_type}", **_as_sent(schema)}


def all_schemas(ref_template: str = "#/$defs/{model}") -> dict[str, dict[str, Any]]:
    """Every contract by its event type; `ref_template` is where shared parts will stand."""
    _, whole = models_json_schema(
        [(model, "validation") for model in EVENT_TYPES.values()], ref_template=ref_template
    )
    parts = whole["$defs"]
    return {name: _as_sent(parts[model.__name__]) for name, model in EVENT_TYPES.items()}


def _as_sent(schema: dict[str, Any]) -> dict[str, Any]:
    """Without what the edge sets, with what the edge takes away."""
    properties = {name: part for name, part in schema["properties"].items() if name != "subject"}
    event_type = properties["event_type"]
    event_type.pop("default", None)
    required = sorted({*schema.get("required", ()), "event_type"})
    return {**schema, "properties": properties | _RAW, "required": required}
