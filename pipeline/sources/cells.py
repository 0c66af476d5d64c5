"""A table's cells flow in, values as our contracts want them flow out, or what is wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from openpyxl.utils.datetime import from_excel

from pipeline.masking import quoted
from schemas.mapping import Kind, Taken, Unit

Cell = str | int | float | bool | datetime | date | time | timedelta | None
Value = str | int | float | bool | list[str]

_UNIT_MS: Final[Mapping[Unit, int]] = {"ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000}
_CLOCK: Final = re.compile(r"(?:(\d{1,4}):)?([0-5]?\d):([0-5]?\d(?:\.\d{1,6})?)", re.ASCII)
_NUMBER: Final = re.compile(r"-?\d{1,15}(?:\.\d{1,9})?", re.ASCII)
_MANGLED: Final = re.compile(r"\d(?:\.\d+)?E\+?\d+", re.ASCII)
"""What a spreadsheet makes of a long number, whose last digits are lost."""
_PRECISE: Final = 10**15
"""From here on a spreadsheet's numbers are rounded."""
_YES: Final = frozenset({"true", "1", "yes", "y", "是"})
_NO: Final = frozenset({"false", "0", "no", "n", "否"})
_EPOCHS: Final = {"unix": 1, "unix_ms": 1000}
_EXCEL: Final = "excel"


class BadCell(ValueError):
    """A cell cannot be read: the text names column, value and remedy."""


