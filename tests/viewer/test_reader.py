"""The path that only reads: what people ask for in SQL is answered or plainly refused."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from pipeline.__main__ import main
from pipeline.errors import InputError, StoreRefused
from pipeline.sinks.reader import HARMLESS, Reader


@pytest.fixture(scope="module")
def reader(day_store: str) -> Iterator[Reader]:
    with Reader(lambda: day_store) as opened:
        yield opened


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count() > 0 FROM contacts FINAL",
        "-- a comment\nWITH 1 AS a SELECT a",
        "(SELECT 1) UNION ALL (SELECT 2)",
        "DESCRIBE contacts",
        "SHOW TABLES",
        "SELECT number FROM numbers(3)",
        "SELECT 'file(' , format('{}', 'url('), 1 AS file",
    ],
)
def test_reading_is_done(reader: Reader, sql: str) -> None:
    assert reader.read(sql).rows


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("INSERT INTO contacts (site) VALUES ('x')", "INSERT is refused"),
        ("DROP TABLE contacts", "DROP is refused"),
        ("ALTER TABLE contacts DELETE WHERE 1", "ALTER is refused"),
        ("SYSTEM SHUTDOWN", "SYSTEM is refused"),
        ("SET readonly = 0", "SET is refused"),
        ("/* SELECT */ KILL QUERY WHERE 1", "KILL is refused"),
        ("", "nothing is refused"),
        ("SELECT * FROM file('/etc/passwd', 'LineAsString')", r"file\(\) is refused"),
        ("SELECT file('/etc/hostname')", r"file\(\) is refused"),
        ("SELECT FILE ('/etc/hostname')", r"file\(\) is refused"),
        ("SELECT * FROM `file`('/etc/passwd')", r"file\(\) is refused"),
        ("SELECT \"file\"/* */('/etc/passwd')", r"file\(\) is refused"),
        ("SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a String')", r"url\(\) is refused"),
        ("SELECT * FROM executable('ls', 'TSV', 'a String')", r"executable\(\) is refused"),
        ("SELECT * FROM remote('127.0.0.1', system.one)", r"remote\(\) is refused"),
        ("SELECT * FROM python('x')", r"python\(\) is refused"),
        ("SELECT 1 INTO OUTFILE '/tmp/x'", "INTO OUTFILE is refused"),
    ],
)
def test_everything_else_is_refused_with_a_reason(reader: Reader, sql: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        reader.read(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 SETTINGS readonly = 0",
        "SELECT 1 SETTINGS max_execution_time = 1000",
        "SELECT number FROM numbers(1000000)",  # more rows than a query may give
        "SELECT 1; DROP TABLE contacts",
    ],
)
def test_the_engine_refuses_what_lies_in_its_hands(reader: Reader, sql: str) -> None:
    with pytest.raises(StoreRefused):
        reader.read(sql)
    assert reader.read("SELECT 1").rows == [(1,)]


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO contacts (site) SELECT 'x'",
        "DROP TABLE contacts",
        "CREATE TABLE x (a Int8) ENGINE = Memory",
    ],
)
def test_the_engine_refuses_writes_of_shipped_queries_too(reader: Reader, sql: str) -> None:
    with pytest.raises(StoreRefused, match="readonly"):
        reader.read_shipped(sql)


def test_what_counts_as_harmless_exists(reader: Reader) -> None:
    known = reader.read_shipped("SELECT name FROM system.table_functions").rows
    assert {name for (name,) in known} >= HARMLESS


def test_the_command_writes_tables_csv_and_json(
    day_store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sql = "SELECT queue, NULL AS n, '[red]' AS t FROM call_minutes WHERE queue = 'vip' LIMIT 1"
    shown = {}
    for form in ("table", "csv", "json"):
        assert main(["query", sql, "--format", form, "--clickhouse", day_store]) == 0
        shown[form] = capsys.readouterr().out
    assert shown["table"].split() == ["queue", "n", "t", "vip", "[red]"]
    assert shown["csv"] == "queue,n,t\nvip,,[red]\n"
    assert json.loads(shown["json"]) == [{"queue": "vip", "n": None, "t": "[red]"}]
    assert main(["query", "DROP TABLE contacts", "--clickhouse", day_store]) == 1
    assert "only reading is done here" in capsys.readouterr().err
