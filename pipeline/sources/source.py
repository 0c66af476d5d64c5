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
