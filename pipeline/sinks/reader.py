"""SQL that only reads flows in, named columns and rows flow out: the boards' and queries' path.

Every query is sent with `readonly`, and looked at before: the engine lets a read-only query read
the server's files and addresses, so functions that do so are refused here, as are settings.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

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

    def settings(self) -> Mapping[str, int | str]:
        """Return them as settings; `readonly` comes last, as nothing can be set after it."""
        return {
            "max_execution_time": self.seconds,
            "max_result_rows": self.rows,
            "result_overflow_mode": "throw",
            "readonly": 1,
        }


class Reader(Client):
    """A connection that only reads; see `Client`."""

    bounds = Bounds()
    _reaching: frozenset[str] | None = None

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
        settings = dict(self.bounds.settings())

        def ask(driver: Any) -> Answer:
            rows, columns = driver.execute(sql, with_column_types=True, settings=settings)
            return Answer(tuple(columns), rows)

        return self._call(ask)
