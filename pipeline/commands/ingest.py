"""`goldpan ingest FILE`: a file of events in, a correct store and a plain summary out."""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from pipeline.commands.common import (
    add_kafka_options,
    add_site_option,
    add_store_options,
    cluster_of,
    connect,
    site_of,
)
from pipeline.config import canonical_json, content_hash, load_mapping
from pipeline.errors import ConfigError, LogInUse
from pipeline.gateway.first_start import hash_key
from pipeline.runtimes.embedded import Embedded, EmbeddedSettings
from pipeline.runtimes.engine import Engine
from pipeline.runtimes.ingest import IngestLimits, IngestResult, ingest
from pipeline.runtimes.kafka import KafkaPublisher
from pipeline.runtimes.patience import Patience
from pipeline.sinks.clickhouse import ClickHouseStore
from pipeline.sinks.hours import add_up_hours
from pipeline.sources.adapters import ADAPTERS, Sender
from pipeline.sources.bank_calls import BankCalls
from pipeline.sources.cleansed import Cleansed
from pipeline.sources.files import content_digest
from pipeline.sources.jsonl import JsonLines
from pipeline.sources.mapped import MappedTable
from pipeline.sources.privacy import Privacy
from pipeline.sources.servicenow import ServiceNow
from pipeline.sources.source import Source
from pipeline.sources.tables import table_of
from pipeline.sources.vendor_files import VendorFile
from pipeline.topology import TopologySettings
from schemas.site import SiteConfig

