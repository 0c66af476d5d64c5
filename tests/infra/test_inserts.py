"""Rows go in whole or not at all, and whoever sent them is told which."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator

import pytest
from clickhouse_driver import Client
from clickhouse_driver.errors import ServerException

from tests.infra.support import Connect, wait_for


def count(client: Client, table: str) -> int:
    return int(client.execute(f"SELECT count() FROM {table}")[0][0])


@pytest.fixture
def pairs(client: Client, table: str) -> str:
    client.execute(
        f"CREATE TABLE {table} (a UInt32, b String DEFAULT 'none', c UInt32 MATERIALIZED a + 1, "
        "CONSTRAINT small CHECK a < 1000000) ENGINE = MergeTree ORDER BY a"
    )
    return table


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO {} VALUES",
        "insert into table {} values",
        "INSERT INTO {} (a, b) VALUES",
        'INSERT INTO goldpan.{} (`a`, "b") FORMAT Native',
        "INSERT INTO {} (* EXCEPT(c)) VALUES",
        "INSERT INTO {} (a, b) SETTINGS max_insert_threads = 1 VALUES",
        "/* why */ INSERT INTO {} -- (c)\n (a, b) VALUES",
        "INSERT INTO FUNCTION merge(currentDatabase(), 'no such') VALUES",
    ],
)
def test_forms_of_insert(client: Client, pairs: str, sql: str) -> None:
    if "FUNCTION" in sql:
        with pytest.raises(ServerException):
            client.execute(sql, [(1, "金")])
        return
    assert client.execute(sql.format(pairs), [(1, "金"), (2, "")]) == 2

    assert client.execute(f"SELECT a, b, c FROM {pairs} ORDER BY a") == [(1, "金", 2), (2, "", 3)]


def test_rows_in_the_text_and_from_a_select(client: Client, pairs: str) -> None:
    client.execute(f"INSERT INTO {pairs} (a) VALUES (1), (2)")
    client.execute(f"INSERT INTO {pairs} SELECT 3, 'values; format'")
    client.execute(f"INSERT INTO {pairs} (a) WITH 4 AS x SELECT x")

    assert client.execute(f"SELECT a, b FROM {pairs} ORDER BY a") == [
        (1, "none"), (2, "none"), (3, "values; format"), (4, "none"),
    ]  # fmt: skip


def test_columns_in_another_order_and_left_out(client: Client, pairs: str) -> None:
    client.execute(f"INSERT INTO {pairs} (b, a) VALUES", [("x", 1)])
    client.execute(f"INSERT INTO {pairs} (a) VALUES", [{"a": 2}])

    assert client.execute(f"SELECT a, b FROM {pairs} ORDER BY a") == [(1, "x"), (2, "none")]


def test_no_rows(client: Client, pairs: str) -> None:
    assert client.execute(f"INSERT INTO {pairs} VALUES", []) == 0
    assert count(client, pairs) == 0


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("INSERT INTO nowhere VALUES", 60),
        ("INSERT INTO {} (a, missing) VALUES", 16),
        ("INSERT INTO {} (a, c) VALUES", 44),
    ],
)
def test_a_wrong_target(client: Client, pairs: str, sql: str, code: int) -> None:
    with pytest.raises(ServerException) as caught:
        client.execute(sql.format(pairs), [(1, 2)])

    assert caught.value.code == code, caught.value
    assert count(client, pairs) == 0


@pytest.mark.parametrize("rows", [10, 300_000])
def test_a_violated_constraint_stores_nothing(client: Client, pairs: str, rows: int) -> None:
    data = [[*range(rows - 1), 1_000_000], ["x"] * rows]

    with pytest.raises(ServerException) as caught:
        client.execute(f"INSERT INTO {pairs} (a, b) VALUES", data, columnar=True)

    assert caught.value.code == 469
    assert "small" in str(caught.value)
    assert count(client, pairs) == 0
    assert client.execute("SELECT 1") == [(1,)]


def test_too_many_partitions_store_nothing(client: Client, table: str) -> None:
    client.execute(f"CREATE TABLE {table} (a UInt32) ENGINE = MergeTree ORDER BY a PARTITION BY a")

    with pytest.raises(ServerException) as caught:
        client.execute(f"INSERT INTO {table} VALUES", [(i,) for i in range(200)])

    assert caught.value.code == 252
    assert count(client, table) == 0


def test_a_failing_view_is_told(client: Client, pairs: str) -> None:
    view = pairs.strip("`")[:60] + "_mv"
    client.execute(f"CREATE MATERIALIZED VIEW `{view}` ENGINE = Memory AS "
                   f"SELECT throwIf(a = 5) AS x FROM {pairs}")  # fmt: skip
    try:
        with pytest.raises(ServerException) as caught:
            client.execute(f"INSERT INTO {pairs} (a) VALUES", [(5,)])
        assert caught.value.code == 395
    finally:
        client.execute(f"DROP TABLE `{view}` SYNC")


@pytest.mark.parametrize("blocks", [1, 20])
def test_a_large_insert(client: Client, pairs: str, blocks: int) -> None:
    n = 200_000
    data = [list(range(n)), [f"text 金 {i}" for i in range(n)]]
    settings = {"insert_block_size": n // blocks}

    client.execute(f"INSERT INTO {pairs} (a, b) VALUES", data, columnar=True, settings=settings)

    found = client.execute(f"SELECT count(), sum(a), uniqExact(b), uniqExact(_part) FROM {pairs}")
    assert found == [(n, n * (n - 1) // 2, n, 1)]


def test_one_block_is_one_part_even_when_it_is_big(client: Client, pairs: str) -> None:
    n = 900_000
    client.execute(f"INSERT INTO {pairs} (a, b) VALUES", [list(range(n)), ["x" * 300] * n],
                   columnar=True)  # fmt: skip

    name = pairs.strip("`")
    parts = client.execute("SELECT name, rows FROM system.parts WHERE table = %(t)s AND active",
                           {"t": name})  # fmt: skip
    assert parts == [("all_1_1_0", n)]


def test_a_reader_sees_an_insert_whole_or_not_at_all(
    client: Client, connect: Connect, pairs: str
) -> None:
    n, batches, seen = 20_000, 15, set()
    done = threading.Event()
    reader = connect()

    def read() -> None:
        while not done.is_set():
            seen.add(count(reader, pairs))

    thread = threading.Thread(target=read)
    thread.start()
    for _ in range(batches):
        client.execute(f"INSERT INTO {pairs} (a) VALUES", [list(range(n))], columnar=True)
    done.set()
    thread.join()

    assert count(client, pairs) == n * batches
    assert len(seen) > 1
    assert {rows % n for rows in seen} == {0}


def test_concurrent_writers(connect: Connect, client: Client, pairs: str) -> None:
    def write(start: int) -> None:
        mine = connect()
        for i in range(10):
            first = start + i * 1000
            rows = [(a, str(a)) for a in range(first, first + 1000)]
            mine.execute(f"INSERT INTO {pairs} (a, b) VALUES", rows)

    threads = [threading.Thread(target=write, args=(n * 10_000,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert client.execute(f"SELECT count(), uniqExact(a), sum(a) FROM {pairs}") == [
        (40_000, 40_000, 40_000 * 39_999 // 2)
    ]


@pytest.mark.parametrize("rows_before", [0, 500, 1000, 2500])
def test_a_client_that_vanishes_in_the_middle_leaves_nothing(
    client: Client, connect: Connect, pairs: str, rows_before: int
) -> None:
    def rows() -> Iterator[tuple[int, str]]:
        yield from ((i, "x" * 100) for i in range(rows_before))
        client.connection.socket.close()
        yield 1, "never sent"
        raise ConnectionAbortedError

    with pytest.raises((OSError, EOFError)):
        client.execute(f"INSERT INTO {pairs} (a, b) VALUES", rows(),
                       settings={"insert_block_size": 1000})  # fmt: skip

    watcher = connect()
    running = "SELECT count() FROM system.processes WHERE query LIKE 'INSERT%'"
    wait_for(lambda: watcher.execute(running) == [(0,)])
    assert count(watcher, pairs) == 0


def test_a_value_the_driver_cannot_send_leaves_nothing(client: Client, pairs: str) -> None:
    with pytest.raises(Exception, match="Type mismatch"):
        client.execute(f"INSERT INTO {pairs} (a, b) VALUES", [(1, "x"), ("no number", "y")])

    assert count(client, pairs) == 0


def test_a_cut_block_leaves_nothing(client: Client, connect: Connect, pairs: str) -> None:
    connection = client.connection
    connection.connect()
    connection.send_query(f"INSERT INTO {pairs} (a) VALUES")
    connection.send_external_tables(None)
    assert connection.receive_packet().block is not None
    # Data, no table name, block info, 1 column, 100 rows, "a", "UInt32", and 8 of 400 bytes.
    block = b"\x02\x00\x01\x00\x02\xff\xff\xff\xff\x00\x01\x64\x01a\x06UInt32" + b"\x01" * 8

    connection.socket.sendall(block)
    connection.socket.close()

    watcher = connect()
    running = "SELECT count() FROM system.processes WHERE query LIKE 'INSERT%'"
    wait_for(lambda: watcher.execute(running) == [(0,)])
    assert count(watcher, pairs) == 0


def test_a_repeated_insert_with_a_token_counts_once(client: Client, table: str) -> None:
    view = table.strip("`")[:60] + "_mv"
    window = "SETTINGS non_replicated_deduplication_window = 100, fsync_after_insert = 1"
    client.execute(f"CREATE TABLE {table} (a UInt32) ENGINE = MergeTree ORDER BY a {window}")
    client.execute(f"CREATE MATERIALIZED VIEW `{view}` ENGINE = MergeTree ORDER BY a {window} "
                   f"AS SELECT a FROM {table}")  # fmt: skip
    try:
        for token in ("one", "one", "two", "one"):
            client.execute(f"INSERT INTO {table} VALUES", [[1, 2, 3]], columnar=True,
                           settings={"insert_deduplication_token": token})  # fmt: skip

        assert count(client, table) == 6
        assert count(client, f"`{view}`") == 6
    finally:
        client.execute(f"DROP TABLE `{view}` SYNC")


def test_times_with_and_without_zone(client: Client, table: str) -> None:
    client.execute(f"CREATE TABLE {table} (u DateTime('UTC'), s DateTime64(3, 'Asia/Shanghai')) "
                   "ENGINE = Memory")  # fmt: skip
    at = dt.datetime(2024, 2, 29, 16, 0, tzinfo=dt.UTC)

    client.execute(f"INSERT INTO {table} VALUES", [(at, at)])

    assert client.execute(f"SELECT * FROM {table}") == [(at, at)]
    assert client.execute(f"SELECT toString(u), toString(s) FROM {table}") == [
        ("2024-02-29 16:00:00", "2024-03-01 00:00:00.000")
    ]
