"""The store's tables flow in, the views that a store in memory would show flow out."""

from __future__ import annotations

import json
from typing import Any

from pipeline.contribution import Measure, revision_of
from pipeline.operators.rows import RowKey
from pipeline.sinks.client import Client
from pipeline.sinks.raw import DERIVED
from schemas import rows as schema
from schemas.records import RecordKind
from tests.laws.views import Views

_TIMES = frozenset(
    {
        *("ingest_time", "event_time", "first_at", "started_at", "queued_at", "exited_at"),
        *("answered_at", "ended_at", "completed_at", "window_start", "window_end"),
        *("opened_at", "registered_at", "dispatched_at", "accepted_at", "responded_at"),
        *("flagged_at", "escalated_at", "resolved_at", "closed_at", "updated_at", "due_at"),
        *("promised_at", "legal_due_at", "received_at", "at_risk_at", "at_high_risk_at"),
        *("silent_at", "forget_at", "reworked_at", "assigned_at", "urged_at", "cycle_at"),
        *("last_at", "sensitive_at", "sensitive_again_at"),
        *("since", "last_heartbeat", "oldest_queued_at", "newest_event_at", "heard_at"),
    }
)


def empty(client: Client) -> None:
    """Leave nothing of an earlier example."""
    for name in (*DERIVED, schema.RAW_EVENTS.name, schema.CONFIGS.name):
        client.execute(f"TRUNCATE TABLE {name}")


def tables(client: Client) -> Views:
    """What stands in the tables."""
    letters = _select(client, schema.DEAD_LETTERS)
    raw = [row for row in _select(client, schema.RAW_EVENTS) if row["kind"] != "tick"]
    return Views(
        rows={key: value for name in schema.row_families() for key, value in _rows(client, name)},
        entities={
            (family, row["site"], row[table.columns[1]]): [
                value for name, value in row.items() if name != "revision"
            ]
            for family, table in schema.FACTS.items()
            for row in _select(client, table)
            if row["events"]
        },
        now={
            (family, row["site"], row[table.columns[1]]): [
                value for name, value in row.items() if name not in {"revision", "over"}
            ]
            for family, table in schema.NOW.items()
            for row in _select(client, table)
        },
        callers={
            (row["site"], row["day"], row["caller"]): starts
            for row in _select(client, schema.CALLERS)
            if (starts := json.loads(row["state"]))
        },
        histories={
            (row["site"], row["subject"]): told
            for row in _select(client, schema.HISTORIES)
            if any((told := json.loads(row["state"]))[:3])
        },
        transitions={
            (row["alert_id"], row["transition"]): tuple(
                value for name, value in row.items() if name != "revision"
            )
            for row in _select(client, schema.ALERT_TRANSITIONS)
        },
        letters={_place(row): tuple(row.values()) for row in letters},
        queues={
            (row["site"], row["queue"], row["shard"]): tuple(row.values())[4:]
            for row in _select(client, schema.QUEUES_NOW)
        },
        sources={
            (row["site"], row["source"], row["shard"]): tuple(row.values())[4:]
            for row in _select(client, schema.SOURCES_HEARD)
        },
        raw={
            _place(row): tuple((row | {"kind": RecordKind[row["kind"].upper()]}).values())
            for row in raw
        },
    )


def _select(client: Client, table: schema.Table) -> list[dict[str, Any]]:
    """The standing rows, times as epoch ms, days as text, payloads as bytes."""
    rows = client.execute(
        f"SELECT {', '.join(_read(name) for name in table.columns)} FROM {table.name} FINAL"
    )
    return [dict(zip(table.columns, _bytes(table, row), strict=True)) for row in rows]


def _read(name: str) -> str:
    if name in _TIMES:
        return f"toUnixTimestamp64Milli({name})"
    return {"payload": "hex(payload)", "day": "toString(day)"}.get(name, name)


def _bytes(table: schema.Table, row: tuple[Any, ...]) -> list[Any]:
    return [
        bytes.fromhex(value) if name == "payload" else value
        for name, value in zip(table.columns, row, strict=True)
    ]


def _place(row: dict[str, Any]) -> tuple[int, int]:
    return row["shard"], revision_of(row["generation"], row["offset"])


def _rows(client: Client, name: str) -> list[tuple[tuple[int, RowKey], dict[Measure, int]]]:
    family = schema.row_families()[name]
    found = []
    columns = [n if n != "minute" else "toInt64(toUnixTimestamp(minute))" for n in family.columns]
    for values in client.execute(f"SELECT {', '.join(columns)} FROM {family.table} FINAL"):
        row = dict(zip(family.columns, values, strict=True))
        dims = tuple(row[column] for column in family.sets[row["dims"]])
        key = RowKey(name, row["site"], row["dims"], row["minute"] * 1000, dims)
        measures: dict[Measure, int] = {}
        for measure in family.measures:
            if measure in family.histograms:
                measures |= {(measure, bin_): n for bin_, n in row[measure].items() if n}
            elif row[measure]:
                measures[measure] = row[measure]
        if measures:
            found.append(((row["shard"], key), measures))
    return found
