"""Values go in through clickhouse-driver and come out equal: run it at each engine upgrade."""

from __future__ import annotations

import datetime as dt
import ipaddress
import uuid
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from clickhouse_driver import Client

UTC = dt.UTC
SHANGHAI = ZoneInfo("Asia/Shanghai")
T1 = dt.datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC)
T2 = dt.datetime(1970, 1, 1, tzinfo=UTC)

CASES: list[tuple[str, list[Any]]] = [
    ("UInt8", [0, 255]),
    ("UInt16", [0, 65535]),
    ("UInt32", [0, 2**32 - 1]),
    ("UInt64", [0, 2**64 - 1]),
    ("UInt128", [0, 2**128 - 1]),
    ("UInt256", [0, 2**256 - 1]),
    ("Int8", [-128, 127]),
    ("Int16", [-(2**15), 2**15 - 1]),
    ("Int32", [-(2**31), 2**31 - 1]),
    ("Int64", [-(2**63), 2**63 - 1]),
    ("Int128", [-(2**127), 2**127 - 1]),
    ("Int256", [-(2**255), 2**255 - 1]),
    ("Float32", [0.5, -1.25]),
    ("Float64", [0.1, -1e300]),
    ("Bool", [True, False]),
    ("String", ["", "投诉是金 😀\n\t'\"\\"]),
    ("String", ["x" * 5_000_000, "y"]),
    ("FixedString(6)", ["abcdef", "金子"]),
    ("UUID", [uuid.UUID(int=0), uuid.UUID("12345678-1234-5678-9abc-def012345678")]),
    ("IPv4", [ipaddress.IPv4Address("0.0.0.0"), ipaddress.IPv4Address("255.1.2.3")]),
    ("IPv6", [ipaddress.IPv6Address("::"), ipaddress.IPv6Address("2001:db8::1")]),
    ("Date", [dt.date(1970, 1, 1), dt.date(2149, 6, 6)]),
    ("Date32", [dt.date(1900, 1, 1), dt.date(2299, 12, 31)]),
    ("DateTime('UTC')", [T1, T2]),
    ("DateTime('Asia/Shanghai')", [T1.astimezone(SHANGHAI), T2.astimezone(SHANGHAI)]),
    ("DateTime", [T1.replace(tzinfo=None), T2.replace(tzinfo=None)]),
    ("DateTime64(3, 'UTC')", [T1.replace(microsecond=123000), T2]),
    ("DateTime64(6, 'Asia/Shanghai')", [T1.replace(microsecond=123456).astimezone(SHANGHAI)]),
    ("DateTime64(3)", [T1.replace(tzinfo=None)]),
    ("Enum8('b (,\\' x' = -2, 'a' = 1)", ["a", "b (,' x"]),
    ("Enum16('JSON' = 2, '客服' = 1000)", ["客服", "JSON"]),
    ("Decimal(9, 2)", [Decimal("1234567.89"), Decimal("-0.01")]),
    ("Decimal(18, 4)", [Decimal("-99999999999999.9999")]),
    ("Decimal(38, 10)", [Decimal("1234567890123456789012345678.0123456789")]),
    ("Decimal(76, 20)", [Decimal(-(10**50))]),
    ("Nullable(UInt32)", [None, 1, None]),
    ("Nullable(String)", [None, "金"]),
    ("Nullable(DateTime('UTC'))", [None, T1]),
    ("Nullable(DateTime64(3, 'UTC'))", [None, T1]),
    ("LowCardinality(String)", ["a", "b", "a", ""]),
    ("LowCardinality(String)", [f"value {i}" for i in range(70_000)]),
    ("LowCardinality(Nullable(String))", [None, "a", "a"]),
    ("LowCardinality(FixedString(2))", ["ab", "cd"]),
    ("Array(UInt8)", [[], [1, 2, 3]]),
    ("Array(Array(String))", [[], [[], ["a", "金"]]]),
    ("Array(LowCardinality(String))", [[], ["a", "b", "a"]]),
    ("Array(LowCardinality(String))", [[], []]),
    ("Array(Nullable(Float64))", [[None, 0.5], []]),
    ("Array(DateTime('UTC'))", [[T1, T2], []]),
    ("Array(Tuple(String, UInt8))", [[("a", 1)], []]),
    ("Tuple(UInt8, String)", [(1, "a"), (2, "")]),
    ("Tuple(Array(String), Nullable(Int8))", [(["x"], None), ([], 3)]),
    ("Map(String, UInt64)", [{}, {"a": 1, "金": 2}]),
    ("Map(LowCardinality(String), Array(String))", [{"k": ["x", "y"]}, {}]),
    ("Map(String, Map(UInt8, String))", [{"a": {1: "x"}}, {}]),
    ("SimpleAggregateFunction(max, UInt32)", [1, 2]),
    ("SimpleAggregateFunction(groupArrayArray, Array(String))", [["a"], []]),
    ("Point", [(1.5, 2.5)]),
    ("Ring", [[(0.0, 0.0), (1.0, 1.0)]]),
    ("Polygon", [[[(0.0, 0.0), (1.0, 1.0)], []]]),
    ("JSON", [{"a": 1, "b": {"c": "金"}}, {"a": 2}]),
]


