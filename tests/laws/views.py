"""A store flows in, what people would see in it flows out, in a form that can be compared.

Views, not tables: `revision` is left out (DESIGN.md section 4), and so are rows and callers that
count nothing and entities without events, because what was taken back leaves such a row or none.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from pipeline.contribution import Measure
from pipeline.exchange import PROCESS
from pipeline.operators.rows import RowKey
from pipeline.sinks.memory import MemoryStore
from schemas.records import RecordKind
from schemas.rows import FACTS

REVISION = 3
"""The place of `revision` among the columns of a fact table; the shard stands before it."""
SHARD = 2


@dataclass
class Views:
    """What stands in a store."""

    rows: dict[tuple[int, RowKey], dict[Measure, int]]
    entities: dict[tuple[str, ...], list[Any]]
    """The rows of the fact tables, by family, site and id."""
    now: dict[tuple[str, ...], list[Any]]
    """The rows of the tables of open entities."""
    callers: dict[tuple[str, ...], dict[str, int]]
    histories: dict[tuple[str, ...], list[Any]]
    """The entries of each customer."""
    transitions: dict[tuple[str, int], tuple[Any, ...]]
    letters: dict[tuple[int, int], tuple[Any, ...]]
    queues: dict[tuple[str, str, int], tuple[Any, ...]]
    """How each queue stands: waiting, talking, the oldest entry."""
    sources: dict[tuple[str, str, int], tuple[Any, ...]]
    """What was heard of each source: its newest event, its last arrival."""
    raw: dict[tuple[int, int], tuple[Any, ...]] = field(default_factory=dict)

    def merged(self, family: str = "calls") -> dict[RowKey, Counter[Measure]]:
        """The base rows of a family, summed over shards."""
        sums: dict[RowKey, Counter[Measure]] = {}
        for (_, key), measures in self.rows.items():
            if key.family == family:
                sums.setdefault(key, Counter()).update(measures)
        return {key: sum_ for key, sum_ in sums.items() if any(sum_.values())}

    def people(self) -> dict[tuple[str, ...], list[Any]]:
        """The entities without the shard they lie on, and without how far its time has got.

        A deadline that a correction takes back may have passed on one shard and not on another:
        only the state keeps that, to know which deadlines need no timer any more.
        """
        people = {}
        for key, row in self.entities.items():
            columns = [name for name in FACTS[key[0]].columns if name != "revision"]
            person = dict(zip(columns, row, strict=True))
            del person["shard"]
            if key[0] in {"contact", "ticket"}:
                subject, domain, version, _, steps = json.loads(person["state"])
                person["state"] = [subject, domain, version, steps]
            people[key] = [*person.values()]
        return people

    def intake(self, *measures: str) -> Counter[tuple[Any, ...]]:
        """Sums of intake by site, set, values and measure, over all minutes and shards."""
        sums: Counter[tuple[Any, ...]] = Counter()
        for (_, key), row in self.rows.items():
            if key.family == "intake":
                for measure in measures:
                    sums[key.site, key.dims, key.values, measure] += row.get(measure, 0)
        return +sums


def views(store: MemoryStore) -> Views:
    """What a store in memory shows."""
    return Views(
        rows={at: measures for at, (measures, _) in store.rows.items() if measures},
        entities={
            tuple(key): [*row[:REVISION], *row[REVISION + 1 :]]
            for key, (_, row) in store.entities.items()
            if row[FACTS[key.family].columns.index("events")]
        },
        now={
            tuple(key): [*row[:REVISION], *row[REVISION + 1 :]]
            for key, row in store.now.items()
            if row is not None
        },
        callers={
            tuple(key): starts
            for key, stored in store.callers.items()
            if (starts := json.loads(stored.state))
        },
        histories={
            tuple(key): told
            for key, stored in store.histories.items()
            if any((told := json.loads(stored.state))[:3])
        },
        transitions={key: tuple(row) for key, row in store.transitions.items()},
        letters={key: tuple(row) for key, row in store.dead_letters.items()},
        queues={key: row[4:] for key, row in store.queues.items()},
        sources={key: row[4:] for key, row in store.sources.items()},
        raw={key: tuple(row) for key, row in store.raw.items() if row.kind != RecordKind.TICK},
    )


def remembered(store: MemoryStore) -> dict[str, Any]:
    """What the checkpoint holds that the future depends on."""
    items = store.checkpoint.values()
    held: dict[str, Any] = {
        f"{item.shard} {item.family} {item.key}": json.loads(item.state or "null")
        for item in items
        if item.family in {*FACTS, "config"} or (item.shard == PROCESS and item.key)
    }
    for item in items:
        if item.family == "meta":
            meta = json.loads(item.state or "")
            fields = ("offset", "watermarks", "pending", "configs", "held_ticks", "sources")
            held[f"{item.shard} meta"] = {name: meta[name] for name in fields}
    return held
