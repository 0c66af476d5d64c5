"""SQL goes in, Native bytes come out: the chDB engine, opened once per process.

Nothing else in the package touches chDB. Its functions release the interpreter lock, so one thread
and one connection per client run side by side.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from infra.clickhouse.errors import UNKNOWN_SETTING, EmbeddedServerError, EngineError
from infra.clickhouse.limits import BASE, Limits
from infra.clickhouse.sqltext import identifier, keyword, literal
from infra.clickhouse.wire import Setting

NO_STREAM = 36
"""Code of chDB's refusal to stream a statement that is not a plain SELECT."""
READONLY = 164
_DESCRIBE_FREELY = (
    " SETTINGS max_result_rows = 0, max_result_bytes = 0, describe_compact_output = 0, "
    "describe_include_subcolumns = 0"
)
"""A client's limits are meant for its result, not for our question about the columns."""
_NO_STREAM_TEXT = "Streaming query is not supported"


class Engine:
    """The engine of this process.

    Args:
        path: directory of its files; created if missing.
        database: created with ``ENGINE = Atomic``, because chDB's own ``default`` is an overlay
            in which refreshable views do not work.
        limits: bounds on memory.

    Raises:
        EmbeddedServerError: chDB is not installed.
        EngineError: the engine refuses to open the directory.
    """

    def __init__(self, path: Path, database: str, limits: Limits) -> None:
        try:
            from chdb.state.sqlitelike import Connection  # noqa: PLC0415 - 1 s and 200 MB
        except ImportError as error:
            msg = f"chdb-core is not installed ({error}): pip install 'chdb-core==26.9.0'"
            raise EmbeddedServerError(msg) from error
        startup = "&".join(f"{name}={value}" for name, value in limits.startup().items())
        self._connect = lambda: Connection(f"{path}?{startup}")
        self._base = BASE | limits.query()
        self._admin_lock = threading.Lock()
        self._admin: Any = _call(self._connect)
        self.database = database
        self._ask(f"CREATE DATABASE IF NOT EXISTS {identifier(database)} ENGINE = Atomic")
        rows = self._ask("SELECT version() AS version, timezone() AS zone")
        self.zone = str(rows[0]["zone"])
        major, minor, patch = str(rows[0]["version"]).split(".")[:3]
        self.version = (int(major), int(minor), int(patch))
        names = self._ask("SELECT name FROM system.settings")
        self.setting_names = frozenset(str(row["name"]) for row in names)

    def _ask(self, sql: str) -> list[dict[str, Any]]:
        with self._admin_lock:
            return _rows(self._admin, sql)

    def open(self, tag: str, database: str) -> Session:
        """Open a connection for one client.

        Args:
            tag: marks the client's queries, so that they can be killed.
            database: where to start; the server's own if empty.

        Raises:
            EngineError: unknown database (code 81).
        """
        return Session(self, tag, database or self.database)

    def connect(self, tag: str, database: str) -> Any:
        """A chDB connection with our settings, in ``database``."""
        connection: Any = _call(self._connect)
        try:
            _call(connection.query, f"USE {identifier(database)}", "Native")
            _call(connection.query, _set(self.base(tag)), "Native")
        except EngineError:
            connection.close()
            raise
        return connection

    def base(self, tag: str) -> dict[str, str]:
        """Settings of every connection."""
        return self._base | {"log_comment": tag}

    def kill(self, tag: str) -> None:
        """Ask whatever the tagged client runs to stop; does not wait."""
        where = f"Settings['log_comment'] = {literal(tag)}"
        self._ask(f"KILL QUERY WHERE {where} ASYNC")

    def close(self) -> None:
        """Close; merges stop and files are released when the last connection is closed."""
        with self._admin_lock:
            self._admin.close()