@pytest.mark.parametrize(("spec", "values"), CASES, ids=[case[0] for case in CASES])
@pytest.mark.parametrize("how", ["rows", "columnar"])
def test_values_come_back_equal(
    client: Client, table: str, spec: str, values: list[Any], how: str
) -> None:
    # A string column before and after, so that a wrong column end is seen.
    ddl = f"CREATE TABLE {table} (n UInt32, a String, v {spec}, z String) ENGINE = Memory"
    client.execute(ddl, settings={"allow_suspicious_low_cardinality_types": 1})
    columns = [list(range(len(values))), ["a金"] * len(values), values, ["z"] * len(values)]
    rows = [tuple(row) for row in zip(*columns, strict=True)]
    insert = f"INSERT INTO {table} (n, a, v, z) VALUES"

    if how == "rows":
        client.execute(insert, rows)
    else:
        client.execute(insert, columns, columnar=True)
    found, types = client.execute(f"SELECT * FROM {table} ORDER BY n", with_column_types=True)

    assert found == rows
    assert dict(types)["v"] == spec
    if isinstance(values[0], dt.datetime):
        assert [row[2].tzinfo is None for row in found] == [v.tzinfo is None for v in values]


def test_zones_of_all_blocks_of_a_large_result(client: Client) -> None:
    sql = (
        "SELECT number AS n, toString(number) AS s, toDateTime(number, 'UTC') AS d, "
        "toDateTime(number, 'Asia/Shanghai') AS l, 'tail' AS t FROM numbers(200000) ORDER BY n"
    )

    rows = client.execute(sql)

    assert len(rows) == 200_000
    for n in (0, 65_408, 65_409, 70_000, 199_999):
        at = dt.datetime.fromtimestamp(n, UTC)
        assert rows[n] == (n, str(n), at, at, "tail")
        assert rows[n][2].tzinfo is not None
        assert rows[n][3].utcoffset() == dt.timedelta(hours=8)


def test_nested_columns(client: Client, table: str) -> None:
    client.execute(f"CREATE TABLE {table} (k UInt8, n Nested(a UInt8, b String)) ENGINE = Memory")

    client.execute(
        f"INSERT INTO {table} (k, n.a, n.b) VALUES", [(1, [1, 2], ["x", "金"]), (2, [], [])]
    )

    assert client.execute(f"SELECT k, n.a, n.b FROM {table} ORDER BY k") == [
        (1, [1, 2], ["x", "金"]),
        (2, [], []),
    ]


def test_types_of_an_empty_result(client: Client) -> None:
    sql = "SELECT 1 AS a, toDateTime(0, 'UTC') AS d, [''] AS s WHERE 0"

    assert client.execute(sql, with_column_types=True) == (
        [],
        [("a", "UInt8"), ("d", "DateTime('UTC')"), ("s", "Array(String)")],
    )
