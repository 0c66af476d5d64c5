"""`goldpan demo`: nothing in; a made-up day through the whole pipeline, and its report, out."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from infra import clickhouse
from pipeline.commands.common import EXAMPLE_SITE, connect, tell
from pipeline.commands.parity import verdict_line
from pipeline.config import canonical_json, content_hash, load_site
from pipeline.parity.check import check
from pipeline.report import Report, parse_moment
from pipeline.report_output import as_text
from pipeline.runtimes.embedded import Embedded, EmbeddedSettings
from pipeline.runtimes.engine import Engine
from pipeline.runtimes.ingest import IngestLimits, ingest
from pipeline.runtimes.patience import Patience
from pipeline.simulator.centre import DAY_MS, Settings
from pipeline.simulator.source import Simulated
from pipeline.sinks.clickhouse import ClickHouseStore
from pipeline.sinks.client import Client
from pipeline.topology import TopologySettings
from schemas.catalogue import load_catalogue
from schemas.site import SiteConfig

DAY = "2026-03-02"
SEED = 20260302
SEATS = 20
METRICS = ("offered", "answered", "abandon_rate", "service_level", "asa", "aht")


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("demo", help="see a made-up day go through the pipeline")
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="keep what the demo made here (default: a temporary directory, removed at the end)",
    )
    parser.set_defaults(run=run, clickhouse=None)


def run(options: argparse.Namespace) -> int:
    """Take the day in, report it, prove it, and leave nothing behind."""
    site = load_site(EXAMPLE_SITE)
    with _directory(options.data_dir) as directory:
        options.data_dir = directory
        store = directory / "clickhouse"
        was_running = clickhouse.status(store) is not None
        try:
            return _demo(options, site)
        finally:
            if not was_running:
                clickhouse.stop(store)


def _demo(options: argparse.Namespace, site: SiteConfig) -> int:
    start = parse_moment(DAY, site.time_zone)
    start_ms = round(start.timestamp() * 1000)
    settings = Settings(site.site, site.zone, start_ms, seats=SEATS, seed=SEED)
    source = Simulated(settings, start_ms + DAY_MS, site.limits)
    client = connect(options)
    patience = Patience(tell)
    engine = Engine(TopologySettings(default_site=site.site), ClickHouseStore(client), patience)
    with Embedded(EmbeddedSettings(options.data_dir), engine) as pipeline:
        pipeline.start()
        pipeline.configure(site.site, content_hash(site), canonical_json(site), "goldpan demo")
        console = Console(file=sys.stderr)
        with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task(DAY, total=source.size)
            result = ingest(
                pipeline,
                source,
                f"simulated:{SEED}",
                IngestLimits(),
                lambda _: bar.update(task, completed=source.position),
            )
    contacts = source.truth()["contacts"]
    print(
        f"{contacts:,} contacts of {start:%A} {DAY} at {site.name.en}: {result.events:,} events\n"
    )
    _report(client, site)
    parity = check(client, site.site)
    client.close()
    print(verdict_line(parity))
    return 0 if parity.holds else 1


def _report(client: Client, site: SiteConfig) -> None:
    catalogue = load_catalogue()
    by_hour = Report(METRICS, site.site, site.time_zone, by="hour", catalogue=catalogue)
    by_queue = Report(METRICS, site.site, site.time_zone, group=("queue",), catalogue=catalogue)
    for lang in ("en", "zh"):
        for report in (by_hour, by_queue):
            print(as_text(report.run(client), lang))


@contextmanager
def _directory(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        yield kept
        return
    with tempfile.TemporaryDirectory(prefix="goldpan-demo-") as name:
        yield Path(name)
