"""Formulas over measures of several families: joined by period and group, on the real engine.

Law: what the store's SQL answers is what `evaluate` makes of the rows' totals, added up in Python.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

import pytest
from clickhouse_driver import Client

from pipeline.report import usual_period
from schemas.catalogue import load_catalogue
from schemas.formula import FormulaError, Number, Value, to_python
from schemas.histogram import bin_of
from schemas.rollups import Rollup
from schemas.rows import row_families
from tests.schemas.test_formula import in_range
from tests.test_report import at, lines, put_contacts, put_minutes, report

CATALOGUE = load_catalogue()
CHANNELS = ("phone", "chat", "")
SETS = {"calls": "call_type", "tickets": "service", "ticket_levels": "channel"}
SUMS = {
    "calls": ("offered", "abandoned", "queue_loss"),
    "tickets": ("complaints", "responses", "response_ms"),
    "ticket_levels": ("backlog", "overdue_open"),
}
BINS = {"calls": "wait_exit_bins", "tickets": "response_bins"}


@pytest.fixture
def site(request: pytest.FixtureRequest) -> str:
    return str(request.node.name)


def put_rows(store: Client, family: str, site: str, *rows: Mapping[str, Any]) -> None:
    """Write base rows of a family; what is not given is '' or 0."""
    table = row_families()[family]
    blank: dict[str, Any] = dict.fromkeys(table.dimensions, "")
    blank |= {name: {} if name in table.histograms else 0 for name in table.measures}
    blank |= {"site": site, "dims": "site", "minute": at(), "shard": 0, "revision": 1}
    values = [[{**blank, **row}[column] for column in table.columns] for row in rows]
    store.execute(f"INSERT INTO {table.table} ({', '.join(table.columns)}) VALUES", values)
    store.execute(Rollup(table).touch_all)


def test_complaints_by_calls(store: Client, site: str) -> None:
    put_minutes(
        store,
        site,
        {"contacts": 4000, "answered": 4000},
        {"contacts": 1000, "answered": 1000, "minute": at(90)},
        {"contacts": 10, "answered": 10, "minute": at(day=1)},
        {"dims": "product", "product": "card", "contacts": 9, "answered": 9},
    )
    put_rows(
        store,
        "tickets",
        site,
        {"complaints": 3, "opened": 3, "minute": at(30)},
        {"complaints": 1, "opened": 1, "minute": at(day=2)},
    )
    # 3 / 5000 * 10,000 = 6. No complaints are 0 of 10 calls; of no calls there is no rate.
    assert lines(report(store, site, "complaint_rate_calls")) == [
        ("2026-01-05", 6.0),
        ("2026-01-06", 0.0),
        ("2026-01-07", None),
    ]
    # By hour, the complaints and the calls of an hour: 3 / 4000, then 0 / 1000.
    assert lines(report(store, site, "complaint_rate_calls", by="hour"))[:2] == [
        ("2026-01-05T00:00+08:00", 7.5),
        ("2026-01-05T01:00+08:00", 0.0),
    ]


def test_beside_metrics_of_one_family(store: Client, site: str) -> None:
    put_minutes(store, site, {"contacts": 500, "answered": 500, "offered": 501})
    put_rows(store, "tickets", site, {"complaints": 1, "opened": 1})
    table = report(store, site, "offered", "complaint_rate_calls", "complaints", by="total")
    assert lines(table) == [("total", 501, 20.0, 1)]  # 1 / 500 * 10,000


def test_of_three_families_and_by_a_group(store: Client, site: str) -> None:
    put_minutes(
        store,
        site,
        {"dims": "call_type", "channel": "phone", "contacts": 8, "offered": 8},
        {"dims": "call_type", "channel": "chat", "contacts": 2, "offered": 2},
    )
    put_rows(
        store,
        "tickets",
        site,
        {"dims": "service", "channel": "phone", "complaints": 4, "opened": 4},
        {"dims": "service", "channel": "letter", "complaints": 3, "opened": 3},
    )
    put_contacts(store, site, {"channel": "chat", "exited_at": at(), "wait_ms": 7000})
    spec = "x = (offered + complaints) * 10 + wait_max_ms / 1000"
    sums = "y = (offered + complaints) * 10 + exit_count"
    table = report(store, site, spec, sums, group=["channel"], by="total")
    # There is no longest wait of nobody, and so no x; of counts there is always a sum.
    assert lines(table) == [
        ("total", "chat", 27.0, 21),
        ("total", "letter", None, 30),
        ("total", "phone", None, 120),
    ]


def test_with_how_things_stand_now(store: Client, site: str) -> None:
    put_rows(store, "ticket_levels", site, {"backlog": 6})
    metrics = ["x = backlog / logged_in_now"]
    assert lines(report(store, site, *metrics, by="total")) == [("total", None)]
    agents = [(site, f"a{i}", f"a{i}", "live", "ready", 1) for i in range(4)]
    columns = "site, id, agent_id, domain, agent_state, revision"
    store.execute(f"INSERT INTO agents_now ({columns}) VALUES", agents)
    assert lines(report(store, site, *metrics, by="total")) == [("total", 1.5)]
    assert usual_period(["calls_waiting"], CATALOGUE) == "total"


@dataclass(frozen=True)
class Happening:
    """One base row: what a part of a test centre counted in a minute."""

    family: str
    channel: str
    hour: int
    totals: Mapping[str, Value]

    def row(self, shard: int) -> dict[str, Any]:
        minute = at(60 * self.hour + shard % 60)
        place = {"dims": SETS[self.family], "channel": self.channel, "minute": minute}
        return {**place, "shard": shard, **self.totals}


def happening(chance: random.Random) -> Happening:
    family = chance.choice([*SETS])
    totals: dict[str, Value] = {name: chance.randint(0, 10**9) for name in SUMS[family]}
    if family in BINS:
        totals[BINS[family]] = Counter(bin_of(chance.randint(1, 10**6)) for _ in range(5))
    return Happening(family, chance.choice(CHANNELS), chance.randint(0, 9), totals)


def formula(chance: random.Random) -> str:
    """A formula of numbers, or a quantile by one: of exact operations, and of one that is not."""
    text = numbers(chance, depth=3)
    if chance.random() < 0.2:
        text = f"quantile({chance.choice([*BINS.values()])}, 0.{chance.randint(1, 9)}) / {text}"
    return text


def numbers(chance: random.Random, depth: int) -> str:
    if depth == 0 or chance.random() < 0.2:
        leaves = [*(name for names in SUMS.values() for name in names), "exit_count", "wait_max_ms"]
        return chance.choice([*leaves, str(chance.randint(0, 99)), "0.5"])
    left, right = numbers(chance, depth - 1), numbers(chance, depth - 1)
    return f"({left} {chance.choice('+-*/')} {right})"


def compiles(text: str) -> bool:
    """Whether a formula reads anything, and divides by nothing that is always 0."""
    try:
        CATALOGUE.compile(text)
    except FormulaError:
        return False
    return True


def totals(
    happened: Sequence[Happening], waits: Sequence[tuple[str, int, int]], hour: int, channel: str
) -> dict[str, Value]:
    """Every measure's total in an hour and channel, added up from what was put into the store."""
    found: dict[str, Value] = {name: 0 for names in SUMS.values() for name in names}
    found |= {name: Counter[int]() for name in BINS.values()}
    for one in happened:
        is_then = one.hour <= hour if one.family == "ticket_levels" else one.hour == hour
        if one.channel == channel and is_then:
            for name, value in one.totals.items():
                found[name] = cast("Any", found[name]) + value
    ms = [wait for place, when, wait in waits if (place, when) == (channel, hour)]
    return found | {"exit_count": len(ms), "wait_max_ms": max(ms, default=None)}


