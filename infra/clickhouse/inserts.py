"""Blocks from a client go in, rows in a table come out, all of the statement's or an error.

The bytes go through a pipe into ``INSERT INTO t SELECT * FROM file('/dev/fd/N', Native, ...)``.
chDB's own ``send_insert`` is not used: when the target refuses (constraint, failing view, too many
partitions) it reports success. ``FORMAT Native`` inside the query text is cut at the first newline.

The engine gathers the blocks of one statement to 1,048,576 rows or 256 MB and writes each gathering
as one part per partition. So a statement below that, into a table without partitions, is seen whole
or not at all, however many blocks it came in; a larger one, or a client that dies in the middle of
a larger one, may leave earlier gatherings behind. It is the same on a real server.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass

from infra.clickhouse import wire
from infra.clickhouse.columns import skipper
from infra.clickhouse.engine import READONLY, Session
from infra.clickhouse.errors import ClientGoneError, EngineError, ProtocolError
from infra.clickhouse.reader import WireReader
from infra.clickhouse.sqltext import DataInsert, identifier, literal

_NAME_LIMIT = 1 << 20
_PIPE_SIZE = 1 << 20
_STRAY = b"\x01"
"""One byte where a block should start makes the engine fail; a clean end would commit."""
_CANCELLED = 394
_NO_SUCH_COLUMN = 16
_ILLEGAL_COLUMN = 44


def insert_columns(engine: Session, insert: DataInsert) -> list[tuple[str, str]]:
    """Names and types of the columns a client is to send.

    Raises:
        EngineError: no such table or column, a column that is computed, or a read-only query.
    """
    if engine.is_read_only:
        msg = "DB::Exception: Cannot execute query in readonly mode. (READONLY)"
        raise EngineError(READONLY, msg)
    if insert.selector:
        return engine.result_columns(f"SELECT {insert.selector} FROM {insert.target}")
    described = engine.describe(insert.target)
    if insert.columns is None:
        return [(n, t) for n, t, kind in described if kind in {"", "DEFAULT"}]
    known = {name: (spec, kind) for name, spec, kind in described}
    chosen = []
    for name in insert.columns:
        if name not in known:
            msg = f"DB::Exception: No such column {name} in table {insert.target}"
            raise EngineError(_NO_SUCH_COLUMN, f"{msg}. (NO_SUCH_COLUMN_IN_TABLE)")
        spec, kind = known[name]
        if kind in {"MATERIALIZED", "ALIAS"}:
            msg = f"DB::Exception: Cannot insert column {name}, because it is {kind} column"
            raise EngineError(_ILLEGAL_COLUMN, f"{msg}. (ILLEGAL_COLUMN)")
        chosen.append((name, spec))
    return chosen


@dataclass
class _Outcome:
    error: BaseException | None = None


class Feed:
    """A running INSERT and the pipe that feeds it.

    The engine runs in its own thread, because it reads the pipe while we write it. That thread
    closes the reading end when the engine is done, so a failed INSERT shows as a broken pipe here
    instead of a write that waits for ever.
    """

    def __init__(self, engine: Session, insert: DataInsert, columns: list[tuple[str, str]]) -> None:
        reading, self._writing = os.pipe()
        with contextlib.suppress(OSError, AttributeError):  # not on every system; only faster
            fcntl.fcntl(self._writing, fcntl.F_SETPIPE_SZ, _PIPE_SIZE)
        structure = literal(", ".join(f"{identifier(n)} {t}" for n, t in columns))
        source = f"file('/dev/fd/{reading}', 'Native', {structure})"
        sql = f"{insert.head} {insert.settings} SELECT * FROM {source}"
        self._outcome = _Outcome()
        self._broken = False
        self._thread = threading.Thread(
            target=self._run, args=(engine, sql, reading), name="insert", daemon=True
        )
        self._thread.start()

    def _run(self, engine: Session, sql: str, reading: int) -> None:
        try:
            engine.run(sql)
        except BaseException as error:
            self._outcome.error = error
        finally:
            os.close(reading)

    def write(self, part: bytes | memoryview) -> None:
        """Give bytes to the engine; once it has failed they are dropped, ``finish`` tells why."""
        rest = memoryview(part)
        while rest and not self._broken:
            try:
                rest = rest[os.write(self._writing, rest) :]
            except BrokenPipeError:
                self._broken = True

    def finish(self) -> None:
        """End of data: wait until the rows are stored.

        Raises:
            EngineError: nothing was stored (see the module's text for statements beyond 1M rows).
        """
        os.close(self._writing)
        self._thread.join()
        if self._outcome.error is not None:
            raise self._outcome.error

    def abort(self) -> None:
        """Make the engine fail and wait for it; nothing is committed."""
        self.write(_STRAY)
        with contextlib.suppress(EngineError):
            self.finish()


def receive(reader: WireReader, start: Callable[[], Feed]) -> None:
    """Pass a client's blocks to the engine until the empty one.

    Args:
        reader: just after the sample block was sent.
        start: starts the INSERT; not called if there are no rows.

    Raises:
        EngineError: the engine refused the rows, or the client cancelled. The client's stream has
            been read to its end.
        ClientGoneError: it left in the middle; nothing was committed.
        ProtocolError: unreadable; nothing was committed.
    """
    feed: Feed | None = None
    try:
        while True:
            packet = reader.varint()
            if packet == wire.CANCEL:
                msg = "DB::Exception: Query was cancelled. (QUERY_WAS_CANCELLED)"
                raise EngineError(_CANCELLED, msg)
            if packet != wire.DATA:
                msg = f"packet {packet} in the middle of an INSERT"
                raise ProtocolError(msg)
            _, columns, rows = wire.read_block_start(reader)
            if columns == 0 and rows == 0:
                break
            if feed is None and rows:
                feed = start()
            _pass_block(reader, columns, rows, feed)
    except (EngineError, ClientGoneError, ProtocolError):
        reader.drop_pour()
        if feed is not None:
            feed.abort()
        raise
    if feed is not None:
        feed.finish()


def _pass_block(reader: WireReader, columns: int, rows: int, feed: Feed | None) -> None:
    if feed is not None and rows:
        feed.write(wire.varint(columns) + wire.varint(rows))
        reader.pour_into(feed.write)
    for _ in range(columns):
        reader.text(_NAME_LIMIT)
        spec = reader.text(_NAME_LIMIT)
        if rows:
            skipper(spec)(reader, rows)
    reader.end_pour()
