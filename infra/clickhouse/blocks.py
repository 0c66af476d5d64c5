"""Native blocks of the engine go in; their columns, their ends and their true types come out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from infra.clickhouse import wire
from infra.clickhouse.columns import skipper
from infra.clickhouse.reader import MemoryReader

_TYPE_LIMIT = 1 << 20

Columns = list[tuple[str, str]]


@dataclass(frozen=True)
class Layout:
    """Where things are in one block: columns, rows, the place of each type's text, the end."""

    columns: Columns
    rows: int
    types_at: list[tuple[int, int]]
    end: int


def layout(reader: MemoryReader, columns: int | None = None) -> Layout:
    """Walk one block from the reader's position.

    Args:
        reader: positioned at the block's first byte.
        columns: walk only so many columns; ``end`` is then where the next one starts.

    Raises:
        ProtocolError: the block holds a type that cannot be walked.
    """
    count, rows = reader.varint(), reader.varint()
    found: Columns = []
    places = []
    for _ in range(count if columns is None else min(columns, count)):
        name = reader.text(_TYPE_LIMIT)
        start = reader.position
        spec = reader.text(_TYPE_LIMIT)
        places.append((start, reader.position))
        found.append((name, spec))
        if rows:
            skipper(spec)(reader, rows)
    return Layout(found, rows, places, reader.position)


def split(data: bytes) -> Iterator[tuple[Layout, memoryview]]:
    """Cut a result of several blocks into blocks."""
    reader = MemoryReader(data)
    view = memoryview(data)
    while reader.unread():
        start = reader.position
        block = layout(reader)
        yield block, view[start : block.end]


class ZoneRestorer:
    """Puts back the zone of ``DateTime('UTC')`` columns, which ``FORMAT Native`` leaves out.

    Without it a client would read ``DateTime``, and give naive times where a real server gives
    aware ones.

    Args:
        columns: names and true types of the result.
    """

    def __init__(self, columns: Columns) -> None:
        self._types = [spec for _, spec in columns]
        zoned = [i for i, spec in enumerate(self._types) if spec.startswith("DateTime(")]
        self._columns = zoned[-1] + 1 if zoned else 0

    def apply(self, block: memoryview) -> bytes | memoryview:
        """Return the block with its true types; it is walked only if a zone is missing."""
        if not self._columns:
            return block
        found = layout(MemoryReader(block), self._columns)
        out = bytearray()
        done = 0
        for (_, spec), true, (start, end) in zip(
            found.columns, self._types, found.types_at, strict=False
        ):
            if spec != true and true.startswith("DateTime("):
                out += block[done:start]
                out += wire.text(true)
                done = end
        out += block[done:]
        return bytes(out)
