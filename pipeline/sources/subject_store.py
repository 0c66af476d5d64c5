"""Bindings of identities and progress of ingests in, one SQLite file that survives a kill out."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from pipeline.errors import LogCorrupt, LogError, LogFull, LogInUse

_FORMAT = 1
_SCHEMA = """
CREATE TABLE binding (
  site TEXT, kind TEXT, id TEXT, subject TEXT NOT NULL, touched_ms INTEGER NOT NULL,
  PRIMARY KEY (site, kind, id)
) WITHOUT ROWID;
CREATE TABLE progress (
  domain TEXT PRIMARY KEY, items_done INTEGER NOT NULL, ended INTEGER NOT NULL, name TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE applied (position TEXT NOT NULL);
"""
_FIND = "SELECT subject, touched_ms FROM binding WHERE site = ? AND kind = ? AND id = ?"
_CACHE_KIB = 16 << 10
"""Memory for pages of the file, of which a million bindings are some 60 MB: what is named again is
mostly recent, and the system keeps the rest at hand."""
_REBUILD = "delete the file, it is made again from the log"
_ERRORS: dict[int, tuple[type[LogError], str]] = {
    sqlite3.SQLITE_BUSY: (LogInUse, "stop the other process that uses it"),
    sqlite3.SQLITE_LOCKED: (LogInUse, "stop the other process that uses it"),
    sqlite3.SQLITE_FULL: (LogFull, "make room and try again"),
    # SQLite says so of a quota that is used up, and of a limit on the size of files.
    sqlite3.SQLITE_IOERR_WRITE: (LogFull, "make room, look at quotas and at the disk, try again"),
    sqlite3.SQLITE_CORRUPT: (LogCorrupt, _REBUILD),
    sqlite3.SQLITE_NOTADB: (LogCorrupt, _REBUILD),
}

Key = tuple[str, str, str]
"""Site, kind, identity."""


class Binding(NamedTuple):
    """The subject of an identity, and when an event named it last, in ms since the epoch."""

    subject: str
    touched_ms: int


class Progress(NamedTuple):
    """How far the ingest of a file is: so that after a crash it goes on and repeats nothing."""

    items_done: int
    ended: bool
    name: str


class SubjectStore:
    """The file of a subject map. For one process, and one thread at a time.

    Every method raises `LogError` if the file cannot be read or written, `LogFull` if there is no
    space; then nothing of the call was done.
    """

    def __init__(self, path: Path) -> None:
        """Open the file, or make one.

        Raises:
            LogInUse: another process holds the file.
            LogCorrupt: it is damaged.
            LogError: it cannot be opened, or is of another version.
        """
        self._path = path
        with self._wrapped():
            self._db = sqlite3.connect(
                path, timeout=0, isolation_level=None, check_same_thread=False
            )
        try:
            with self._wrapped():
                self._prepare()
                saved = self._db.execute("SELECT position FROM applied").fetchone()
                counts = self._db.execute("SELECT kind, count(*) FROM binding GROUP BY kind")
                self.counts: dict[str, int] = dict(counts.fetchall())
                """Bindings by kind, as found at the opening."""
        except BaseException:
            self._db.close()
            raise
        self.position: str | None = saved[0] if saved else None
        """What was saved last, as found at the opening; None in a new file."""

    def find(self, key: Key) -> Binding | None:
        """What an identity is bound to."""
        try:
            row = self._db.execute(_FIND, key).fetchone()
        except sqlite3.Error as error:
            raise self._error(error) from error
        return Binding(*row) if row else None

    def progress(self, domain: str) -> Progress | None:
        """How far an ingest is; None if it is unknown."""
        with self._wrapped():
            row = self._db.execute(
                "SELECT items_done, ended, name FROM progress WHERE domain = ?", (domain,)
            ).fetchone()
        return Progress(row[0], bool(row[1]), row[2]) if row else None

    def ingests(self) -> dict[str, Progress]:
        """How far every ingest is, by domain."""
        with self._wrapped():
            rows = self._db.execute("SELECT domain, items_done, ended, name FROM progress")
            return {row[0]: Progress(row[1], bool(row[2]), row[3]) for row in rows}

    def save(
        self, bindings: Mapping[Key, Binding], progress: Mapping[str, Progress], position: str
    ) -> None:
        """Keep all of it, or nothing."""
        with self._wrapped(), self._transaction():
            self._db.executemany(
                "INSERT OR REPLACE INTO binding VALUES (?, ?, ?, ?, ?)",
                ((*key, *binding) for key, binding in bindings.items()),
            )
            self._db.executemany(
                "INSERT OR REPLACE INTO progress VALUES (?, ?, ?, ?)",
                ((domain, *done) for domain, done in progress.items()),
            )
            self._db.execute("DELETE FROM applied")
            self._db.execute("INSERT INTO applied VALUES (?)", (position,))

    def forget(self, kinds: tuple[str, ...], older_than_ms: int) -> list[Key]:
        """Delete bindings of some kinds that were not touched since; returns their keys."""
        marks = ", ".join("?" for _ in kinds)
        with self._wrapped(), self._transaction():
            return self._db.execute(
                f"DELETE FROM binding WHERE kind IN ({marks}) AND touched_ms < ? "
                "RETURNING site, kind, id",
                (*kinds, older_than_ms),
            ).fetchall()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _prepare(self) -> None:
        # Exclusive: a second process would route by bindings that it cannot see.
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute(f"PRAGMA cache_size = {-_CACHE_KIB}")
        self._db.execute("BEGIN IMMEDIATE")
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if not version:
            for statement in _SCHEMA.split(";")[:-1]:
                self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version = {_FORMAT}")
        elif version != _FORMAT:
            message = (
                f"{self._path} has format {version}, this version reads {_FORMAT}: "
                "delete it, it is made again from the log"
            )
            raise LogError(message)
        self._db.execute("COMMIT")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    @contextmanager
    def _wrapped(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._error(error) from error

    def _error(self, error: sqlite3.Error) -> LogError:
        code = getattr(error, "sqlite_errorcode", 0)
        kind, remedy = (
            _ERRORS.get(code) or _ERRORS.get(code & 0xFF) or (LogError, "check the directory")
        )
        return kind(f"the subject map {self._path}: {error}; {remedy}")
