"""Questions to the embedded server get the answers and the errors a real server gives."""

from __future__ import annotations

import datetime as dt
import threading

import pytest
from clickhouse_driver import Client
from clickhouse_driver.errors import Error, ServerException

from tests.infra.support import Connect, wait_for

UTC = dt.UTC
NO_QUERY = (
    "SELECT count() FROM system.processes WHERE query LIKE '%{}%' AND query NOT LIKE '%processes%'"
)


def error_of(client: Client, sql: str, code: int, **options: object) -> str:
    with pytest.raises(ServerException) as caught:
        client.execute(sql, **options)
    assert caught.value.code == code, caught.value
    return str(caught.value)


@pytest.mark.parametrize(
    ("sql", "code", "words"),
    [
        ("SELCT 1", 62, "Syntax error"),
        ("SELECT 1 +", 62, "Syntax error"),
        ("", 62, "Empty query"),
        ("SELECT 1; SELECT 2", 62, "Multi-statements"),
        ("1", 62, "Syntax error"),
        ("SELECT * FROM nowhere", 60, "nowhere"),
        ("SELECT nothing", 47, "nothing"),
        ("DROP TABLE nowhere", 60, "nowhere"),
        ("USE nowhere", 81, "nowhere"),
        ("SELECT toUInt8('金')", 6, "金"),
        ("SELECT throwIf(number = 150000) FROM numbers(200000)", 395, "throwIf"),
        ("SELECT 1 INTO OUTFILE '/tmp/never'", 358, "not allowed"),
        ("SYSTEM NONSENSE", 62, "Syntax error"),
    ],
)
def test_an_error_has_its_code_and_the_connection_goes_on(
    client: Client, sql: str, code: int, words: str
) -> None:
    message = error_of(client, sql, code)

    assert words in message
    assert "DB::Exception" in message
    assert client.execute("SELECT 1") == [(1,)]


def test_wrong_password(connect: Connect) -> None:
    message = error_of(connect(password="wrong"), "SELECT 1", 516)

    assert "Authentication failed" in message


def test_wrong_user(connect: Connect) -> None:
    error_of(connect(user="nobody"), "SELECT 1", 516)


def test_unknown_database(connect: Connect) -> None:
    assert "nowhere" in error_of(connect(database="nowhere"), "SELECT 1", 81)


def test_compression_is_refused_in_words(connect: Connect) -> None:
    client = connect()
    client.connection.connect()
    client.connection.compression = 1  # as compression=True, without needing the lz4 package

    assert "compression=False" in error_of(client, "SELECT 1", 48)


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT 1 AS x;", [(1,)]),
        ("SELECT 1 AS x -- why\n;", [(1,)]),
        ("/* first */ SELECT 1 -- last", [(1,)]),
        ("SELECT ';', 'FORMAT'", [(";", "FORMAT")]),
        ("SELECT 1 FORMAT JSON", [(1,)]),
        ("SELECT number AS format FROM numbers(2) ORDER BY format DESC", [(1,), (0,)]),
        ("SELECT format('{}!', 'a'), 'INTO OUTFILE'", [("a!", "INTO OUTFILE")]),
        ("SELECT 1 FORMAT Null SETTINGS max_threads = 1", [(1,)]),
        ("(SELECT 1) UNION ALL (SELECT 1)", [(1,), (1,)]),
        ("WITH 2 AS two SELECT two", [(2,)]),
        ("WITH a AS (SELECT 3 AS x) SELECT x FROM a", [(3,)]),
        ("FROM numbers(2) SELECT number", [(0,), (1,)]),
        ("SELECT 1 WHERE 0", []),
        ("SELECT number AS a, number AS a FROM numbers(1)", [(0, 0)]),
        ("EXISTS TABLE nowhere", [(0,)]),
        ("SELECT currentDatabase()", [("goldpan",)]),
        ("SELECT timezone()", [("UTC",)]),
        ("SELECT (SELECT max(number) FROM numbers(10))", [(9,)]),
        (
            "SELECT sum(x) FROM (SELECT number AS x FROM numbers(5)) SETTINGS max_threads = 1",
            [(10,)],
        ),
    ],
)
def test_statements(client: Client, sql: str, rows: list[object]) -> None:
    assert client.execute(sql) == rows


