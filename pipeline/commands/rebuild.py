"""`goldpan rebuild`: a store's raw events in, everything that is computed from them out anew."""

from __future__ import annotations

import argparse
import sys
from functools import partial

from rich.console import Console
from rich.progress import Progress

from pipeline.commands.common import add_site_option, add_store_options, connect, site_of, tell
from pipeline.runtimes.embedded import Embedded, EmbeddedSettings
from pipeline.runtimes.engine import Engine
from pipeline.runtimes.patience import Patience
from pipeline.runtimes.rebuild import rebuild
from pipeline.sinks.clickhouse import ClickHouseStore
from pipeline.sinks.hours import add_up_hours
from pipeline.sinks.raw import RawEvents
from pipeline.topology import TopologySettings


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("rebuild", help="compute everything again from the raw events")
    add_site_option(parser)
    add_store_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Rebuild the store, with the data directory held so that nothing comes in meanwhile."""
    site = site_of(options)
    settings = TopologySettings(default_site=site.site)
    patience = Patience(tell)
    bar = Progress(console=Console(file=sys.stderr))
    with connect(options, patience) as client:
        engine = Engine(settings, ClickHouseStore(client), patience)
        with Embedded(EmbeddedSettings(options.data_dir), engine) as pipeline, bar:
            task = bar.add_task("raw events", total=None)
            done = rebuild(
                engine,
                RawEvents(client),
                list(pipeline.log.begin),
                patience,
                lambda done, total: bar.update(task, completed=done, total=total),
            )
            patience.insist(partial(add_up_hours, client))
    print(f"{done:,} records applied again")
    return 0
