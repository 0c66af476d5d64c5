"""SQL flows in, rows flow out: one ClickHouse connection that says plainly what went wrong.

Every error of the driver becomes a `StoreUnavailable` (an outage: the connection is dropped and the
next call makes a new one) or a `StoreRefused` (an answer that asking again will not change).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

from clickhouse_driver import Client as DriverClient
from clickhouse_driver import errors

from pipeline.errors import ConfigError, StoreRefused, StoreUnavailable

# The driver logs a traceback for a refused connection; here it becomes an error that says the same.
logging.getLogger("clickhouse_driver").addHandler(logging.NullHandler())

_RETRY_CODES = frozenset(
    {
        errors.ErrorCodes.TIMEOUT_EXCEEDED,
        errors.ErrorCodes.TOO_MANY_SIMULTANEOUS_QUERIES,
        errors.ErrorCodes.NO_FREE_CONNECTION,
        errors.ErrorCodes.SOCKET_TIMEOUT,
        errors.ErrorCodes.NETWORK_ERROR,
        errors.ErrorCodes.MEMORY_LIMIT_EXCEEDED,
        errors.ErrorCodes.TOO_MANY_PARTS,
        errors.ErrorCodes.QUERY_WAS_CANCELLED,
        errors.ErrorCodes.CANNOT_ALLOCATE_MEMORY,
        errors.ErrorCodes.ABORTED,
        243,  # NOT_ENOUGH_SPACE: the store's disk is full until someone makes room
    }
)
_BROKEN = (
    errors.NetworkError,
    errors.SocketTimeoutError,
    errors.UnexpectedPacketFromServerError,
    errors.UnknownPacketFromServerError,
    errors.PartiallyConsumedQueryError,
    errors.ChecksumDoesntMatchError,
)
"""What the driver says of a broken conversation; its other errors are bugs in what we gave it."""
_HINTS = {
    errors.ErrorCodes.UNKNOWN_TABLE: "run 'goldpan migrate' first",
    errors.ErrorCodes.UNKNOWN_DATABASE: "create the database, or name another in --clickhouse",
    # Unknown user and wrong password, as servers before 2020 say it; and as those since.
    **dict.fromkeys((192, 193, 516), "check user and password in --clickhouse"),
}
_SETTINGS = {
    "max_query_size": 32 << 20,
    "max_ast_elements": 2_000_000,
    "max_expanded_ast_elements": 4_000_000,
}
SILENT_S = 60.0
"""How long a query may be silent, where nothing else is said."""

T = TypeVar("T")
Rows = list[tuple[Any, ...]]


class Client:
    """A connection to one database, made when it is first needed.

    Args:
        url: gives `clickhouse://user:password@host:port/database`; asked anew at every connection,
            because a store that was restarted may have moved.
        timeout_s: how long a query may be silent.
    """

    def __init__(self, url: Callable[[], str], timeout_s: float = SILENT_S) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._driver: DriverClient | None = None
        self.place = "the store"

    def execute(self, sql: str, params: Mapping[str, Any] | None = None) -> Rows:
        """Run a query; values are put in for %(name)s.

        Raises:
            StoreUnavailable: no connection, or it broke; the query may have been carried out.
            StoreRefused: the store answered no.
        """
        return self._call(lambda d: list(d.execute(sql, params) or []))

    def insert(
        self, table: str, columns: Sequence[str], data: Sequence[list[Any]], **settings: int | str
    ) -> None:
        """Insert columns of values, one list per column, as one block where they fit in one.

        Raises:
            StoreUnavailable: see `execute`; inserting the same again is safe in every table.
            StoreRefused: the store answered no.
        """
        names = ", ".join(columns)
        sql = f"INSERT INTO {table} ({names}) VALUES"
        self._call(lambda d: d.execute(sql, data, columnar=True, settings=settings))

    def close(self) -> None:
        """Drop the connection."""
        if self._driver is not None:
            self._driver.disconnect()
            self._driver = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _call(self, use: Callable[[DriverClient], T]) -> T:
        try:
            if self._driver is None:
                self._driver = self._connect()
            return use(self._driver)
        except errors.ServerException as error:
            text = f"{self.place}: {first_line(error.message)}"
            if error.code in _RETRY_CODES:
                self.close()
                raise StoreUnavailable(text) from error
            hint = _HINTS.get(error.code)
            raise StoreRefused(f"{text}; {hint}" if hint else text) from error
        except (*_BROKEN, EOFError, OSError) as error:
            self.close()
            msg = (
                f"{self.place} cannot be reached: {first_line(str(error)) or type(error).__name__}"
            )
            raise StoreUnavailable(msg) from error
        except BaseException:
            # The conversation may have stopped half-way: a new one starts clean.
            self.close()
            raise

    def _connect(self) -> DriverClient:
        url = self._url()
        self.place = place_of(url)
        driver = DriverClient.from_url(url)
        connection = driver.connection
        connection.connect_timeout = 5
        connection.send_receive_timeout = self._timeout_s
        driver.settings.update(_SETTINGS)  # those of its connection are forgotten at each query
        return driver


def place_of(url: str) -> str:
    """The URL without its password, for messages.

    Raises:
        ConfigError: it is not a ClickHouse URL.
    """
    parts = urlsplit(url)
    try:
        port = parts.port or 9000
    except ValueError:
        port = 0
    if parts.scheme not in {"clickhouse", "clickhouses"} or not parts.hostname or not port:
        msg = "--clickhouse: write it as clickhouse://user:password@host:port/database"
        raise ConfigError(msg)
    return f"ClickHouse at {parts.hostname}:{port}{parts.path}"


def first_line(text: str) -> str:
    """The sentence of a server's message, without its stack trace."""
    return text.split("Stack trace:", 1)[0].strip().splitlines()[0] if text.strip() else ""
