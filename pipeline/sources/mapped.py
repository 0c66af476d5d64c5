"""A table and its mapping flow in, one event per matching rule and row flows out, in time order."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from pipeline.errors import InputError
from pipeline.sources.cells import BadCell, Cell, CellReader
from pipeline.sources.source import Counted, unreadable_row
from pipeline.sources.spool import Spool
from pipeline.sources.tables import Row, Table
from schemas.documents import nearest
from schemas.events import epoch_ms
from schemas.mapping import EventRule, TableMapping, When, kinds_of

MAX_ROWS: Final = 500_000
"""Rows that one file may have: they are put in the order of their times, so all are read first."""
_BEFORE_ALL: Final = -(1 << 62)


class MappedRow:
    """What one row became: its events with their times, or why it became none."""

    __slots__ = ("events", "number", "problem")

    def __init__(self, number: int, events: list[tuple[int, dict[str, Any]]], problem: str) -> None:
        self.number = number
        self.events = events
        self.problem = problem


class MappedTable(Counted):
    """A source for any table that a mapping describes."""

    allowed_lateness_ms = 0
    """Events leave here in order of occurrence."""

    def __init__(self, table: Table, mapping: TableMapping, path: Path, site: str, zone: ZoneInfo):
        """Read `table`, which lies at `path`, as that of `site`.

        Args:
            table: opened, not yet read.
            mapping: checked.
            path: for messages.
            site: of the events.
            zone: of times, where neither they nor the mapping say theirs.
        """
        super().__init__(table)
        self.name = mapping.source
        self._table = table
        self._mapping = mapping
        self._path = path
        self._site = site
        self._reader = CellReader(
            ZoneInfo(mapping.time_zone) if mapping.time_zone else zone,
            mapping.time_formats,
            frozenset(mapping.empty) | {""},
        )

    def events(self) -> Iterator[bytes]:
        """Yield rows that cannot be read first, then all events in order of occurrence.

        Raises:
            InputError: a column is not there, a cell holds what is no plain value, the encoding
                is another, or there are too many rows. Then nothing was yielded.
        """
        self.begin()
        with Spool() as spool:
            for row in self.rows():
                if row.problem:
                    problem = f"{row.problem} ({self._path.name})"
                    bad = unreadable_row(
                        row.number, problem, b"", site=self._site, source=self.name
                    )
                    spool.put([(_BEFORE_ALL, bad)])
                elif not row.events:
                    self.skipped["row that no rule applies to"] += 1
                spool.put((at, msgspec.json.encode(event)) for at, event in row.events)
            yield from spool.in_order()

    def rows(self) -> Iterator[MappedRow]:
        """Yield what each row becomes, in the order of the file.

        Raises:
            InputError: see `events`.
        """
        used = self._check_columns(self._table.header())
        for count, row in enumerate(self._table.rows(used), start=1):
            if count > MAX_ROWS:
                msg = f"{self._path} has more than {MAX_ROWS:,} rows; split it, say by month"
                raise InputError(msg)
            yield self._mapped(row)

    def _check_columns(self, columns: list[str]) -> frozenset[str]:
        """Refuse a file that lacks a column that the mapping reads, or has it twice."""
        used: dict[str, str] = {}
        for column, purpose in self._mapping.uses():
            used.setdefault(column, purpose)
        counts = Counter(columns)
        for column, purpose in used.items():
            if counts[column] == 1:
                continue
            if counts[column]:
                msg = (
                    f"{self._path} has {counts[column]} columns {column!r}, which the mapping "
                    f"reads for {purpose}; give each a name of its own in the header"
                )
            else:
                named = sorted({name for name in columns if name})
                msg = (
                    f"{self._path} has no column {column!r} in row {self._mapping.header_row}, "
                    f"which the mapping reads for {purpose}; {nearest(column, named)}; correct "
                    "the mapping or its header_row"
                )
            raise InputError(msg)
        return frozenset(used)

    def _mapped(self, row: Row) -> MappedRow:
        if row.problem:
            return MappedRow(row.number, [], row.problem)
        try:
            key, version = self._key(row.cells), self._version(row.cells)
            events = [
                self._event(rule, row.cells, key, version)
                for rule in self._mapping.events
                if all(self._holds(condition, row.cells) for condition in rule.when)
            ]
        except BadCell as error:
            return MappedRow(row.number, [], str(error))
        return MappedRow(row.number, events, "")

    def _key(self, cells: Mapping[str, Cell]) -> str:
        parts = [self._reader.text(column, cells.get(column)) for column in self._mapping.key]
        for column, part in zip(self._mapping.key, parts, strict=True):
            if not part:
                msg = f"column {column!r} is empty, which names the row; fill it in"
                raise BadCell(msg)
        key = ":".join(parts)
        return key if len(key) <= 100 else hashlib.sha256(key.encode()).hexdigest()

    def _version(self, cells: Mapping[str, Cell]) -> int | None:
        taken = self._mapping.version
        if taken is None:
            return None
        text = self._reader.text("", cells.get(taken.column)) if taken.column else ""
        if text.isascii() and text.isdigit():
            return int(text)
        instant = self._reader.instant(taken, cells)
        return None if instant is None else epoch_ms(instant)

    def _holds(self, condition: When, cells: Mapping[str, Cell]) -> bool:
        text = self._reader.text(condition.column, cells.get(condition.column))
        if condition.filled is not None and condition.filled != bool(text):
            return False
        if condition.is_ is not None and text not in condition.is_:
            return False
        return condition.not_ is None or text not in condition.not_

    def _event(
        self, rule: EventRule, cells: Mapping[str, Cell], key: str, version: int | None
    ) -> tuple[int, dict[str, Any]]:
        at = self._reader.instant(rule.at, cells)
        if at is None:
            columns = ", ".join(rule.at.names())
            msg = f"column {columns!r} is empty, the time of {rule.type}; fill it in, or add a when"
            raise BadCell(msg)
        later = sum(self._reader.duration_ms(taken, cells) or 0 for taken in rule.at.plus)
        event: dict[str, Any] = {
            "event_id": ":".join(filter(None, (self.name, key, rule.type, rule.name))),
            "event_type": rule.type,
            "site": self._site,
            "source": self.name,
            "occurred_at": (at + timedelta(milliseconds=later)).isoformat(),
        }
        if version is not None:
            event["version"] = version
        kinds = kinds_of(rule.type)
        for name, taken in self._mapping.fields_of(rule).items():
            outer, _, inner = name.partition(".")
            value = self._reader.value(taken, kinds[outer], cells)
            if value is None:
                continue
            if inner:
                event.setdefault(outer, {})[inner] = value
            else:
                event[outer] = value
        return epoch_ms(at) + later, event
