"""A report's table in; aligned text, CSV or JSON out.

Text is for people: names and units in their language, what the site calls queues and their like,
"-" where there is no value. CSV and JSON
are for programs: labels as they were asked for, numbers unrounded, nothing where there is none.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text as Cells

from pipeline.report import Cell, Column, ReportTable, Row
from schemas.measures import Text
from schemas.site import Named, SiteConfig
from schemas.units import UNITS

Lang = Literal["zh", "en"]

NO_VALUE = "-"
PROVISIONAL = "~"
_WORDS = {
    "period": Text(zh="时段", en="period"),
    "none": Text(zh="（无）", en="(none)"),
    "empty": Text(zh="此范围内没有联络", en="no contacts in this range"),
    "missing": Text(zh="不可用", en="not available"),
    "provisional": Text(
        zh="暂定值，时段结束后 {after} 内发生的事仍会改变它",
        en="provisional: what happens within {after} of the period may still change it",
    ),
}


def as_csv(table: ReportTable) -> str:
    """Return the report as CSV with a header line; a missing value is an empty field.

    Where values may be provisional, the last field names those that are, with spaces in between.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    last = ["provisional"] if _may_change(table) else []
    writer.writerow(["period", *table.group, *(column.label for column in table.columns), *last])
    for row in table.rows:
        values = ("" if value is None else value for value in row.values)
        marks = [" ".join(_provisional(table, row))] if last else []
        writer.writerow([row.period, *row.group, *values, *marks])
    return out.getvalue()


def as_json(table: ReportTable) -> str:
    """Return the report as JSON: `by`, `columns` with names and units, `rows` as objects.

    Where values may be provisional, each row has a list of the labels of those that are.
    """
    columns = [
        {
            "label": column.label,
            "name": column.name.model_dump(),
            "unit": column.unit or None,
            "available": column.compiled is not None,
            "variant": column.variant,
            "definition_version": column.version,
            "note": column.note.model_dump() if column.note else None,
            "look_ahead_s": column.look_ahead_ms // 1000 or None,
        }
        for column in table.columns
    ]
    rows = [
        {
            "period": row.period,
            "group": dict(zip(table.group, row.group, strict=True)),
            "values": dict(zip((c.label for c in table.columns), row.values, strict=True)),
            **({"provisional": _provisional(table, row)} if _may_change(table) else {}),
        }
        for row in table.rows
    ]
    content = {"by": table.by, "columns": columns, "rows": rows}
    return json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def _may_change(table: ReportTable) -> bool:
    return any(column.look_ahead_ms for column in table.columns)


def _provisional(table: ReportTable, row: Row) -> list[str]:
    """Return the labels of the values that may still change."""
    return [table.columns[position].label for position in sorted(row.provisional)]


Names = Mapping[str, Mapping[str, Text]]
"""By dimension, what its values are called."""


WEEKDAYS: Mapping[str, Text] = {
    "1": Text(zh="周一", en="Monday"),
    "2": Text(zh="周二", en="Tuesday"),
    "3": Text(zh="周三", en="Wednesday"),
    "4": Text(zh="周四", en="Thursday"),
    "5": Text(zh="周五", en="Friday"),
    "6": Text(zh="周六", en="Saturday"),
    "7": Text(zh="周日", en="Sunday"),
}


def names_of(site: SiteConfig) -> Names:
    """What weekdays are called, and what a site calls its queues, departments, teams, sources."""
    named: Mapping[str, Mapping[str, Named]] = {
        "department": site.departments,
        "team": site.teams,
        "source": site.sources,
    }
    queues = {code: queue.name for code, queue in site.queues.items() if queue.name is not None}
    return {
        "weekday": WEEKDAYS,
        "queue": queues,
        **{what: {code: one.name for code, one in names.items()} for what, names in named.items()},
    }


def as_text(table: ReportTable, lang: Lang = "en", names: Names | None = None) -> str:
    """Return the report as an aligned table and, below it, what a reader must know."""
    grid = new_grid(
        [_word("period", lang), *table.group], [headed(column, lang) for column in table.columns]
    )
    for row in table.rows:
        values = (
            shown(value, column) + PROVISIONAL * (position in row.provisional)
            for position, (value, column) in enumerate(zip(row.values, table.columns, strict=True))
        )
        grid.add_row(*cells(row.period, *called(table.group, row.group, lang, names), *values))
    lines = printed(grid) if table.rows else [_word("empty", lang)]
    return "\n".join([*lines, *notes(table, lang)]) + "\n"


def new_grid(left: Sequence[str], right: Sequence[str]) -> Table:
    """Return a table without rows, its last columns aligned to the right."""
    grid = Table(box=box.SIMPLE_HEAD, header_style="", pad_edge=False, show_edge=False)
    for name in left:
        grid.add_column(name, no_wrap=True)
    for name in right:
        grid.add_column(name, justify="right", no_wrap=True)
    return grid


def cells(*texts: str) -> list[Cells]:
    """Return a row's cells; as Text, so that a queue called [red] is printed and not obeyed."""
    return [Cells(text) for text in texts]


def called(
    dimensions: Sequence[str], group: Sequence[str], lang: Lang, names: Names | None
) -> list[str]:
    """Return what the site calls a row's group."""
    known = [(names or {}).get(dimension, {}) for dimension in dimensions]
    return [
        _in(own[code], lang) if code in own else code or _word("none", lang)
        for code, own in zip(group, known, strict=True)
    ]


def printed(grid: Table) -> list[str]:
    """Return a table's lines, however long."""
    out = io.StringIO()
    Console(file=out, width=10_000, color_system=None, highlight=False).print(grid)
    return [line.rstrip() for line in out.getvalue().splitlines() if line.strip()]


def notes(table: ReportTable, lang: Lang) -> Iterator[str]:
    """Yield a line for each metric with a variant, without a value or provisional, saying why."""
    marked = frozenset[int]().union(*(row.provisional for row in table.rows))
    for position, column in enumerate(table.columns):
        if position in marked:
            after = _lasting(column.look_ahead_ms, lang)
            said = _word("provisional", lang).format(after=after)
            yield f"{PROVISIONAL} {_in(column.name, lang)}: {said}"
        if column.note is None:
            continue
        missing = "" if column.compiled else f"{_word('missing', lang)}: "
        yield f"{_in(column.name, lang)}: {missing}{_in(column.note, lang)}"


def _lasting(ms: int, lang: Lang) -> str:
    """Return a look-ahead for a person: in days, or in hours where it is not whole days."""
    unit, size = ("d", 86_400_000) if ms % 86_400_000 == 0 else ("h", 3_600_000)
    return f"{ms / size:g} {_in(UNITS[unit], lang)}"


def headed(column: Column, lang: Lang) -> str:
    """Return a column's name with its unit."""
    name = _in(column.name, lang)
    return name if column.unit in ("", "count") else f"{name} ({_in(UNITS[column.unit], lang)})"


def shown(value: Cell, column: Column) -> str:
    """Return a number for a person.

    Whole numbers stay whole; what has a unit has two decimals, a site's own formula four.
    """
    if value is None:
        return NO_VALUE
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.{2 if column.unit else 4}f}"


def _word(key: str, lang: Lang) -> str:
    return _in(_WORDS[key], lang)


def _in(text: Text, lang: Lang) -> str:
    return text.zh if lang == "zh" else text.en
