"""A table's file flows in, CSV or Excel; its header and rows flow out, each with its number."""

from __future__ import annotations

import csv
import re
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final, NamedTuple, Protocol
from xml.etree.ElementTree import Element, ParseError

from openpyxl import load_workbook
from openpyxl.utils import get_column_letter, range_boundaries
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.xml.functions import fromstring  # defusedxml's, which refuses XML bombs

from pipeline.errors import InputError
from pipeline.masking import quoted
from pipeline.sources.cells import Cell
from pipeline.sources.files import LineFile
from schemas.mapping import TableMapping

MAX_UNPACKED: Final = 1 << 30
"""Bytes that a workbook may have when it is unpacked."""
MAX_STRINGS: Final = 256 << 20
"""Bytes of them that may be texts, unpacked: a workbook keeps every text once, apart from the rows,
and all of them must be held; as Python has them, they take two to three times as much."""
MAX_COLUMNS: Final = 1000
_STRINGS: Final = "sharedStrings.xml"
_ZIP: Final = b"PK\x03\x04"
_OLD_EXCEL: Final = b"\xd0\xcf\x11\xe0"
_WIDE: Final = (b"\xff\xfe", b"\xfe\xff")
_MERGED: Final = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]*?ref="([A-Z0-9:]{2,40})"')
_CHUNK: Final = 1 << 20
_TAIL: Final = 200
_REL: Final = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


class Row(NamedTuple):
    """One row: its number in the file, counted as a spreadsheet does, and its cells.

    `problem` says why it cannot be read at all.
    """

    number: int
    cells: dict[str, Cell]
    problem: str = ""


class Table(Protocol):
    """A file that holds one table."""

    @property
    def position(self) -> int:
        """Bytes of the file that have been read."""

    @property
    def size(self) -> int:
        """Bytes of the file."""

    def header(self) -> list[str]:
        """The columns' names, in order; to be read first.

        Raises:
            InputError: the file is no such table.
        """

    def rows(self, used: Collection[str]) -> Iterator[Row]:
        """Yield the rows below the header that are not blank.

        Raises:
            InputError: one of the columns `used` holds what is no plain value.
        """


class CsvTable:
    """A text file with a separator, as `csv` reads it."""

    def __init__(self, path: Path, mapping: TableMapping) -> None:
        """Look at the file.

        Raises:
            InputError: it is not there, or is a workbook or UTF-16.
        """
        self._path = path
        self._mapping = mapping
        self._file = LineFile(path)
        start = _first_bytes(path)
        if start.startswith((_ZIP, _OLD_EXCEL)):
            msg = f"{path} is an Excel workbook; use --format xlsx, or save it as CSV"
            raise InputError(msg)
        if start.startswith(_WIDE):
            msg = f"{path} is UTF-16; save it as CSV UTF-8 (Excel: 'CSV UTF-8 (comma delimited)')"
            raise InputError(msg)
        self._reader = csv.reader(self._lines(), delimiter=mapping.delimiter)
        self._columns: list[str] = []

    @property
    def position(self) -> int:
        """Bytes of the file that have been read."""
        return self._file.position

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._file.size

    def header(self) -> list[str]:
        """The columns' names, in order; to be read first."""
        cells: list[str] = []
        for _ in range(self._mapping.header_row):
            cells = next(self._reader, [])
        self._columns = [cell.strip() for cell in cells[:MAX_COLUMNS]]
        return self._columns

    def rows(self, used: Collection[str]) -> Iterator[Row]:
        """Yield the rows below the header that are not blank."""
        del used
        while True:
            number = self._reader.line_num + 1
            try:
                cells = next(self._reader, None)
            except csv.Error as error:
                problem = f"it is no CSV ({error}); look for a quotation mark that is not closed"
                yield Row(number, {}, problem)
                continue
            if cells is None:
                return
            if not any(cell.strip() for cell in cells):
                continue
            if any(cell.strip() for cell in cells[len(self._columns) :]):
                problem = (
                    f"it has {len(cells)} cells, the header {len(self._columns)}; put cells that "
                    "hold the separator into quotation marks"
                )
                yield Row(number, {}, problem)
                continue
            yield Row(number, dict(zip(self._columns, cells, strict=False)))

    def _lines(self) -> Iterator[str]:
        encoding = self._mapping.encoding
        for number, line in enumerate(self._file.lines(), start=1):
            try:
                yield line.decode(encoding) + "\n"
            except UnicodeDecodeError as error:
                other = "gb18030" if encoding.startswith("utf") else "utf-8"
                msg = (
                    f"{self._path}, row {number}: byte {error.start + 1} "
                    f"(0x{line[error.start]:02x}) is not {encoding}; name the file's encoding in "
                    f"the mapping, perhaps encoding: {other}"
                )
                raise InputError(msg) from error


