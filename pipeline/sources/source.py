"""What a file holds flows in, one JSON payload per event flows out: what every source is."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from typing import Protocol

import msgspec

from pipeline.decode import UNREADABLE_ROW_TYPE


class Source(Protocol):
    """A pure mapping from a file's content to payloads: no clock, no identity map, no judgement.

    Reading twice gives the same payloads with the same event ids in the same order.
    """

    name: str
    allowed_lateness_ms: int
    """How far back of an earlier event a later one may lie."""
    repairs: Counter[str]
    """What was mended while reading, in plain words."""
    skipped: Counter[str]
    """What was passed over because it holds nothing."""

    @property
    def position(self) -> int:
        """Bytes of the file (compressed where it is) that have been read."""

    @property
    def size(self) -> int:
        """Bytes of the file; 0 where nobody can know, as for a pipe."""

    def events(self) -> Iterator[bytes]:
        """Yield payloads in the order of the log; bad ones too, decode judges them.

        Raises:
            InputError: the file cannot be read on; what was yielded before stands.
        """


class Readable(Protocol):
    """What a source reads from."""

    @property
    def position(self) -> int:
        """Bytes that have been read."""

    @property
    def size(self) -> int:
        """Bytes in all; 0 where nobody can know."""


class Counted:
    """What every source counts of the file that it reads."""

    def __init__(self, file: Readable) -> None:
        """Nothing is mended or passed over yet."""
        self.repairs: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()
        self._readable = file

    @property
    def position(self) -> int:
        """See `Source.position`."""
        return self._readable.position

    @property
    def size(self) -> int:
        """See `Source.size`."""
        return self._readable.size

    def begin(self) -> None:
        """Forget what an earlier reading has counted."""
        self.repairs.clear()
        self.skipped.clear()


def unreadable_row(row: int, problem: str, line: bytes, *, site: str, source: str) -> bytes:
    """Wrap a row that has no meaning, so that it becomes a dead letter that names it."""
    digest = hashlib.sha256(line).hexdigest()[:16]
    return msgspec.json.encode(
        {
            "event_id": f"row-{row}-{digest}",
            "event_type": UNREADABLE_ROW_TYPE,
            "site": site,
            "source": source,
            "row": row,
            "problem": problem,
            "content": line[:20_000].decode("utf-8", errors="replace"),
        }
    )
