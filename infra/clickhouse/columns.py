"""A column type goes in, a function that steps over the column's bytes comes out.

The native protocol gives no block length, so the end of a block is found by walking its columns.
Nothing is decoded: fixed-width columns are one addition, strings go through the Cython reader.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from types import SimpleNamespace

from clickhouse_driver.columns.service import get_column_by_spec
from clickhouse_driver.errors import Error

from infra.clickhouse.errors import ProtocolError
from infra.clickhouse.reader import WireReader

Skip = Callable[[WireReader, int], None]

_WIDTH = {
    "Nothing": 1, "Bool": 1, "Int8": 1, "UInt8": 1, "Enum8": 1,
    "Int16": 2, "UInt16": 2, "Enum16": 2, "Date": 2, "BFloat16": 2,
    "Int32": 4, "UInt32": 4, "Float32": 4, "Date32": 4, "DateTime": 4, "IPv4": 4, "Time": 4,
    "Decimal32": 4, "Int64": 8, "UInt64": 8, "Float64": 8, "DateTime64": 8, "Time64": 8,
    "Decimal64": 8, "Int128": 16, "UInt128": 16, "UUID": 16, "IPv6": 16, "Decimal128": 16,
    "Int256": 32, "UInt256": 32, "Decimal256": 32,
}  # fmt: skip
_ALIASES = {
    "Point": "Tuple(Float64, Float64)",
    "Ring": "Array(Point)",
    "LineString": "Array(Point)",
    "Polygon": "Array(Ring)",
    "MultiLineString": "Array(LineString)",
    "MultiPolygon": "Array(Polygon)",
}
_SELF_DESCRIBING = {"JSON", "Dynamic", "Variant", "Object"}
"""Their layout depends on the data: the driver's own reader knows it."""
_NAMED = re.compile(r"(?:`(?:[^`\\]|\\.|``)+`|[A-Za-z_]\w*)\s+(?=\S)")
_TOKEN = re.compile(r"'(?:[^'\\]|\\.|'')*'|`(?:[^`\\]|\\.|``)*`|[(),]|[^'`(),]+")
_KEY_WIDTH = (1, 2, 4, 8)
_CONTEXT = SimpleNamespace(
    settings={},
    client_settings={
        "use_numpy": False,
        "strings_as_bytes": False,
        "strings_encoding": "utf-8",
        "namedtuple_as_json": True,
    },
    server_info=SimpleNamespace(get_timezone=lambda: "UTC", used_revision=0),
)


@dataclass(frozen=True)
class ColumnType:
    """A parsed type: its name and its arguments as text.

    >>> ColumnType.parse("Map(String, Array(UInt8))").arguments
    ('String', 'Array(UInt8)')
    """

    name: str
    arguments: tuple[str, ...]

    @classmethod
    def parse(cls, spec: str) -> ColumnType:
        """Split ``Name(argument, argument)``; quotes and inner brackets are respected."""
        name, bracket, rest = spec.strip().partition("(")
        if not bracket:
            return cls(name, ())
        parts: list[str] = [""]
        depth = 0
        for token in _TOKEN.findall(rest.rstrip().removesuffix(")")):
            depth += (token == "(") - (token == ")")
            if token == "," and depth == 0:
                parts.append("")
            else:
                parts[-1] += token
        return cls(name.strip(), tuple(part.strip() for part in parts if part.strip()))

    def inner(self) -> list[ColumnType]:
        """Types of the elements, without the names that Tuple and Nested give them."""
        return [ColumnType.parse(_NAMED.sub("", argument, count=1)) for argument in self.arguments]

    def is_self_describing(self) -> bool:
        """True if a value somewhere inside carries its own type."""
        if self.name in _SELF_DESCRIBING:
            return True
        containers = {"Array", "Tuple", "Map", "Nested", "Nullable", "LowCardinality"}
        return self.name in containers and any(t.is_self_describing() for t in self.inner())


