"""`goldpan config check`: a site's configuration in, every mistake with place and remedy out."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

from pipeline.commands.common import EXAMPLE_SITE, tell
from pipeline.config import content_hash, load_site
from schemas.calendars import unnamed_years
from schemas.site import SiteConfig

AHEAD = timedelta(days=31)
"""How far deadlines that begin today should be able to count on the calendar."""


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    config = commands.add_parser("config", help="check a site's configuration")
    config.add_argument("action", choices=("check",), help="name every mistake, with its line")
    config.add_argument(
        "site",
        type=Path,
        nargs="?",
        default=EXAMPLE_SITE,
        metavar="FILE",
        help="the site's configuration (default: the example centre, infra/site/site.yaml)",
    )
    config.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Check the file and say what it is."""
    site = load_site(options.site)
    print(f"{options.site}: {site.name.en} ({site.name.zh}), site {site.site}, {site.time_zone}")
    print(f"content hash {content_hash(site)}")
    for gap in calendar_gaps(site, datetime.now(site.zone).date()):
        tell(f"{options.site}: {gap}")
    return 0


def calendar_gaps(site: SiteConfig, today: date) -> Iterator[str]:
    """Yield a sentence for each year in use for which a calendar names no holidays."""
    for name, calendar in site.calendars.items():
        for year in unnamed_years(calendar, today, today + AHEAD):
            yield (
                f"calendars.{name}: no holidays are named for {year}, so each of its days counts "
                "by its weekday; name them, and the make-up days, as soon as they are published"
            )
