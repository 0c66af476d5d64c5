"""Event contracts flow in, the description of the gateway's interface flows out: OpenAPI 3.1."""

from __future__ import annotations

from typing import Any, Final

from pipeline.gateway.limits import Limits
from pipeline.sources.adapters import ADAPTERS
from schemas.json_schema import all_schemas

_COUNT: Final = {"type": "integer", "minimum": 0}
_TEXT: Final = {"type": "string"}
_RESULT: Final = {
    "type": "object",
    "required": ["line", "status", "reason", "detail"],
    "properties": {
        "line": {"type": "integer", "minimum": 1, "description": "Its place in the body, from 1."},
        "status": {"enum": ["dead_letter", "refused"]},
        "reason": _TEXT,
        "event_id": _TEXT,
        "field": {**_TEXT, "description": "The first field that is wrong."},
        "value": {**_TEXT, "description": "Its value, masked."},
        "detail": {**_TEXT, "description": "What is wrong, and what to do."},
    },
    "additionalProperties": False,
}
_TAKEN: Final = {
    "type": "object",
    "required": ["accepted", "dead_letter", "refused", "results"],
    "properties": {
        "accepted": {**_COUNT, "description": "Durable, and counted once however often sent."},
        "dead_letter": {**_COUNT, "description": "Durable, but breaks its contract: not counted."},
        "refused": {**_COUNT, "description": "What the key may not write; nothing is kept."},
        "skipped": {**_COUNT, "description": "A vendor's records that hold nothing for us."},
        "ignored_fields": {
            "type": "object",
            "additionalProperties": _COUNT,
            "description": "Fields that no contract knows, and how often they were dropped.",
        },
        "results": {"type": "array", "items": {"$ref": "#/components/schemas/Result"}},
    },
    "additionalProperties": False,
}
_PROBLEM: Final = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {"code": _TEXT, "message": _TEXT},
            "additionalProperties": False,
        }
    },
    "additionalProperties": False,
}
_RETRY: Final = {
    "Retry-After": {
        "description": "Seconds to wait before the same is sent again.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    }
}
_REFUSALS: Final = {
    "400": "The body cannot be read as a whole: not UTF-8, not JSON, broken gzip, empty.",
    "401": "No key, an unknown, expired or revoked one, or a signature that does not fit.",
    "404": "There is nothing here.",
    "405": "Not with this method.",
    "408": "The body came too slowly.",
    "413": "Too many bytes or events.",
    "415": "A content type or encoding that is not known.",
    "500": "An error of ours.",
}
_WAITS: Final = {
    "429": "The key sends too fast.",
    "503": "Starting, a full disk, no broker, or too much at once; nothing is kept for certain.",
}


def document(version: str, limits: Limits) -> dict[str, Any]:
    """The whole document.

    Args:
        version: of Goldpan.
        limits: what one request may hold.
    """
    schemas = all_schemas("#/components/schemas/{model}")
    event = {"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in schemas]}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Goldpan",
            "version": version,
            "description": "Live events of a call centre, durable before they are acknowledged. "
            "Send the same again after anything but an answer: an event id counts once.",
        },
        "security": [{"bearer": []}, {"basic": []}],
        "paths": {
            "/v1/events": {"post": _events(limits)},
            "/v1/sources/{adapter}": {"post": _records()},
            "/healthz": {"get": _told("This process answers.", "Alive")},
            "/readyz": {
                "get": _told("What comes in is counted and seen.", "Ready", "503", "Not ready.")
            },
        },
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "The key is the password; the name is not looked at.",
                },
            },
            "schemas": {
                **schemas,
                "Event": event,
                "Result": _RESULT,
                "Taken": _TAKEN,
                "Problem": _PROBLEM,
                "Alive": {
                    "type": "object",
                    "required": ["alive"],
                    "properties": {"alive": {"const": True}},
                },
                "Ready": {
                    "type": "object",
                    "required": ["ready", "reasons"],
                    "properties": {
                        "ready": {"type": "boolean"},
                        "reasons": {"type": "array", "items": _TEXT},
                    },
                },
            },
        },
    }


def _events(limits: Limits) -> dict[str, Any]:
    event = {"$ref": "#/components/schemas/Event"}
    many = {"type": "array", "items": event, "minItems": 1, "maxItems": limits.lines}
    return {
        "operationId": "takeEvents",
        "summary": "Take events in.",
        "description": f"One object, an array, or one object a line; plain or gzip; at most "
        f"{limits.lines:,} events and {limits.body_bytes:,} bytes.",
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"anyOf": [event, many]}},
                "application/x-ndjson": {"schema": _TEXT},
            },
        },
        "responses": _responses(),
    }


def _records() -> dict[str, Any]:
    return {
        "operationId": "takeRecords",
        "summary": "Take a vendor's records in, as the vendor sends them.",
        "parameters": [
            {
                "name": "adapter",
                "in": "path",
                "required": True,
                "schema": {"enum": sorted(ADAPTERS)},
            }
        ],
        "requestBody": {"required": True, "content": {"*/*": {"schema": _TEXT}}},
        "responses": _responses(),
    }


def _responses() -> dict[str, Any]:
    return {
        "202": _answer("Durable. What was wrong with some is said one by one.", "Taken"),
        "403": _answer("The key may not write any of them.", "Taken"),
        "422": _answer("None keeps its contract; they are kept as dead letters.", "Taken"),
        **{status: _answer(meaning, "Problem") for status, meaning in _REFUSALS.items()},
        **{
            status: {**_answer(meaning, "Problem"), "headers": _RETRY}
            for status, meaning in _WAITS.items()
        },
    }


def _told(summary: str, schema: str, status: str = "", meaning: str = "") -> dict[str, Any]:
    responses = {
        "200": _answer(summary, schema),
        "405": _answer(_REFUSALS["405"], "Problem"),
    }
    if status:
        responses[status] = _answer(meaning, schema)
    return {"summary": summary, "security": [], "responses": responses}


def _answer(meaning: str, schema: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"description": meaning, "content": content}
