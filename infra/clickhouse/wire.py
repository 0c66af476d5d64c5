"""Packets of the ClickHouse native protocol: bytes in, requests out; answers in, bytes out.

Server revision 54453 is announced, not a newer one: from 54454 on every column carries a
serialization byte, which the engine's ``FORMAT Native`` does not write.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass

from infra.clickhouse.errors import ProtocolError
from infra.clickhouse.reader import WireReader

REVISION = 54453

HELLO, QUERY, DATA, CANCEL, PING = range(5)
"""Client packets; a client knows one more, TablesStatusRequest, which is for clusters."""

_HELLO, _DATA, _EXCEPTION, _PROGRESS, _PONG, _END, _PROFILE = range(7)

_BLOCK_INFO = b"\x01\x00\x02\xff\xff\xff\xff\x00"
"""No overflow rows, bucket -1: what every block that is not part of a merge carries."""

_HELLO_LIMIT = 4096
"""Bounds what a stranger can make us hold before the password is checked."""
_TEXT_LIMIT = 1 << 20
_QUERY_LIMIT = 256 << 20
_IMPORTANT = 1
_TCP = 1


@dataclass(frozen=True)
class Hello:
    """Who is calling."""

    client: str
    revision: int
    database: str
    user: str
    password: str


@dataclass(frozen=True)
class Setting:
    """One setting sent with a query; ``important`` means unknown names are an error."""

    name: str
    value: str
    important: bool


@dataclass(frozen=True)
class Query:
    """One query as a client sent it."""

    query_id: str
    settings: tuple[Setting, ...]
    compressed: bool
    text: str


def varint(number: int) -> bytes:
    """Encode a non-negative integer.

    >>> varint(300).hex()
    'ac02'
    """
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def text(value: str) -> bytes:
    """Encode a string."""
    raw = value.encode("utf-8", "surrogateescape")
    return varint(len(raw)) + raw


def read_hello(reader: WireReader) -> Hello:
    """Read the first packet of a connection."""
    if reader.varint() != HELLO:
        msg = "the first packet is not Hello: this port speaks the native protocol"
        raise ProtocolError(msg)
    client = reader.text(_HELLO_LIMIT)
    reader.varint()
    reader.varint()
    revision = reader.varint()
    database, user, password = (reader.text(_HELLO_LIMIT) for _ in range(3))
    return Hello(client, revision, database, user, password)


def read_query(reader: WireReader) -> Query:
    """Read a Query packet after its type byte."""
    query_id = reader.text(_HELLO_LIMIT)
    _skip_client_info(reader)
    settings = []
    while name := reader.text(_HELLO_LIMIT):
        important = bool(reader.uint8() & _IMPORTANT)
        settings.append(Setting(name, reader.text(_TEXT_LIMIT), important))
    reader.text(_HELLO_LIMIT)  # interserver secret
    reader.varint()  # stage
    compressed = bool(reader.varint())
    return Query(query_id, tuple(settings), compressed, reader.text(_QUERY_LIMIT))


def _skip_client_info(reader: WireReader) -> None:
    if reader.uint8() == 0:
        return
    for _ in range(3):  # initial user, query id, address
        reader.text(_HELLO_LIMIT)
    reader.skip(8)  # start time
    if reader.uint8() != _TCP:
        msg = "only the native interface is supported"
        raise ProtocolError(msg)
    for _ in range(3):  # system user, host, client name
        reader.text(_HELLO_LIMIT)
    for _ in range(3):  # version and revision
        reader.varint()
    reader.text(_HELLO_LIMIT)  # quota key
    reader.varint()  # distributed depth
    reader.varint()  # version patch
    if reader.uint8():  # OpenTelemetry: trace, span, state, flags
        reader.skip(16 + 8)
        reader.text(_HELLO_LIMIT)
        reader.skip(1)
    for _ in range(3):  # parallel replicas
        reader.varint()


def read_block_start(reader: WireReader) -> tuple[str, int, int]:
    """Read a Data packet after its type byte, as far as the block's counts.

    Returns:
        Name of the external table (empty for ordinary data), columns, rows.
    """
    table = reader.text(_HELLO_LIMIT)
    while field := reader.varint():
        reader.skip(1 if field == 1 else 4)
    return table, reader.varint(), reader.varint()


def hello(version: tuple[int, int, int], zone: str) -> bytes:
    """Answer to Hello."""
    major, minor, patch = version
    numbers = varint(major) + varint(minor) + varint(REVISION)
    name = text("ClickHouse")
    return varint(_HELLO) + name + numbers + text(zone) + text("goldpan") + varint(patch)


def exception(code: int, message: str) -> bytes:
    """An error; the message starts with ``DB::Exception:`` as a server's does."""
    name = text("DB::Exception")
    return varint(_EXCEPTION) + struct.pack("<i", code) + name + text(message) + text("") + b"\x00"


def data(block: bytes | memoryview) -> tuple[bytes, bytes | memoryview]:
    """A Data packet around one Native block, in two parts so that the block is not copied."""
    return varint(_DATA) + b"\x00" + _BLOCK_INFO, block


def header(columns: Iterable[tuple[str, str]]) -> bytes:
    """A block of no rows that names columns and types."""
    pairs = list(columns)
    return varint(len(pairs)) + b"\x00" + b"".join(text(n) + text(t) for n, t in pairs)


def progress(rows: int, size: int) -> bytes:
    """Rows and bytes read; no total, nothing written."""
    return varint(_PROGRESS) + varint(rows) + varint(size) + b"\x00\x00\x00"


def profile(rows: int, blocks: int, size: int) -> bytes:
    """Rows, blocks and bytes of the result; no limit applied."""
    return varint(_PROFILE) + varint(rows) + varint(blocks) + varint(size) + b"\x00\x00\x00"


EMPTY_BLOCK = b"\x00\x00"
END_OF_STREAM = varint(_END)
PONG = varint(_PONG)
