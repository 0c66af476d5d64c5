"""Column ends are found in blocks of random types, on the way out and on the way in."""

from __future__ import annotations

import doctest
import random

import pytest
from clickhouse_driver import Client

from infra.clickhouse import columns, errors, sqltext, wire

LEAVES = [
    "UInt8", "Int64", "UInt256", "String", "UUID", "Bool", "IPv4", "Decimal(18, 4)",
    "LowCardinality(String)", "Nullable(Int32)", "Nullable(String)", "Enum8('a' = 1, ')' = 2)",
    "LowCardinality(Nullable(String))",
]  # fmt: skip


def random_type(rng: random.Random, depth: int) -> str:
    kind = rng.choice(["leaf", "Array", "Tuple", "Map"]) if depth else "leaf"
    if kind == "Array":
        return f"Array({random_type(rng, depth - 1)})"
    if kind == "Tuple":
        inner = [random_type(rng, depth - 1) for _ in range(rng.randint(1, 3))]
        return f"Tuple({', '.join(inner)})"
    if kind == "Map":
        # The driver itself cannot read a Map in a Map (0.2.11 splits its type at every comma).
        return f"Map(String, {rng.choice(LEAVES)})"
    return rng.choice(LEAVES)


@pytest.mark.parametrize("seed", range(40))
def test_random_types(client: Client, table: str, seed: int) -> None:
    spec = random_type(random.Random(seed), 3)
    source = f"generateRandom({sqltext.literal(f'v {spec}')}, {seed}, 6, 4)"
    # The zone of the last column can only be put back if the end of `v` was found.
    sql = (
        f"SELECT rowNumberInAllBlocks() AS n, v, toDateTime(5, 'UTC') AS d FROM {source} LIMIT 300"
    )

    rows, types = client.execute(sql, with_column_types=True)

    assert len(rows) == 300
    assert types[2] == ("d", "DateTime('UTC')")
    assert {row[2].isoformat() for row in rows} == {"1970-01-01T00:00:05+00:00"}
    client.execute(f"CREATE TABLE {table} (n UInt64, v {spec}, d DateTime('UTC')) ENGINE = Memory")
    client.execute(f"INSERT INTO {table} VALUES", rows)
    assert client.execute(f"SELECT * FROM {table} ORDER BY n") == rows


@pytest.mark.parametrize("module", [columns, errors, sqltext, wire])
def test_examples_in_the_docstrings(module: object) -> None:
    found = doctest.testmod(module)  # type: ignore[arg-type]

    assert found.attempted > 0
    assert found.failed == 0