def test_statements_that_answer_in_blocks_of_text(client: Client, table: str) -> None:
    client.execute(
        f"CREATE TABLE {table} (a UInt8, d DateTime('UTC')) ENGINE = MergeTree ORDER BY a"
    )

    assert [row[:2] for row in client.execute(f"DESCRIBE TABLE {table}")] == [
        ("a", "UInt8"),
        ("d", "DateTime('UTC')"),
    ]
    assert "MergeTree" in client.execute(f"SHOW CREATE TABLE {table}")[0][0]
    assert (table.strip("`"),) in client.execute("SHOW TABLES")
    assert client.execute("EXPLAIN SELECT 1")
    assert client.execute(f"CHECK TABLE {table}", settings={"check_query_single_value_result": 1})


def test_a_large_result_streams_in_order(client: Client) -> None:
    seen = 0
    for n, text in client.execute_iter("SELECT number, toString(number) FROM numbers(500000)"):
        assert n == seen
        assert text == str(seen)
        seen += 1

    assert seen == 500_000


def test_a_query_of_one_megabyte(client: Client) -> None:
    sql = "SELECT length('" + "金" * 350_000 + "')"

    assert client.execute(sql, settings={"max_query_size": 1 << 21}) == [(1_050_000,)]
    assert "Max query size exceeded" in error_of(client, sql, 62)


def test_parameters(client: Client) -> None:
    name = "it's 金\\"

    assert client.execute("SELECT %(name)s", {"name": name}) == [(name,)]
    assert client.execute("SELECT {n:UInt8} + 1", settings={"param_n": "7"}) == [(8,)]
    assert client.execute("SELECT {s:String}, toDateTime({t:UInt32}, 'UTC')",
                          settings={"param_s": "it's", "param_t": "0"}) == [
        ("it's", dt.datetime(1970, 1, 1, tzinfo=UTC))
    ]  # fmt: skip
    assert "n" in error_of(client, "SELECT {n:UInt8} + 1", 456)


def test_settings_hold_for_one_query(client: Client) -> None:
    sql = "SELECT toUInt32(getSetting('max_block_size')), toUInt32(getSetting('async_insert'))"

    before = client.execute(sql)
    assert client.execute(sql, settings={"max_block_size": 123, "async_insert": True}) == [(123, 1)]
    assert client.execute(sql) == before
    assert before[0][1] == 0
    client.execute("SET max_block_size = 77")
    assert client.execute(sql, settings={"max_block_size": 123}) == [(123, 0)]
    assert client.execute(sql) == [(77, 0)]


def test_settings_are_restored_after_an_error(client: Client) -> None:
    sql = "SELECT toUInt32(getSetting('max_block_size'))"
    before = client.execute(sql)

    error_of(client, "SELECT * FROM nowhere", 60, settings={"max_block_size": 123})

    assert client.execute(sql) == before


def test_a_wrong_setting(client: Client, connect: Connect) -> None:
    assert client.execute("SELECT 1", settings={"no_such_setting": 1}) == [(1,)]
    strict = connect(settings_is_important=True)
    assert "no_such_setting" in error_of(strict, "SELECT 1", 115, settings={"no_such_setting": 1})
    error_of(client, "SELECT 1", 27, settings={"max_threads": "many"})
    assert client.execute("SELECT 1") == [(1,)]


def test_limits_of_a_query(client: Client) -> None:
    error_of(client, "SELECT sleepEachRow(0.05) FROM numbers(1000)", 159,
             settings={"max_execution_time": 0.2, "max_block_size": 1})  # fmt: skip
    big = "SELECT uniqExact(toString(number)) FROM numbers(5000000)"
    error_of(client, big, 241, settings={"max_memory_usage": 20_000_000})
    error_of(client, "SELECT number FROM numbers(100)", 396, settings={"max_result_rows": 10})