@lru_cache(maxsize=4096)
def skipper(spec: str) -> Skip:
    """The function that steps over ``rows`` values of a column of type ``spec``."""
    kind = ColumnType.parse(spec)
    if kind.is_self_describing():
        return _driver(spec)
    prefix, body = _build(kind)

    def skip(reader: WireReader, rows: int) -> None:
        reader.skip(prefix)
        body(reader, rows)

    return skip


def _driver(spec: str) -> Skip:
    def skip(reader: WireReader, rows: int) -> None:
        options = {"context": _CONTEXT, "has_custom_serialization": False}
        try:
            column = get_column_by_spec(spec, options)
            column.read_state_prefix(reader)
            column.read_data(rows, reader)
        except (Error, LookupError, TypeError, ValueError, struct.error) as error:
            msg = f"type {spec} cannot be read: {error}"
            raise ProtocolError(msg, code=48) from error

    return skip


def _build(kind: ColumnType) -> tuple[int, Skip]:  # noqa: PLR0911 - one return per layout
    """Bytes of state before the column's data, and what steps over the data."""
    if kind.name == "String":
        return 0, WireReader.skip_strings
    if kind.name == "Nullable":
        return _nullable(*_build(kind.inner()[0]))
    if kind.name == "LowCardinality":
        return _low_cardinality(kind)
    if kind.name in {"Array", "Map", "Nested"}:
        inner = kind.inner()
        element = _build(inner[0]) if kind.name == "Array" else _tuple(inner)
        return _array(*element)
    if kind.name == "Tuple":
        return _tuple(kind.inner())
    if kind.name == "SimpleAggregateFunction":
        return _build(ColumnType.parse(kind.arguments[-1]))
    if kind.name in _ALIASES:
        return _build(ColumnType.parse(_ALIASES[kind.name]))
    return 0, _fixed(_width(kind))


def _width(kind: ColumnType) -> int:
    if kind.name == "FixedString":
        return int(kind.arguments[0])
    if kind.name == "Decimal":
        precision = int(kind.arguments[0])
        return next(size for limit, size in ((9, 4), (18, 8), (38, 16), (76, 32))
                    if precision <= limit)  # fmt: skip
    if kind.name.startswith("Interval"):
        return 8
    if kind.name not in _WIDTH:
        msg = f"type {kind.name} cannot be carried by the embedded server"
        raise ProtocolError(msg, code=48)
    return _WIDTH[kind.name]


def _fixed(width: int) -> Skip:
    return lambda reader, rows: reader.skip(rows * width)


def _nullable(prefix: int, values: Skip) -> tuple[int, Skip]:
    def skip(reader: WireReader, rows: int) -> None:
        reader.skip(rows)
        values(reader, rows)

    return prefix, skip


def _array(prefix: int, values: Skip) -> tuple[int, Skip]:
    def skip(reader: WireReader, rows: int) -> None:
        if rows:
            reader.skip((rows - 1) * 8)
            values(reader, reader.uint64())

    return prefix, skip


def _tuple(kinds: list[ColumnType]) -> tuple[int, Skip]:
    if not kinds:
        return 0, _fixed(1)
    built = [_build(kind) for kind in kinds]

    def skip(reader: WireReader, rows: int) -> None:
        for _, values in built:
            values(reader, rows)

    return sum(prefix for prefix, _ in built), skip


def _low_cardinality(kind: ColumnType) -> tuple[int, Skip]:
    inner = kind.inner()[0]
    if inner.name == "Nullable":
        inner = inner.inner()[0]
    _, keys = _build(inner)

    def skip(reader: WireReader, rows: int) -> None:
        while rows > 0:
            layout = reader.uint64()
            keys(reader, reader.uint64())
            count = reader.uint64()
            reader.skip(count * _KEY_WIDTH[layout & 3])
            rows -= count

    return 8, skip
