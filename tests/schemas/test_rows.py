"""What rows.py and metrics.yaml say about the tables is what the engine made of the DDL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from schemas.catalogue import load_catalogue
from schemas.measures import BaseFamily, FactFamily, NowFamily
from schemas.migrations import Migration, migrations, split_statements
from schemas.rows import Table, row_families, row_tables
from schemas.selection import Selection

Ask = Callable[[str], list[list[Any]]]


def columns_of(ask: Ask, table: str) -> dict[str, str]:
    rows = ask(
        "SELECT name, type FROM system.columns WHERE database = currentDatabase() "
        f"AND table = '{table}' AND default_kind = '' ORDER BY position"
    )
    return {str(name): str(type_) for name, type_ in rows}


@pytest.mark.parametrize("table", row_tables(), ids=lambda table: table.name)
def test_an_insert_names_exactly_the_columns_without_a_default(ask: Ask, table: Table) -> None:
    assert tuple(columns_of(ask, table.name)) == table.columns


@pytest.mark.parametrize("name", sorted(row_families()))
def test_base_families_have_the_declared_types(ask: Ask, name: str) -> None:
    family = row_families()[name]
    expected = {"site": "LowCardinality(String)", "dims": "LowCardinality(String)"}
    expected |= {"minute": "DateTime('UTC')"}
    expected |= dict.fromkeys(family.dimensions, "LowCardinality(String)")
    expected |= {"shard": "UInt16", "revision": "UInt64"}
    for measure in family.measures:
        is_histogram = measure in family.histograms
        expected[measure] = "Map(UInt16, Int64)" if is_histogram else "Int64"
    assert columns_of(ask, family.table) == expected


def test_the_key_of_a_base_family_is_everything_but_revision_and_measures(ask: Ask) -> None:
    for family in row_families().values():
        key = ask(
            "SELECT sorting_key FROM system.tables WHERE database = currentDatabase() "
            f"AND name = '{family.table}'"
        )
        assert key == [[", ".join(("site", "dims", "minute", *family.dimensions, "shard"))]]


def test_every_table_replaces_and_none_moves_rows_between_partitions(ask: Ask) -> None:
    tables = ask(
        "SELECT name, engine, partition_key, sorting_key FROM system.tables "
        "WHERE database = currentDatabase() AND engine != 'View'"
    )
    assert len(tables) == len(row_tables()) + 1  # schema_migrations
    for name, engine, partition, key in tables:
        assert engine == "ReplacingMergeTree", name
        column = str(partition).removeprefix("toYYYYMM(").removesuffix(")")
        # raw_events: a record keeps its ingest time for ever.
        assert column == "" or column in str(key).split(", ") or name == "raw_events"


def test_no_table_stores_a_ratio(ask: Ask) -> None:
    """Averages of averages start with a ratio in a row; only an alert's value is one, a copy."""
    floats = ask(
        "SELECT table, name FROM system.columns WHERE database = currentDatabase() "
        "AND type LIKE '%Float%'"
    )
    assert floats == [["alert_transitions", "value"]]


def test_facts_read_columns_that_exist(ask: Ask) -> None:
    for family in load_catalogue().families.values():
        existing = columns_of(ask, family.table)
        lists = {} if isinstance(family, BaseFamily) else family.lists
        assert {lists.get(name, name) for name in family.dimensions} <= set(existing)
        if isinstance(family, FactFamily):
            assert family.time in existing
        if isinstance(family, NowFamily):
            assert set(family.where) <= set(existing)
        if not isinstance(family, BaseFamily):
            for name, measure in family.measures.items():
                assert measure.columns() <= set(existing), name
                # It runs, too.
                source = Selection("", family).source
                assert len(ask(f"SELECT {measure.sql('t')} FROM {source}")) == 1


def test_at_most_eight_dimension_sets_of_five() -> None:
    for family in load_catalogue().families.values():
        if isinstance(family, BaseFamily):
            assert len(family.sets) <= 8
            assert all(len(dimensions) <= 5 for dimensions in family.sets.values())


def test_every_statement_may_run_again(ask: Ask) -> None:
    for migration in migrations():
        for statement in migration.statements:
            ask(statement)


def test_the_earliest_sighting_of_a_configuration_stays(ask: Ask) -> None:
    for day in (2, 1, 3):
        ask(
            "INSERT INTO configs (site, hash, content, who, first_seen) "
            f"VALUES ('s', 'h', '{{}}', 'w{day}', '2026-01-0{day} 00:00:00')"
        )
    assert ask("SELECT who FROM configs FINAL") == [["w1"]]


def test_a_deleted_key_is_gone_and_may_come_back(ask: Ask) -> None:
    for revision, deleted in ((1, 0), (2, 1)):
        ask(
            "INSERT INTO checkpoint (shard, family, key, state, deleted, revision) "
            f"VALUES (0, 'calls', 'k', '{{}}', {deleted}, {revision})"
        )
    assert ask("SELECT key FROM checkpoint FINAL") == []
    ask(
        "INSERT INTO checkpoint (shard, family, key, state, deleted, revision) "
        "VALUES (0, 'calls', 'k', '[]', 0, 3)"
    )
    assert ask("SELECT key, state FROM checkpoint FINAL") == [["k", "[]"]]


def test_a_revision_is_seen_alone_even_where_an_index_skips_its_granule(ask: Ask) -> None:
    """The new row leaves January; the index must not hide it and let the old one through."""
    for revision, started in ((1, "2026-01-31 10:00:00"), (2, "2026-02-01 10:00:00")):
        ask(
            "INSERT INTO contacts (site, contact_id, revision, started_at) "
            f"VALUES ('s', 'moved', {revision}, '{started}')"
        )
    month = "SELECT count() FROM contacts FINAL WHERE contact_id = 'moved' AND started_at"
    assert ask(f"{month} < '2026-02-01 00:00:00'") == [[0]]
    assert ask(f"{month} >= '2026-02-01 00:00:00'") == [[1]]


def test_migrations_are_numbered_without_gaps() -> None:
    assert [m.version for m in migrations()] == [*range(1, len(migrations()) + 1)]
    assert all(isinstance(m, Migration) and m.statements for m in migrations())


def test_statements_end_at_line_ends_only() -> None:
    assert split_statements("SELECT ';'\n, 1;\n-- a; b;\nSELECT 2;") == (
        "SELECT ';'\n, 1",
        "SELECT 2",
    )