class Session:
    """One client's connection to the engine; used by one thread.

    Temporary tables, USE and SET live as long as it does.
    """

    def __init__(self, engine: Engine, tag: str, database: str) -> None:
        self._engine = engine
        self._tag = tag
        self._connection = engine.connect(tag, database)
        self._spare: Any = None
        self._reader: Any = None
        self._reader_for: dict[str, str] = {}
        self._has_own_settings = False
        self._database = database
        self._wanted: dict[str, str] = {}
        self._restore: dict[str, str] = {}
        self._parameters: dict[str, str] = {}

    def begin(self, settings: Sequence[Setting]) -> None:
        """Apply a query's settings; they hold until ``end``.

        Raises:
            EngineError: a setting is refused.
        """
        wanted: dict[str, str] = {}
        self._parameters = {}
        for setting in settings:
            if setting.name.startswith("param_"):
                self._parameters[setting.name.removeprefix("param_")] = setting.value
            elif setting.name in self._engine.setting_names:
                wanted[setting.name] = setting.value
            elif setting.important:
                msg = f"DB::Exception: Unknown setting '{setting.name}'. (UNKNOWN_SETTING)"
                raise EngineError(UNKNOWN_SETTING, msg)
        wanted.pop("log_comment", None)  # it is our tag
        if not wanted:
            return
        if wanted.get("readonly", "0") != "0":
            # A connection that was made read-only cannot be made writable again.
            self._spare, self._connection = self._connection, None
            wanted["readonly"] = wanted.pop("readonly")
            self._wanted = wanted
            self._read_only(wanted)
            return
        self._restore = self._current(wanted)
        self._wanted = wanted
        self._run(_set(wanted))

    def _read_only(self, wanted: dict[str, str]) -> None:
        """Take the read-only connection with these settings that the last query left, or make one.

        Making one takes 10 ms, several times what most queries do.
        """
        if self._reader is not None and self._reader_for == wanted:
            self._connection, self._reader = self._reader, None
            return
        self._drop_reader()
        found = _rows(self._spare, "SELECT currentDatabase() AS name")
        self._database = str(found[0]["name"])
        self._connection = self._engine.connect(self._tag, self._database)
        self._run(_set(wanted))

    def _drop_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _current(self, names: Mapping[str, str]) -> dict[str, str]:
        base = self._engine.base(self._tag)
        before = {name: base.get(name, "") for name in names}
        if self._has_own_settings:
            listed = ", ".join(literal(name) for name in names)
            sql = f"SELECT name, value FROM system.settings WHERE changed AND name IN ({listed})"
            before |= {str(row["name"]): str(row["value"]) for row in _rows(self._connection, sql)}
        return before

    def end(self) -> None:
        """Put the session's own settings back."""
        if self._spare is not None:
            self._drop_reader()
            self._reader, self._reader_for = self._connection, self._wanted
            self._connection, self._spare = self._spare, None
        if self._restore:
            restore, self._restore = self._restore, {}
            self._run(_set(restore))

    def run(self, sql: str) -> bytes:
        """Run any statement; the whole result in memory, possibly several blocks."""
        first = keyword(sql)
        if first == "SET":
            self._has_own_settings = True
        result = self._run(sql)
        if first == "USE":
            if self.is_read_only:
                self._connection.close()
                self._connection = None  # it stands elsewhere now, so no later query may have it
            else:
                self._drop_reader()
        return result

    def _run(self, sql: str) -> bytes:
        parameters = self._parameters or None
        result = _call(self._connection.query, sql, "Native", params=parameters)
        return bytes(result.bytes())

    def stream(self, sql: str) -> Stream:
        """Start a SELECT; its blocks are read as they are made.

        Raises:
            EngineError: the engine refuses it; see ``cannot_stream``.
        """
        parameters = self._parameters or None
        return Stream(_call(self._connection.send_query, sql, "Native", params=parameters))

    def result_columns(self, sql: str) -> list[tuple[str, str]]:
        """Names and types of what a SELECT returns, without running it."""
        return [(name, spec) for name, spec, _ in self.describe(f"(\n{sql}\n)")]

    def describe(self, table: str) -> list[tuple[str, str, str]]:
        """Name, type and kind of default of the columns of a table, function or ``(query)``."""
        sql = f"DESCRIBE TABLE {table}"
        with self._for_describe() as connection:
            try:
                rows = _rows(connection, sql + _DESCRIBE_FREELY, self._parameters or None)
            except EngineError as error:
                if error.code != READONLY:
                    raise
                # The client made its session read-only by SET: then it keeps its own limits.
                rows = _rows(connection, sql, self._parameters or None)
        return [(str(r["name"]), str(r["type"]), str(r.get("default_type", ""))) for r in rows]

    @contextlib.contextmanager
    def _for_describe(self) -> Iterator[Any]:
        """The connection, or one like it that may lift the client's limits on results."""
        if not self.is_read_only:
            yield self._connection
            return
        connection = self._engine.connect(self._tag, self._database)
        try:
            others = {n: v for n, v in self._wanted.items() if n != "readonly"}
            if others:
                _call(connection.query, _set(others), "Native")
            yield connection
        finally:
            connection.close()

    @property
    def is_read_only(self) -> bool:
        """True while a query runs that was sent with ``readonly``."""
        return self._spare is not None

    def close(self) -> None:
        """Close; temporary tables are dropped."""
        for connection in (self._connection, self._spare, self._reader):
            if connection is not None:
                connection.close()
        self._connection = self._spare = self._reader = None


class Stream:
    """Blocks of one running SELECT; each chunk of chDB is exactly one block."""

    def __init__(self, result: Any) -> None:
        self._result = result
        self.rows = 0

    def __iter__(self) -> Iterator[bytes]:
        """Yield blocks.

        Raises:
            EngineError: the query failed or was killed.
        """
        while (chunk := _call(self._result.fetch)) is not None:
            self.rows += int(chunk.rows_read())
            yield chunk.bytes()

    def close(self) -> None:
        """Cancel what still runs."""
        _call(self._result.close)


def cannot_stream(error: EngineError) -> bool:
    """True if a statement was refused only because it is not a plain SELECT."""
    return error.code == NO_STREAM and _NO_STREAM_TEXT in error.message


def _call(function: Any, *arguments: Any, **named: Any) -> Any:
    """Call chDB; its errors, RuntimeErrors all, become EngineError."""
    try:
        return function(*arguments, **named)
    except RuntimeError as error:
        raise EngineError.parse(str(error)) from error


def _rows(connection: Any, sql: str, params: dict[str, str] | None = None) -> list[dict[str, Any]]:
    text = str(_call(connection.query, sql, "JSONEachRow", params=params))
    return [json.loads(line) for line in text.split("\n") if line]


def _set(settings: Mapping[str, str]) -> str:
    """A SET statement; an empty value means the default."""
    pairs = (f"{n} = {literal(v) if v else 'DEFAULT'}" for n, v in settings.items())
    return "SET " + ", ".join(pairs)