def test_limits_do_not_hit_the_servers_own_questions(client: Client, table: str) -> None:
    client.execute(f"CREATE TABLE {table} (a UInt8, b UInt8, c DateTime('UTC')) ENGINE = Memory")
    few = {"max_result_rows": 2, "describe_compact_output": 1}

    client.execute(f"INSERT INTO {table} VALUES", [(1, 2, 0)], settings=few)

    epoch = dt.datetime(1970, 1, 1, tzinfo=UTC)
    for settings in (few, few | {"readonly": 1}):
        assert client.execute(f"SELECT * FROM {table}", settings=settings) == [(1, 2, epoch)]
        found = client.execute(
            f"SELECT * FROM {table} WHERE a = 9", with_column_types=True, settings=settings
        )
        assert found == ([], [("a", "UInt8"), ("b", "UInt8"), ("c", "DateTime('UTC')")])
    error_of(
        client, f"INSERT INTO {table} VALUES", 164, params=[(1, 2, 0)], settings={"readonly": 1}
    )


def test_read_only_queries(client: Client, table: str) -> None:
    client.execute(f"CREATE TABLE {table} (a UInt8) ENGINE = Memory")

    only_read = {"readonly": 1}
    assert client.execute(f"SELECT count() FROM {table}", settings=only_read) == [(0,)]
    error_of(client, f"INSERT INTO {table} SELECT 1", 164, settings=only_read)
    error_of(client, f"DROP TABLE {table}", 164, settings=only_read)
    error_of(client, "SELECT * FROM file('/etc/passwd', 'LineAsString')", 164, settings=only_read)
    error_of(client, "SELECT 1 SETTINGS readonly = 0", 164, settings=only_read)
    client.execute(f"INSERT INTO {table} SELECT 1")

    assert client.execute(f"SELECT count() FROM {table}") == [(1,)]
    client.execute("SET readonly = 1", settings={"max_block_size": 99})
    assert client.execute("SELECT toDateTime(0, 'UTC') > 0, 1") == [(0, 1)]
    error_of(client, f"INSERT INTO {table} SELECT 1", 164)


def test_read_only_queries_stand_where_the_session_stands(client: Client) -> None:
    """The connection that one leaves for the next must carry nothing over."""
    where, only_read = "SELECT currentDatabase()", {"readonly": 1}
    ((home,),) = client.execute(where)
    assert client.execute(where, settings=only_read) == [(home,)]
    client.execute("USE system", settings=only_read)
    assert client.execute(where, settings=only_read) == [(home,)]
    client.execute("USE system")
    assert client.execute(where, settings=only_read) == [("system",)]
    few = only_read | {"max_result_rows": 1}
    error_of(client, "SELECT number FROM numbers(5)", 396, settings=few)
    assert len(client.execute("SELECT number FROM numbers(5)", settings=only_read)) == 5
    client.execute(f"USE {home}")
    assert client.execute(where, settings=few) == [(home,)]


def test_temporary_tables_live_as_long_as_the_connection(client: Client) -> None:
    client.execute("CREATE TEMPORARY TABLE mine (a UInt8)")
    client.execute("INSERT INTO mine VALUES", [(1,), (2,)])

    assert client.execute("SELECT sum(a) FROM mine") == [(3,)]
    client.disconnect()
    error_of(client, "SELECT sum(a) FROM mine", 60)


def test_types_the_driver_does_not_know_leave_the_server_well(
    client: Client, connect: Connect
) -> None:
    for sql in ("SELECT CAST(1, 'Dynamic')", "SELECT sumState(number) FROM numbers(3)"):
        with pytest.raises((Error, EOFError)):
            client.execute(sql)
    assert connect().execute("SELECT 1") == [(1,)]