@pytest.mark.parametrize("seed", range(6))
def test_sql_is_python_on_random_rows(store: Client, site: str, seed: int) -> None:
    chance = random.Random(seed)
    happened = [happening(chance) for _ in range(chance.randint(5, 40))]
    for family in SETS:
        rows = [one.row(shard) for shard, one in enumerate(happened) if one.family == family]
        put_rows(store, family, site, *rows)
    waits = [
        (chance.choice(CHANNELS), chance.randint(0, 9), chance.randint(0, 10**6))
        for _ in range(chance.randint(1, 20))
    ]
    contacts = [
        {"channel": channel, "exited_at": at(60 * hour + 59), "wait_ms": wait}
        for channel, hour, wait in waits
    ]
    put_contacts(store, site, *contacts)
    asked = {f"f{i}": text for i in range(60) if compiles(text := formula(chance))}
    table = report(
        store,
        site,
        *(f"{name}={text}" for name, text in asked.items()),
        by="hour",
        group=["channel"],
        start=at(),
        end=at(day=1),
    )
    compiled = [CATALOGUE.compile(text) for text in asked.values()]
    assert {len(formula.families) for formula in compiled} >= {1, 2, 3}
    seen = set()
    for row in table.rows:
        hour = (datetime.fromisoformat(row.period) - at()) // timedelta(hours=1)
        seen.add((row.group[0], hour))
        values = totals(happened, waits, hour, row.group[0])
        for one, got in zip(compiled, row.values, strict=True):
            if in_range(one.tree, values):
                assert same(got, to_python(one.tree)(values), one.text), (one.text, row, values)
    assert {(one.channel, one.hour) for one in happened} <= seen


def same(sql: Number | None, python: Number | None, text: str) -> bool:
    """Equal to the last bit; a quantile is a power, which the two compute to the last but one."""
    if "quantile" in text and sql is not None and python is not None:
        return math.isclose(sql, python, rel_tol=1e-12)
    return sql == python
