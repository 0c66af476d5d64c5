"""`goldpan explain METRIC`: one number in; its definition, its parts and what was counted out."""

from __future__ import annotations

import argparse
import io
import sys

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text as Cells

from pipeline.commands.common import add_site_option, add_store_options, connect, site_of
from pipeline.errors import ConfigError
from pipeline.explain import SPANS, Explanation, Facts, explain, span_of
from pipeline.glossary import LANGS, Lang, find, say
from pipeline.report import Report, parse_moment
from pipeline.report_output import shown
from schemas.catalogue import load_catalogue
from schemas.measures import Text
from schemas.units import UNITS, UNSAID

_WORDS = {
    "version": Text(zh="定义版本", en="definition version"),
    "behind": Text(
        zh="其后的事实：{table}，按 {time}，共 {found} 条",
        en="behind it: {found} {table}, by {time}",
    ),
    "first": Text(zh="，以下为前 {shown} 条", en=", the first {shown} of them here"),
    "none": Text(zh="此量没有可列的逐条事实", en="of this number no single facts are told apart"),
}


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("explain", help="show how a number came about")
    parser.add_argument("metric", metavar="METRIC", help="id or name, with :variant if another")
    parser.add_argument(
        "--at", metavar="TIME", help="a moment of the period, in the site's time zone; else all"
    )
    parser.add_argument("--by", choices=SPANS, default="day", help="the period (default: day)")
    parser.add_argument(
        "--group", default="", metavar="DIM=VALUE,...", help="such as queue=vip; else in total"
    )
    parser.add_argument(
        "--most", type=int, default=20, metavar="N", help="facts listed in full (default: 20)"
    )
    parser.add_argument("--lang", choices=LANGS, default="en", help="default: en")
    add_site_option(parser)
    add_store_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Explain the number."""
    site = site_of(options)
    catalogue = load_catalogue().using(site.variants)
    name, colon, variant = options.metric.partition(":")
    spec = f"{find(catalogue, name)}{colon}{variant}"
    group = group_of(options.group)
    start = end = None
    if options.at:
        start, end = span_of(parse_moment(options.at, site.time_zone), options.by, site.time_zone)
    report = Report(
        [spec],
        site.site,
        site.time_zone,
        group=tuple(group),
        start=start,
        end=end,
        catalogue=catalogue,
    )
    report.queries()  # a wrong name is said before a store is started for it
    with connect(options) as client:
        found = explain(report, group, client, options.most)
    sys.stdout.write(told(found, options.lang))
    return 0


def group_of(text: str) -> dict[str, str]:
    """Return `queue=vip,channel=phone` as a value by dimension.

    Raises:
        ConfigError: a part of it is no such pair.
    """
    group = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        name, sign, value = pair.partition("=")
        if not sign:
            msg = f"--group {pair!r}: write dimension=value, such as queue=vip"
            raise ConfigError(msg)
        group[name.strip()] = value.strip()
    return group


def told(found: Explanation, lang: Lang) -> str:
    """Return an explanation in words."""
    column = found.column
    lines = [say(column.name, lang)]
    if column.note is not None:
        lines.append(f"  {say(column.note, lang)}")
    formula = column.compiled.text if column.compiled is not None else ""
    unit = "" if column.unit in {"", *UNSAID} else f" {say(UNITS[column.unit], lang)}"
    lines += [f"  = {formula}", f"  = {found.filled}", f"  = {shown(found.value, column)}{unit}"]
    if column.version is not None:
        lines.append(f"  {say(_WORDS['version'], lang)} {column.version}")
    names = [part.measure for part in found.parts]
    width = max(map(cell_len, names), default=0)
    for part in found.parts:
        total = "" if part.total is None else f"{part.total:,}"
        lines.append(f"  {part.measure:{width}}  {total:>12}  {say(part.description, lang)}")
    text = "\n".join(lines) + "\n"
    listed = [_listed(facts, lang) for facts in found.facts]
    return text + ("".join(listed) or f"\n{say(_WORDS['none'], lang)}\n")


def _listed(facts: Facts, lang: Lang) -> str:
    head = say(_WORDS["behind"], lang).format(
        table=facts.table, time=facts.time, found=f"{facts.found:,}"
    )
    if not facts.rows:
        return f"\n{head}\n"
    grid = Table(box=box.SIMPLE_HEAD, header_style="", pad_edge=False, show_edge=False)
    for name in facts.columns:
        grid.add_column(name, no_wrap=True)
    for row in facts.rows:
        grid.add_row(*(Cells("" if value is None else str(value)) for value in row))
    out = io.StringIO()
    Console(file=out, width=10_000, color_system=None, highlight=False).print(grid)
    rows = "\n".join(line.rstrip() for line in out.getvalue().splitlines() if line.strip())
    first = say(_WORDS["first"], lang).format(shown=len(facts.rows))
    first = first if len(facts.rows) < facts.found else ""
    return f"\n{head}{first}\n{rows}\n"