@dataclass(frozen=True, slots=True)
class CellReader:
    """Reads the cells of one kind of table.

    Args:
        zone: of times that do not say theirs.
        time_formats: to try in turn; ISO 8601 if there is none.
        empty: cells that say nothing.
    """

    zone: ZoneInfo
    time_formats: tuple[str, ...]
    empty: frozenset[str]

    def text(self, column: str, cell: Cell) -> str:
        """A cell as text, "" if it says nothing.

        Raises:
            BadCell: a number whose last digits are lost.
        """
        match cell:
            case None:
                return ""
            case bool():
                return "true" if cell else "false"
            case float() if cell.is_integer() and abs(cell) < _PRECISE:
                return str(int(cell))
            case int() | float():
                if abs(cell) >= _PRECISE:
                    msg = (
                        f"column {column!r} is the number {cell}, whose last digits Excel has "
                        "lost; format the column as text before it is filled, and export again"
                    )
                    raise BadCell(msg)
                return str(cell)
            case str():
                plain = cell.strip()
                if _MANGLED.fullmatch(plain):
                    msg = (
                        f"column {column!r} is {plain!r}, a number that a spreadsheet has "
                        "shortened; export it again without opening it there"
                    )
                    raise BadCell(msg)
                return "" if plain in self.empty else plain
        return str(cell)

    def value(self, taken: Taken, kind: Kind, row: Mapping[str, Cell]) -> Value | None:
        """A field's value; None if the row does not say.

        Raises:
            BadCell: the cell is not what the field holds.
        """
        if taken.constant is not None:
            return _as_kind(taken.constant, kind, "constant", taken)
        column = ", ".join(taken.names())
        if taken.unit is not None:
            return self.duration_ms(taken, row)
        if kind in ("instant", "day"):
            instant = self.instant(taken, row)
            if instant is None:
                return None
            return instant.isoformat() if kind == "instant" else self._day(instant)
        text = self._joined(taken, row)
        if taken.values is not None and text in taken.values:
            text = taken.values[text]
        elif taken.otherwise is not None and (not text or taken.values is not None):
            text = taken.otherwise
        elif taken.values is not None and text:
            known = ", ".join(list(taken.values)[:10])
            msg = f"column {column!r} is {quoted(text)}, not one of {known}; add it to values"
            raise BadCell(msg)
        return _as_kind(text, kind, column, taken) if text else None

    def duration_ms(self, taken: Taken, row: Mapping[str, Cell]) -> int | None:
        """A duration in ms.

        Raises:
            BadCell: it is none in this unit.
        """
        column = ", ".join(taken.names())
        cell = row.get(taken.column) if taken.column else None
        if isinstance(cell, time):
            cell = timedelta(hours=cell.hour, minutes=cell.minute, seconds=cell.second)
        if isinstance(cell, timedelta):
            return round(cell.total_seconds() * 1000)
        text = self._joined(taken, row) if taken.constant is None else taken.constant
        text = text or taken.otherwise or ""
        if not text:
            return None
        unit = taken.unit or "ms"
        if unit == "h:mm:ss":
            clock = _CLOCK.fullmatch(text)
            if clock is not None:
                hours, minutes, seconds = clock.groups(default="0")
                return round((int(hours) * 3600 + int(minutes) * 60 + float(seconds)) * 1000)
        elif _NUMBER.fullmatch(text) and not text.startswith("-"):
            return round(float(text) * _UNIT_MS[unit])
        msg = f"column {column!r} is {quoted(text)}, no duration in {unit}; correct cell or unit"
        raise BadCell(msg)

    def instant(self, taken: Taken, row: Mapping[str, Cell]) -> datetime | None:
        """A time, aware and in UTC; None if the cell says nothing.

        Raises:
            BadCell: it is none in the formats that the mapping names.
        """
        column = ", ".join(taken.names())
        match [row.get(name) for name in taken.names()]:
            case [datetime() as whole]:
                return self._in_zone(whole)
            case [date() as day]:
                return self._in_zone(datetime.combine(day, time()))
            case [date() as day, time() as clock]:
                # A datetime is a date too: Excel has no dates without a time.
                return self._in_zone(datetime.combine(day, clock))
        text = self._joined(taken, row) if taken.constant is None else taken.constant
        if not text:
            return None
        for form in self.time_formats or ("",):
            found = self._parsed(text, form)
            if found is not None:
                return found
        wanted = " or ".join(self.time_formats) or "2026-03-01 08:00:00 (ISO 8601)"
        msg = f"column {column!r} is {quoted(text)}, not a time as {wanted}; "
        if _NUMBER.fullmatch(text):
            msg += "if it is a date of Excel's, format the column as a date or add excel to "
        else:
            msg += "correct the cell or "
        msg += "time_formats"
        raise BadCell(msg)

    def _joined(self, taken: Taken, row: Mapping[str, Cell]) -> str:
        parts = (self.text(column, row.get(column)) for column in taken.names())
        return " ".join(part for part in parts if part)

    def _parsed(self, text: str, form: str) -> datetime | None:
        try:
            if form in _EPOCHS:
                return datetime.fromtimestamp(float(text) / _EPOCHS[form], UTC)
            if form == _EXCEL:
                found = from_excel(float(text))
                return self._in_zone(found) if isinstance(found, datetime) else None
            if "%z" in form:
                return datetime.strptime(text, form).astimezone(UTC)
            if form:
                return datetime.strptime(text, form).replace(tzinfo=self.zone).astimezone(UTC)
            return self._in_zone(datetime.fromisoformat(text))
        except (ValueError, OverflowError, OSError):
            return None

    def _in_zone(self, instant: datetime) -> datetime:
        return (instant if instant.tzinfo else instant.replace(tzinfo=self.zone)).astimezone(UTC)

    def _day(self, instant: datetime) -> str:
        return instant.astimezone(self.zone).date().isoformat()


def _as_kind(text: str, kind: Kind, column: str, taken: Taken) -> Value:
    """A text as what the field holds."""
    if kind == "list":
        return [part.strip() for part in text.split(taken.split or "\0") if part.strip()]
    if kind == "boolean":
        if text.casefold() in _YES | _NO:
            return text.casefold() in _YES
        msg = f"column {column!r} is {quoted(text)}, neither true nor false; map it with values"
        raise BadCell(msg)
    if kind in ("integer", "number", "object"):
        if not _NUMBER.fullmatch(text):
            msg = f"column {column!r} is {quoted(text)}, not a number; correct the cell"
            raise BadCell(msg)
        number = float(text)
        return int(number) if number.is_integer() else number
    return text
