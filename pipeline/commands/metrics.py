"""`goldpan metrics list|show|glossary|...`: the catalogue in, what its metrics mean out."""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text as Cells

from pipeline import requirement_map
from pipeline.commands.common import add_site_option, site_of
from pipeline.commands.report import catalogue_of
from pipeline.glossary import (
    DIMENSIONS,
    LANGS,
    SECTIONS,
    STAGES,
    TIERS,
    Lang,
    entry,
    find,
    markdown,
    say,
)
from schemas.catalogue import Catalogue, load_catalogue
from schemas.measures import Text
from schemas.requirements import load_requirements
from schemas.units import UNITS
from schemas.versions import load_versions, merged, write

_HEAD = {
    "id": Text(zh="编号", en="id"),
    "name": Text(zh="名称", en="name"),
    "unit": Text(zh="单位", en="unit"),
    "cell": Text(zh="维度 × 环节", en="dimension × stage"),
    "tier": Text(zh="级别", en="tier"),
    "version": Text(zh="版本", en="version"),
    "state": Text(zh="状态", en="state"),
}
_AVAILABLE = Text(zh="可用", en="available")


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("metrics", help="say what the metrics mean")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="every metric in one line")
    listing.add_argument("--section", choices=tuple(SECTIONS), help="of one section only")
    listing.add_argument("--tier", choices=tuple(TIERS), help="K: key metrics only")
    listing.set_defaults(run=list_metrics)
    showing = actions.add_parser("show", help="one metric's definition")
    showing.add_argument("metrics", nargs="+", metavar="METRIC", help="id, or name")
    add_site_option(showing)
    showing.set_defaults(run=show_metrics)
    page = actions.add_parser("glossary", help="all definitions as a Markdown page")
    page.set_defaults(run=print_glossary)
    mapping = actions.add_parser(
        "requirements", help="what is asked of monitoring and what answers it, as a Markdown page"
    )
    mapping.set_defaults(run=print_requirements)
    recording = actions.add_parser(
        "record", help="note today's definitions under their versions, in schemas/versions.yaml"
    )
    recording.set_defaults(run=record)
    for action in (listing, showing, page):
        action.add_argument("--lang", choices=LANGS, default="en", help="default: en")
        action.add_argument(
            "--definitions", type=Path, metavar="FILE", help="further metrics and measures (YAML)"
        )


def list_metrics(options: argparse.Namespace) -> int:
    """Show a table of metrics."""
    catalogue = catalogue_of(options.definitions)
    chosen = [
        name
        for name, metric in catalogue.metrics.items()
        if options.section in (None, metric.section) and options.tier in (None, metric.tier)
    ]
    sys.stdout.write(listed(catalogue, chosen, options.lang))
    return 0


def show_metrics(options: argparse.Namespace) -> int:
    """Show definitions, one below the other."""
    catalogue = catalogue_of(options.definitions).using(site_of(options).variants)
    found = [find(catalogue, name) for name in options.metrics]
    sys.stdout.write("\n".join(described(catalogue, name, options.lang) for name in found))
    return 0


def print_glossary(options: argparse.Namespace) -> int:
    """Write the page to the standard output."""
    sys.stdout.write(markdown(catalogue_of(options.definitions), options.lang))
    return 0


def print_requirements(options: argparse.Namespace) -> int:
    """Write the map to the standard output."""
    del options
    catalogue = load_catalogue()
    sys.stdout.write(requirement_map.markdown(load_requirements(catalogue), catalogue))
    return 0


def record(options: argparse.Namespace) -> int:
    """Add what is new to the fingerprints that ship with the product."""
    del options
    path = write(merged(load_versions(), load_catalogue().versions()))
    print(f"wrote {path.name}")
    return 0


def listed(catalogue: Catalogue, names: list[str], lang: Lang) -> str:
    """Return metrics as an aligned table, in the order of the catalogue."""
    grid = Table(box=box.SIMPLE_HEAD, header_style="", pad_edge=False, show_edge=False)
    for head in _HEAD.values():
        grid.add_column(say(head, lang), no_wrap=True)
    for name in names:
        metric = catalogue.metrics[name]
        state = _AVAILABLE if metric.missing is None else metric.missing
        cell = f"{say(DIMENSIONS[metric.dimension], lang)} × {say(STAGES[metric.stage], lang)}"
        cells = (
            name,
            say(metric.name, lang),
            say(UNITS[metric.unit], lang),
            cell,
            say(TIERS[metric.tier], lang),
            str(metric.definition_version),
            say(state, lang),
        )
        grid.add_row(*map(Cells, cells))
    out = io.StringIO()
    Console(file=out, width=10_000, color_system=None, highlight=False).print(grid)
    return "".join(line.rstrip() + "\n" for line in out.getvalue().splitlines() if line.strip())


def described(catalogue: Catalogue, name: str, lang: Lang) -> str:
    """Return a metric's definition, its labels aligned."""
    one = entry(catalogue, name, lang)
    width = max(cell_len(label) for label, _ in one.lines)
    lines = [
        f"  {label}{' ' * (width - cell_len(label))}  {value.replace('`', '')}\n"
        for label, value in one.lines
    ]
    return f"{name}  {one.name}\n{one.description}\n{''.join(lines)}"
