"""`goldpan config check`: a site's configuration in, every mistake with place and remedy out."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline.commands.common import EXAMPLE_SITE
from pipeline.config import content_hash, load_site


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
    return 0