def test_many_clients_at_once(connect: Connect) -> None:
    answers: list[object] = []

    def ask(n: int) -> None:
        mine = connect()
        for i in range(10):
            answers.append(mine.execute(f"SELECT sum(number) + {n} + {i} FROM numbers(100000)"))

    threads = [threading.Thread(target=ask, args=(n * 1000,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    want = sorted(4_999_950_000 + n * 1000 + i for n in range(8) for i in range(10))
    assert sorted(a[0][0] for a in answers) == want  # type: ignore[index]


def test_cancel(client: Client, connect: Connect) -> None:
    rows = client.execute_iter("SELECT number AS cancelled FROM system.numbers")
    assert next(rows) == (0,)

    client.cancel()

    watcher = connect()
    wait_for(lambda: watcher.execute(NO_QUERY.format("cancelled")) == [(0,)])
    assert client.execute("SELECT 1") == [(1,)]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count() AS vanished FROM system.numbers WHERE number % 7 = 8",
        "SELECT number AS vanished FROM system.numbers",
        "SELECT sum(sleepEachRow(1)) AS vanished FROM numbers(1000) "
        "SETTINGS max_block_size = 1, function_sleep_max_microseconds_per_block = 0",
    ],
)
def test_the_query_of_a_client_that_vanished_is_stopped(
    client: Client, connect: Connect, sql: str
) -> None:
    client.connection.connect()
    client.connection.send_query(sql)
    client.connection.send_external_tables(None)
    watcher = connect()
    wait_for(lambda: watcher.execute(NO_QUERY.format("vanished")) == [(1,)])

    client.disconnect()

    wait_for(lambda: watcher.execute(NO_QUERY.format("vanished")) == [(0,)])


def test_ddl_of_our_kinds_of_tables(client: Client, table: str) -> None:
    client.execute(
        f"CREATE TABLE {table} (k UInt32, v String, stored_at DateTime('UTC') DEFAULT now(), "
        "twice UInt32 MATERIALIZED k * 2, revision UInt64, deleted UInt8, "
        "INDEX i v TYPE bloom_filter GRANULARITY 1) "
        "ENGINE = ReplacingMergeTree(revision, deleted) ORDER BY k "
        "TTL stored_at + INTERVAL 30 DAY "
        "SETTINGS allow_experimental_replacing_merge_with_cleanup = 1"
    )
    insert = f"INSERT INTO {table} (k, v, revision, deleted) VALUES"
    client.execute(insert, [(1, "old", 1, 0), (2, "stays", 1, 0), (3, "goes", 1, 0)])
    client.execute(insert, [(1, "new", 2, 0), (3, "", 2, 1)])

    final = f"SELECT k, v, twice FROM {table} FINAL ORDER BY k"
    assert client.execute(final) == [(1, "new", 2), (2, "stays", 4)]
    assert client.execute(f"SELECT count() FROM {table}") == [(5,)]
    client.execute(f"OPTIMIZE TABLE {table} FINAL CLEANUP")
    assert client.execute(f"SELECT k, v, twice FROM {table} ORDER BY k") == [
        (1, "new", 2),
        (2, "stays", 4),
    ]
    client.execute(f"ALTER TABLE {table} DELETE WHERE k = 2", settings={"mutations_sync": 2})
    assert client.execute(f"SELECT k FROM {table}") == [(1,)]
    client.execute(f"ALTER TABLE {table} ADD COLUMN w UInt8 DEFAULT 9")
    assert client.execute(f"SELECT w FROM {table}") == [(9,)]


def test_expired_rows_are_deleted(client: Client, table: str) -> None:
    client.execute(
        f"CREATE TABLE {table} (k UInt8, at DateTime('UTC')) ENGINE = MergeTree ORDER BY k "
        "TTL at + INTERVAL 1 DAY"
    )
    old, new = dt.datetime(2020, 1, 1, tzinfo=UTC), dt.datetime(2100, 1, 1, tzinfo=UTC)
    client.execute(f"INSERT INTO {table} VALUES", [(1, old), (2, new)])

    client.execute(f"OPTIMIZE TABLE {table} FINAL")

    assert client.execute(f"SELECT k, at FROM {table}") == [(2, new)]


def test_a_refreshable_view(client: Client, table: str) -> None:
    name = table.strip("`")
    client.execute(
        f"CREATE MATERIALIZED VIEW `{name}` REFRESH EVERY 1 HOUR ENGINE = Memory AS SELECT 5 AS x"
    )

    wait_for(lambda: client.execute(f"SELECT x FROM `{name}`") == [(5,)])