TABLES = ("csv", "xlsx")
FORMATS = tuple(sorted({"bank-calls", "jsonl", "servicenow", *TABLES, *ADAPTERS}))


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("ingest", help="take a file of calls or events in")
    parser.add_argument("file", type=Path, metavar="FILE", help="plain or gzip")
    parser.add_argument(
        "--format",
        choices=FORMATS,
        required=True,
        metavar="FORMAT",
        help="events as JSON, one a line: jsonl; a table, with --mapping: csv, xlsx; a bank's "
        "switch: bank-calls; an incident log: servicenow; a vendor's records: "
        + ", ".join(ADAPTERS),
    )
    parser.add_argument(
        "--mapping",
        type=Path,
        metavar="FILE",
        help="what a table's columns say; see docs/examples, and try it with 'goldpan mapping'",
    )
    parser.add_argument(
        "--max-bad-share",
        type=_share,
        metavar="SHARE",
        help="stop when more than this share is bad, 0 to 1 (default: the site's)",
    )
    add_site_option(parser)
    add_store_options(parser)
    add_kafka_options(parser, required=False)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Ingest the file."""
    site = site_of(options)
    source, settings_hash = source_of(options, site)
    domain = domain_of(options, site, settings_hash)
    limits = IngestLimits(
        site.ingest.max_dead_letter_share
        if options.max_bad_share is None
        else options.max_bad_share,
        site.ingest.min_records,
    )
    with _progress(options.file.name, source) as bar, _pipeline(options, site, bar) as pipeline:
        cleansed = Cleansed(source, Privacy(hash_key(options.data_dir)))
        pipeline.start()
        pipeline.configure(site.site, content_hash(site), canonical_json(site), "goldpan ingest")
        result = ingest(pipeline, cleansed, domain, limits, bar.advance_to)
    _summary(options.file, source, result)
    return 0


@contextmanager
def _pipeline(
    options: argparse.Namespace, site: SiteConfig, bar: _Bar
) -> Iterator[Embedded | KafkaPublisher]:
    """Where the file goes: through the embedded pipeline, or to Kafka and its workers."""
    settings = TopologySettings(default_site=site.site)
    if options.kafka is not None:
        directory = options.data_dir / "publisher"
        with KafkaPublisher(cluster_of(options), directory, settings.max_skew_ms) as publisher:
            yield publisher
        return
    patience = Patience(bar.tell)
    with connect(options, patience) as client:
        engine = Engine(settings, ClickHouseStore(client), patience)
        try:
            pipeline = Embedded(EmbeddedSettings(options.data_dir), engine)
        except LogInUse as error:
            msg = f"{error}{_LIVE.get(options.format, '')}"
            raise LogInUse(msg) from error
        with pipeline:
            yield pipeline
            patience.insist(partial(add_up_hours, client))


_LIVE = {
    "jsonl": "; or, if it is 'goldpan run', send it the file, up to 8 MB at a time: "
    "curl http://127.0.0.1:8400/v1/events -H 'Authorization: Bearer KEY' "
    "-H 'Content-Type: application/x-ndjson' --data-binary @FILE"
}
"""By format, what else can be done with a file while events come in live."""


def _share(text: str) -> float:
    """A share as it was typed."""
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        msg = f"{text!r} is not a share: write 0 to 1"
        raise argparse.ArgumentTypeError(msg)
    return share


def source_of(options: argparse.Namespace, site: SiteConfig) -> tuple[Source, str]:
    """The source that reads the file in the format asked for, and what its settings are.

    Raises:
        ConfigError: an option is missing, does not belong to the format, or names a bad file.
        InputError: the file is not what the format says.
    """
    form, file = options.format, options.file
    if options.mapping is not None and form not in TABLES:
        msg = f"--mapping is for --format {' and '.join(TABLES)}; leave it out for {form}"
        raise ConfigError(msg)
    if form in TABLES:
        if options.mapping is None:
            msg = f"--format {form} needs --mapping FILE; docs/examples has one to copy"
            raise ConfigError(msg)
        mapping = load_mapping(options.mapping)
        table = table_of(file, form, mapping)
        return MappedTable(table, mapping, file, site.site, site.zone), content_hash(mapping)
    if form in ADAPTERS:
        words = site.words(form)
        return VendorFile(file, ADAPTERS[form], Sender(site.site, form, words)), content_hash(words)
    if form == "bank-calls":
        return BankCalls(file, site.site, site.zone), ""
    if form == "servicenow":
        return ServiceNow(file, site.site, site.zone), ""
    return JsonLines(file), ""


def domain_of(options: argparse.Namespace, site: SiteConfig, settings_hash: str) -> str:
    """The file's domain: its content, read in this format and by these settings as this site's."""
    what = f"{options.format}\n{site.site}\n{content_digest(options.file)}"
    if settings_hash:
        what += f"\n{settings_hash}"
    return "file:" + hashlib.sha256(what.encode()).hexdigest()[:16]


class _Bar:
    """A progress bar over the bytes of a source, with the events that are in."""

    def __init__(self, progress: Progress, name: str, source: Source) -> None:
        self._progress = progress
        self._source = source
        self._task = progress.add_task(name, total=source.size or None, events="0")

    def advance_to(self, events: int) -> None:
        """Show how far the source has been read."""
        self._progress.update(self._task, completed=self._source.position, events=f"{events:,}")

    def tell(self, sentence: str) -> None:
        """Say something above the bar."""
        self._progress.console.print(sentence, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def _progress(name: str, source: Source) -> Iterator[_Bar]:
    """Show a bar on the error stream, if that is a terminal; what remains is the summary."""
    console = Console(file=sys.stderr)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[events]} events"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        yield _Bar(progress, name, source)


def _summary(file: Path, source: Source, result: IngestResult) -> None:
    if result.known:
        print(f"{file.name}: the same content is in already ({result.events:,} events)")
        return
    print(f"{file.name}: {result.events:,} events are in", end="")
    print(f", {result.resumed_after:,} of them from an earlier run" if result.resumed_after else "")
    if result.rejected:
        print(f"  not counted, dead letters: {result.rejected:,}; see 'goldpan dead-letters list'")
    for what, count in sorted(source.repairs.items()):
        print(f"  mended: {count:,} x {what}")
    for what, count in sorted(source.skipped.items()):
        print(f"  passed over: {count:,} x {what}")
