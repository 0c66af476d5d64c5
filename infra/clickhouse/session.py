"""One client's packets come in over its socket, the engine's answers go out.

    Hello -> (Ping | Query [blocks])* -> end

Every answer to a query ends with EndOfStream or an Exception; after an Exception the connection
goes on, unless the client's next packet can no longer be found.
"""

from __future__ import annotations

import contextlib
import hmac
import itertools
import logging
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass

from infra.clickhouse import blocks, inserts, wire
from infra.clickhouse import engine as engines
from infra.clickhouse.errors import ClientGoneError, EngineError, ProtocolError
from infra.clickhouse.reader import MemoryReader, SocketReader
from infra.clickhouse.sqltext import DataInsert, data_insert, keyword, statement
from infra.clickhouse.watch import Watcher

_LOG = logging.getLogger(__name__)

_AUTHENTICATION_FAILED = 516
_NOT_IMPLEMENTED = 48
_QUERY_WAS_CANCELLED = 394
_STREAMED = frozenset({"SELECT", "WITH", "FROM", "("})
_LOGIN_S = 10.0
_LAST_READS = 100
_SEND_TIMEOUT = struct.pack("ll", 300, 0)
"""A client that takes nothing for so long is taken for dead, or its thread would wait for ever."""


@dataclass(frozen=True)
class Account:
    """The one account of the server."""

    user: str
    password: str

    def admits(self, user: str, password: str) -> bool:
        """Compare in constant time."""
        names = hmac.compare_digest(user.encode(errors="replace"), self.user.encode())
        secrets = hmac.compare_digest(password.encode(errors="replace"), self.password.encode())
        return names and secrets


