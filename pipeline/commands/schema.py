"""`goldpan schema [EVENT_TYPE]`: the contract of one event, or of all, as JSON Schema."""

from __future__ import annotations

import argparse
import difflib
import json

from pipeline.errors import ConfigError
from schemas.events import EVENT_TYPES
from schemas.json_schema import DIALECT, all_schemas, event_schema


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("schema", help="print what events may say, as JSON Schema")
    parser.add_argument(
        "event_type", nargs="?", metavar="EVENT_TYPE", help="such as call.queued (default: all)"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print it."""
    print(json.dumps(_schema(options.event_type), ensure_ascii=False, indent=2))
    return 0


def _schema(event_type: str | None) -> dict[str, object]:
    if event_type is None:
        parts = all_schemas()
        either = [{"$ref": f"#/$defs/{name}"} for name in parts]
        return {"$schema": DIALECT, "$id": "goldpan:events", "oneOf": either, "$defs": parts}
    if event_type not in EVENT_TYPES:
        near = difflib.get_close_matches(event_type, EVENT_TYPES, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}?" if near else "'goldpan schema' shows them all"
        msg = f"there is no event type {event_type!r}; {hint}"
        raise ConfigError(msg)
    return event_schema(event_type)
