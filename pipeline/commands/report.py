"""`goldpan report METRIC...`: metric names in, a table of their values out."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pipeline import comparison_output
from pipeline.commands.common import add_site_option, add_store_options, connect, site_of
from pipeline.comparison import AGAINST, Comparison, compare
from pipeline.config import read_text
from pipeline.report import Report, parse_moment, usual_period
from pipeline.report_output import as_csv, as_json, as_text, names_of
from pipeline.report_periods import PERIODS
from schemas.catalogue import Catalogue, extend_catalogue, load_catalogue
from schemas.site import SiteConfig

WRITERS = {"csv": as_csv, "json": as_json}


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("report", help="show metrics by period and group")
    parser.add_argument(
        "metrics", nargs="+", metavar="METRIC", help="id, id:variant, or name=formula"
    )
    parser.add_argument(
        "--by",
        choices=tuple(PERIODS),
        help="one row each (default: day; total for what is how things stand now)",
    )
    parser.add_argument(
        "--group",
        default="",
        metavar="DIM,...",
        help="and one row each: queue, agent_id, weekday, hour_of_day, ...",
    )
    parser.add_argument(
        "--from", dest="start", metavar="TIME", help="the first moment, in the site's time zone"
    )
    parser.add_argument(
        "--to", dest="end", metavar="TIME", help="the moment after the last, in the same"
    )
    parser.add_argument(
        "--compare",
        choices=AGAINST,
        help="each value beside the one before, as long ago, or the site's target; one line each",
    )
    parser.add_argument(
        "--format", choices=("table", "csv", "json"), default="table", help="default: table"
    )
    parser.add_argument(
        "--lang", choices=("en", "zh"), default="en", help="of names in the table (default: en)"
    )
    parser.add_argument(
        "--definitions", type=Path, metavar="FILE", help="further metrics and measures (YAML)"
    )
    add_site_option(parser)
    add_store_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Compute and show the metrics."""
    site = site_of(options)
    zone = site.time_zone
    catalogue = catalogue_of(options.definitions).using(site.variants)
    report = Report(
        tuple(options.metrics),
        site.site,
        zone,
        by=options.by or usual_period(options.metrics, catalogue),
        group=tuple(name.strip() for name in options.group.split(",") if name.strip()),
        start=parse_moment(options.start, zone) if options.start else None,
        end=parse_moment(options.end, zone) if options.end else None,
        repeats=site.repeats,
        catalogue=catalogue,
    )
    report.queries()  # a wrong name is said before a store is started for it
    with connect(options) as client:
        if options.compare is not None:
            compared = compare(report, client, options.compare, site)
            sys.stdout.write(_write(compared, options, site))
            return 0
        table = report.run(client)
    writer = WRITERS.get(options.format)
    sys.stdout.write(writer(table) if writer else as_text(table, options.lang, names_of(site)))
    return 0


def _write(compared: Comparison, options: argparse.Namespace, site: SiteConfig) -> str:
    if options.format == "csv":
        return comparison_output.as_csv(compared)
    if options.format == "json":
        return comparison_output.as_json(compared)
    return comparison_output.as_text(compared, options.lang, names_of(site))


def catalogue_of(definitions: Path | None) -> Catalogue:
    """The catalogue, with a site's own definitions where there are some."""
    catalogue = load_catalogue()
    if definitions is None:
        return catalogue
    return extend_catalogue(catalogue, str(definitions), read_text(definitions))