class ExcelTable:
    """One sheet of an .xlsx workbook, read row by row."""

    def __init__(self, path: Path, mapping: TableMapping) -> None:
        """Open the workbook.

        Raises:
            InputError: it is no such workbook, too large, or lacks the sheet.
        """
        self._path = path
        self._header_row = mapping.header_row
        self.size = LineFile(path).size
        self.position = 0
        if _first_bytes(path).startswith(_OLD_EXCEL):
            msg = f"{path} is an .xls or protected workbook; save it as .xlsx without a password"
            raise InputError(msg)
        try:
            with zipfile.ZipFile(path) as archive:
                sizes = {item.filename: item.file_size for item in archive.infolist()}
            texts = sum(size for name, size in sizes.items() if name.endswith(_STRINGS))
            for what, size, most in (
                ("", sum(sizes.values()), MAX_UNPACKED),
                (" of texts", texts, MAX_STRINGS),
            ):
                if size > most:
                    msg = (
                        f"{path} unpacks to {size:,} bytes{what}, more than {most:,}; "
                        "split it, or save it as CSV"
                    )
                    raise InputError(msg)
            self._book = load_workbook(path, read_only=True)
        except (zipfile.BadZipFile, InvalidFileException, KeyError, ValueError, OSError) as error:
            msg = f"{path} is no .xlsx workbook ({error}); save it as .xlsx, or as CSV"
            raise InputError(msg) from error
        names = self._book.sheetnames
        self._name = mapping.sheet or names[0]
        if self._name not in names:
            msg = f"{path} has no sheet {self._name!r}; its sheets: {', '.join(names)[:200]}"
            raise InputError(msg)
        self._sheet = self._book[self._name]
        # Some programs write the dimensions wrong, and rows would be cut to them.
        self._sheet.reset_dimensions()
        self._columns: list[str] = []

    def header(self) -> list[str]:
        """The columns' names, in order; to be read first."""
        at = self._header_row
        found = self._sheet.iter_rows(min_row=at, max_row=at, max_col=MAX_COLUMNS, values_only=True)
        cells = next(found, ())
        self._columns = ["" if cell is None else str(cell).strip() for cell in cells]
        while self._columns and not self._columns[-1]:
            self._columns.pop()
        return self._columns

    def rows(self, used: Collection[str]) -> Iterator[Row]:
        """Yield the rows below the header that are not blank."""
        places = {index: name for index, name in enumerate(self._columns) if name}
        self._refuse_merged([index for index, name in places.items() if name in used])
        first = self._header_row + 1
        rows = self._sheet.iter_rows(min_row=first, max_col=max(len(self._columns), 1))
        for number, cells in enumerate(rows, start=first):
            values: dict[str, Cell] = {}
            for index, name in places.items():
                cell = cells[index] if index < len(cells) else None
                if cell is None or cell.value is None:
                    continue
                if name in used and cell.data_type in ("f", "e"):
                    raise self._no_value(name, f"{get_column_letter(index + 1)}{number}", cell)
                value = cell.value
                values[name] = value if isinstance(value, Cell) else str(value)
            if values:
                yield Row(number, values)
        self.position = self.size

    def _no_value(self, column: str, place: str, cell: object) -> InputError:
        value = str(getattr(cell, "value", ""))
        if getattr(cell, "data_type", "") == "e":
            msg = f"{self._path}, cell {place}: column {column!r} is the error {value}; correct it"
        else:
            msg = (
                f"{self._path}, cell {place}: column {column!r} holds the formula "
                f"{quoted(value)}; copy the column, paste it as values, and save"
            )
        return InputError(msg)

    def _refuse_merged(self, columns: Collection[int]) -> None:
        """Refuse merged cells: only the first of them has a value, the others would be lost."""
        for merged in _merged_ranges(self._path, self._name):
            left, top, right, bottom = range_boundaries(merged)
            hit = [index for index in columns if (left or 1) <= index + 1 <= (right or MAX_COLUMNS)]
            if hit and (bottom or top or 1) >= self._header_row:
                name = self._columns[hit[0]]
                msg = (
                    f"{self._path}: cells {merged} are merged, in column {name!r}; unmerge them "
                    "and fill in each row's own value, then save"
                )
                raise InputError(msg)


def table_of(path: Path, form: str, mapping: TableMapping) -> Table:
    """The table in a file of this form, csv or xlsx.

    Raises:
        InputError: it is no such file.
    """
    return ExcelTable(path, mapping) if form == "xlsx" else CsvTable(path, mapping)


def _first_bytes(path: Path) -> bytes:
    for chunk in LineFile(path).chunks():
        return chunk[:8]
    return b""


def _merged_ranges(path: Path, sheet: str) -> Iterator[str]:
    """The ranges that a sheet merges; reading row by row does not tell of them."""
    with zipfile.ZipFile(path) as archive, archive.open(_part_of(archive, sheet)) as part:
        tail = b""
        while chunk := part.read(_CHUNK):
            text = tail + chunk
            end = 0
            for match in _MERGED.finditer(text):
                end = match.end()
                yield match[1].decode()
            tail = text[max(end, len(text) - _TAIL) :]


def _part_of(archive: zipfile.ZipFile, sheet: str) -> str:
    """The name under which the archive keeps a sheet."""
    try:
        book = _parsed(archive, "xl/workbook.xml")
        relations = _parsed(archive, "xl/_rels/workbook.xml.rels")
    except (KeyError, ValueError, ParseError) as error:
        msg = f"{archive.filename} is no .xlsx workbook ({error}); save it as .xlsx, or as CSV"
        raise InputError(msg) from error
    wanted = {item.get(_REL) for item in book.iter() if item.get("name") == sheet}
    for relation in relations:
        if relation.get("Id") in wanted:
            target = relation.get("Target", "")
            return target.lstrip("/") if target.startswith("/") else f"xl/{target}"
    msg = f"{archive.filename} does not say where sheet {sheet!r} is; save it anew as .xlsx"
    raise InputError(msg)


def _parsed(archive: zipfile.ZipFile, part: str) -> Element:
    root: Element = fromstring(archive.read(part))
    return root
