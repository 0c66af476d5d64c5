"""A comparison in; aligned text, CSV or JSON out: a line for each metric of a period and group."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator

from pipeline.comparison import Against, Compared, Comparison, Verdict
from pipeline.report_output import (
    NO_VALUE,
    Lang,
    Names,
    called,
    cells,
    headed,
    new_grid,
    notes,
    printed,
    shown,
)
from schemas.measures import Text

_HEADINGS: dict[str, Text] = {
    "period": Text(zh="时段", en="period"),
    "metric": Text(zh="指标", en="metric"),
    "value": Text(zh="本期", en="value"),
    "difference": Text(zh="差值", en="difference"),
    "change_pct": Text(zh="变化 %", en="change %"),
    "verdict": Text(zh="评价", en="judged"),
    "sample": Text(zh="样本数", en="sample"),
    "margin": Text(zh="误差 ±", en="margin ±"),
}
_OTHER: dict[Against, Text] = {
    "previous": Text(zh="上一时段", en="period before"),
    "week": Text(zh="上周同期", en="a week before"),
    "month": Text(zh="上月同期", en="a month before"),
    "quarter": Text(zh="上季同期", en="a quarter before"),
    "year": Text(zh="去年同期", en="a year before"),
    "target": Text(zh="目标", en="target"),
}
_VERDICTS: dict[Verdict, Text] = {
    "better": Text(zh="好转", en="better"),
    "worse": Text(zh="变差", en="worse"),
    "same": Text(zh="持平", en="the same"),
    "met": Text(zh="达标", en="met"),
    "missed": Text(zh="未达标", en="missed"),
    "few": Text(zh="样本不足", en="too few"),
    "": Text(zh=NO_VALUE, en=NO_VALUE),
}


def as_csv(comparison: Comparison) -> str:
    """Return the comparison as CSV with a header line; a missing value is an empty field."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = ("value", "other", "difference", "change_pct", "verdict", "sample", "margin")
    writer.writerow(["period", *comparison.table.group, "metric", *names])
    for row in comparison.rows:
        values = ("" if value is None else value for value in _values(row))
        writer.writerow([row.period, *row.group, row.column.label, *values])
    return out.getvalue()


def as_json(comparison: Comparison) -> str:
    """Return the comparison as JSON: `by`, `against`, `rows` as objects."""
    rows = [
        {
            "period": row.period,
            "group": dict(zip(comparison.table.group, row.group, strict=True)),
            "metric": row.column.label,
            "unit": row.column.unit or None,
            "value": row.value,
            "other": row.other,
            "difference": row.difference,
            "change_pct": row.change_pct,
            "verdict": row.verdict or None,
            "sample": row.sample,
            "margin": row.margin,
        }
        for row in comparison.rows
    ]
    content = {"by": comparison.table.by, "against": comparison.against, "rows": rows}
    return json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def as_text(comparison: Comparison, lang: Lang = "en", names: Names | None = None) -> str:
    """Return the comparison as an aligned table."""
    table = comparison.table
    other = _in(_OTHER[comparison.against], lang)
    words = {name: _in(text, lang) for name, text in _HEADINGS.items()}
    left = [words["period"], *table.group, words["metric"]]
    right = [words["value"], other, words["difference"], words["change_pct"], words["verdict"]]
    right += [words["sample"], words["margin"]]
    grid = new_grid(left, right)
    for row in comparison.rows:
        groups = called(table.group, row.group, lang, names)
        grid.add_row(*cells(row.period, *groups, headed(row.column, lang), *_shown(row, lang)))
    return "\n".join([*printed(grid), *notes(table, lang)]) + "\n"


def _shown(row: Compared, lang: Lang) -> Iterator[str]:
    """Yield what stands right of a metric's name."""
    yield shown(row.value, row.column)
    yield shown(row.other, row.column)
    yield _signed(shown(row.difference, row.column), row.difference)
    yield _signed(_decimal(row.change_pct), row.change_pct)
    yield _in(_VERDICTS[row.verdict], lang)
    yield NO_VALUE if row.sample is None else f"{row.sample:,}"
    yield _decimal(row.margin)


def _values(row: Compared) -> tuple[object, ...]:
    compared = row.value, row.other, row.difference, row.change_pct
    return (*compared, row.verdict or None, row.sample, row.margin)


def _decimal(value: float | None) -> str:
    return NO_VALUE if value is None else f"{value:,.1f}"


def _signed(text: str, value: float | None) -> str:
    return f"+{text}" if value is not None and value > 0 else text


def _in(text: Text, lang: Lang) -> str:
    return text.zh if lang == "zh" else text.en
