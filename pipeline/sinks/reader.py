"""SQL that only reads flows in, named columns and rows flow out: the boards' and queries' path.

Every query is read-only, by its account or by a setting that is sent with it, and looked at before:
the engine lets a read-only query read the server's files and addresses, so functions that do so are
refused here, as are settings.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from clickhouse_driver import Client as DriverClient

from pipeline.errors import InputError
from pipeline.sinks.client import Client, Rows

READS = frozenset({"SELECT", "WITH", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS"})
HARMLESS = frozenset(
    {
        *("dictionary", "format", "generateRandom", "generateSeries", "generate_series", "merge"),
        *("null", "numbers", "numbers_mt", "primes", "values", "view", "zeros", "zeros_mt"),
    }
)
"""Table functions that make rows or read tables. The others reach files, addresses or programs."""
_TOKEN = re.compile(
    r"""(?P<blank>\s+|--[^\n]*|\#[! ][^\n]*|/\*.*?\*/)
      | (?P<text>'(?:[^'\\]|\\.|'')*'|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
      | (?P<quoted>`(?:[^`\\]|\\.|``)*`|"(?:[^"\\]|\\.|"")*")
      | (?P<word>\w+)
      | (?P<sign>.)""",
    re.DOTALL | re.VERBOSE,
)


@dataclass(frozen=True)
class Answer:
    """What a query gave: its columns' names and ClickHouse types, and its rows."""

    columns: tuple[tuple[str, str], ...]
    rows: Rows


@dataclass(frozen=True)
class Bounds:
    """What one query may take."""

    seconds: int = 30
    rows: int = 100_000

    def settings(self, readonly: int) -> Mapping[str, int | str]:
        """Return them as settings, as far as an account may set any.

        Args:
            readonly: of the account. One with 1 may set nothing, so that its own bounds hold; one
                with 2 all but `readonly`, which else comes last, as nothing can be set after it.
        """
        if readonly == 1:
            return {}
        bounds: dict[str, int | str] = {
            "max_execution_time": self.seconds,
            "max_result_rows": self.rows,
            "result_overflow_mode": "throw",
        }
        return bounds if readonly else bounds | {"readonly": 1}


class Reader(Client):
    """A connection that only reads; see `Client`."""

    bounds = Bounds()
    _reaching: frozenset[str] | None = None
    _readonly = 0
    """That of the account."""

    def read(self, sql: str) -> Answer:
        """Run a query that a person wrote.

        Raises:
            InputError: it would do more than read the store's tables.
            StoreUnavailable: see `Client.execute`.
            StoreRefused: the store answered no.
        """
        tokens = [token for token in _TOKEN.finditer(sql) if token.lastgroup != "blank"]
        first = next((token[0].upper() for token in tokens if token[0] != "("), "nothing")
        if first not in READS:
            msg = f"{first} is refused: only reading is done here: {', '.join(sorted(READS))}"
            raise InputError(msg)
        if any(a[0].upper() == "INTO" and b[0].upper() == "OUTFILE" for a, b in pairwise(tokens)):
            msg = "INTO OUTFILE is refused: it would write a file on the server"
            raise InputError(msg)
        if self._reaching is None:
            known = self.read_shipped("SELECT name FROM system.table_functions").rows
            self._reaching = frozenset(str(name) for (name,) in known) - HARMLESS
        reaching = {name.lower(): name for name in self._reaching}
        for name, bracket in pairwise(tokens):
            called = name[0].strip('`"').lower()
            if bracket[0] == "(" and name.lastgroup in ("word", "quoted") and called in reaching:
                msg = (
                    f"{reaching[called]}() is refused: it reaches beyond the store's tables, to "
                    "files, addresses or programs"
                )
                raise InputError(msg)
        return self.read_shipped(sql)

    def read_shipped(self, sql: str) -> Answer:
        """Run a query that came with the product, whose text needs no second look."""

        def ask(driver: Any) -> Answer:
            settings = dict(self.bounds.settings(self._readonly))
            rows, columns = driver.execute(sql, with_column_types=True, settings=settings)
            return Answer(tuple(columns), rows)

        return self._call(ask)

    def _connect(self) -> DriverClient:
        driver = super()._connect()
        wanted = dict(driver.settings)
        driver.settings.clear()  # an account that may set nothing refuses a query that does
        try:
            rows = driver.execute("SELECT value FROM system.settings WHERE name = 'readonly'")
        except BaseException:
            driver.disconnect()
            raise
        self._readonly = int(rows[0][0])
        if self._readonly != 1:
            driver.settings.update(wanted)
        return driver
