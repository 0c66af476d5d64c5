"""Payloads with their times flow in, in any order; the same flow out in the order of their times.

What a table of half a million rows becomes would take a gigabyte of memory, so it waits on the
disk, in a temporary file that nobody else can see and that is gone with the process.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final, Self

from pipeline.errors import InputError

_CACHE_KIB: Final = 16 << 10
_SETTINGS: Final = (
    f"PRAGMA cache_size = {-_CACHE_KIB}",
    "PRAGMA journal_mode = OFF",
    "PRAGMA synchronous = OFF",
    "PRAGMA temp_store = FILE",
    "CREATE TABLE item (at INTEGER NOT NULL, payload BLOB NOT NULL)",
    "BEGIN",
)


class Spool:
    """Holds payloads until all are there. To be closed; for one thread."""

    def __init__(self) -> None:
        """Make an empty one.

        Raises:
            InputError: from every method, where the disk has no room for temporary files.
        """
        with _told():
            self._db = sqlite3.connect("", isolation_level=None)  # no name: a temporary file
            for statement in _SETTINGS:
                self._db.execute(statement)

    def put(self, items: Iterable[tuple[int, bytes]]) -> None:
        """Add payloads, each with its time in epoch ms."""
        with _told():
            self._db.executemany("INSERT INTO item VALUES (?, ?)", items)

    def in_order(self) -> Iterator[bytes]:
        """Yield all payloads by their times, those of one time as they were added."""
        with _told():
            for (payload,) in self._db.execute("SELECT payload FROM item ORDER BY at, rowid"):
                yield payload

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        msg = f"no room for temporary files ({error}); make some, or name another place as TMPDIR"
        raise InputError(msg) from error