class ClientSession:
    """The conversation with one client; runs in its own thread.

    Args:
        sock: connected; closed at the end.
        tag: marks this client's queries in the engine.
        is_stopping: true once the server shuts down: finish the query at hand, then end.
    """

    def __init__(
        self,
        sock: socket.socket,
        tag: str,
        engine: engines.Engine,
        account: Account,
        watcher: Watcher,
        *,
        is_stopping: Callable[[], bool],
    ) -> None:
        self._sock = sock
        self._tag = tag
        self._engines = engine
        self._account = account
        self._watcher = watcher
        self._is_stopping = is_stopping
        self._reader = SocketReader(sock)
        self._engine: engines.Session
        self.is_busy = False

    def run(self) -> None:
        """Serve the client until it leaves; no exception comes out for what a client does."""
        try:
            self._sock.settimeout(_LOGIN_S)
            if not self._login():
                return
            self._sock.settimeout(None)
            # Not settimeout(): receiving may wait for ever, and the watcher shares this socket.
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _SEND_TIMEOUT)
            try:
                self._serve()
            finally:
                self._engine.close()
        except ClientGoneError:
            pass
        except ProtocolError as error:
            _LOG.warning("client %s: protocol error %d, closed", self._tag, error.code)
            self._last_words(error.code, f"DB::Exception: {error}")

    def refuse(self, code: int, message: str) -> None:
        """Answer the Hello of one client too many, and end."""
        try:
            self._sock.settimeout(_LOGIN_S)
            wire.read_hello(self._reader)
            self._last_words(code, message)
        except (ClientGoneError, ProtocolError):
            pass

    def _login(self) -> bool:
        hello = wire.read_hello(self._reader)
        if hello.revision < wire.REVISION:
            msg = f"client revision {hello.revision} is too old, {wire.REVISION} is needed"
            raise ProtocolError(msg)
        if not self._account.admits(hello.user, hello.password):
            _LOG.warning("client %s: wrong user or password", self._tag)
            who = f"{hello.user[:64]}: Authentication failed: password is incorrect"
            msg = f"DB::Exception: {who}, or there is no user with such name."
            self._last_words(_AUTHENTICATION_FAILED, f"{msg} (AUTHENTICATION_FAILED)")
            return False
        try:
            self._engine = self._engines.open(self._tag, hello.database)
        except EngineError as error:
            self._last_words(error.code, error.message)
            return False
        self._send(wire.hello(self._engines.version, self._engines.zone))
        return True

    def _serve(self) -> None:
        while not self._is_stopping():
            packet = self._reader.varint()
            if packet == wire.PING:
                self._send(wire.PONG)
            elif packet == wire.QUERY:
                self.is_busy = True
                self._answer(wire.read_query(self._reader))
                self.is_busy = False
            elif packet != wire.CANCEL:  # that one crossed the end of its query: nothing to do
                msg = f"unexpected packet {packet}"
                raise ProtocolError(msg)

    def _answer(self, query: wire.Query) -> None:
        if query.compressed:
            msg = "compression is not supported: connect with compression=False"
            raise ProtocolError(msg, _NOT_IMPLEMENTED)
        self._skip_external_tables()
        try:
            try:
                self._engine.begin(query.settings)
                self._execute(query.text)
            finally:
                self._restore_settings()
        except EngineError as error:
            self._send(wire.exception(error.code, error.message))

    def _restore_settings(self) -> None:
        try:
            self._engine.end()
        except EngineError as error:
            # The query made its session read-only. Its answer is already sent: no second one.
            _LOG.warning("client %s: settings stay, code %d", self._tag, error.code)

    def _skip_external_tables(self) -> None:
        if self._reader.varint() != wire.DATA:
            msg = "a query must be followed by a block"
            raise ProtocolError(msg)
        name, columns, rows = wire.read_block_start(self._reader)
        if columns or rows:
            msg = f"external table {name!r}: not supported, use a temporary table"
            raise ProtocolError(msg, _NOT_IMPLEMENTED)

    def _execute(self, text: str) -> None:
        sql = statement(text)
        first = keyword(sql)
        insert = data_insert(sql) if first == "INSERT" else None
        if insert is not None:
            self._insert(insert)
            return
        self._watcher.begin(self._sock, self._tag)
        stopped = False
        try:
            if first in _STREAMED:
                self._select(sql)
            else:
                self._other(sql)
        except EngineError as error:
            stopped = self._watcher.end(self._sock) and error.code == _QUERY_WAS_CANCELLED
            if not stopped:
                raise
        finally:
            self._watcher.end(self._sock)
        self._send(wire.END_OF_STREAM)

    def _select(self, sql: str) -> None:
        try:
            stream = self._engine.stream(sql)
        except EngineError as error:
            if not engines.cannot_stream(error):
                raise
            self._other(sql)
            return
        try:
            head = list(itertools.islice(stream, 2))
            columns = _columns(head[0]) if head else None
            if columns is None:
                if len(head) > 1:
                    # A connection holds one query: DESCRIBE would end this one, so it starts anew.
                    stream.close()
                columns = self._engine.result_columns(sql)
                if len(head) > 1:
                    stream = self._engine.stream(sql)
                    head = []
            self._send_result(columns, head, stream)
        finally:
            with contextlib.suppress(EngineError):  # it must not hide why we are here
                stream.close()

    def _send_result(
        self, columns: blocks.Columns, head: list[bytes], stream: engines.Stream
    ) -> None:
        restorer = blocks.ZoneRestorer(columns)
        self._send(*wire.data(wire.header(columns)))
        count = size = 0
        for chunk in itertools.chain(head, stream):
            block = restorer.apply(memoryview(chunk))
            self._send(*wire.data(block))
            count += 1
            size += len(block)
        self._send(
            wire.profile(stream.rows, count, size),
            wire.progress(stream.rows, size),
            *wire.data(wire.EMPTY_BLOCK),
        )

    def _other(self, sql: str) -> None:
        rows = count = size = 0
        for layout, block in blocks.split(self._engine.run(sql)):
            if not count:
                self._send(*wire.data(wire.header(layout.columns)))
            self._send(*wire.data(block))
            rows, count, size = rows + layout.rows, count + 1, size + len(block)
        if count:
            self._send(
                wire.profile(rows, count, size),
                wire.progress(rows, size),
                *wire.data(wire.EMPTY_BLOCK),
            )

    def _insert(self, insert: DataInsert) -> None:
        columns = inserts.insert_columns(self._engine, insert)
        self._send(*wire.data(wire.header(columns)))
        inserts.receive(self._reader, lambda: inserts.Feed(self._engine, insert, columns))
        self._send(wire.END_OF_STREAM)

    def _send(self, *parts: bytes | memoryview) -> None:
        try:
            for part in _gathered(parts):
                self._sock.sendall(part)
        except OSError as error:
            raise ClientGoneError(str(error)) from error

    def _last_words(self, code: int, message: str) -> None:
        """Send an error and end; wait a little for the client to hang up first.

        Closing with unread bytes would reset the connection, and the client might never see why.
        """
        try:
            self._send(wire.exception(code, message))
            self._sock.shutdown(socket.SHUT_WR)
            self._sock.settimeout(1.0)
            for _ in range(_LAST_READS):
                if not self._sock.recv(1 << 16):
                    break
        except (OSError, ClientGoneError):
            pass


def _columns(chunk: bytes) -> blocks.Columns | None:
    """True columns of a result from its first block, or None if DESCRIBE has to be asked.

    A block is silent about the zone of DateTime, and may hold a type that cannot be walked.
    DESCRIBE is the exception because it runs the scalar subqueries of a query a second time.
    """
    try:
        found = blocks.layout(MemoryReader(chunk)).columns
    except ProtocolError:
        return None
    return None if any(spec == "DateTime" for _, spec in found) else found


_SMALL = 1 << 14


def _gathered(parts: tuple[bytes | memoryview, ...]) -> list[bytes | memoryview]:
    """Join small parts, so that a short answer is one packet; leave large ones uncopied."""
    if sum(len(part) for part in parts) <= _SMALL:
        return [b"".join(parts)]
    return list(parts)
