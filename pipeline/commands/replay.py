"""`goldpan replay`: history in, the same rows in another database of the store out."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
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
    of_database,
    site_of,
    store_url,
    tell,
    whole_minute_ms,
)
from pipeline.errors import ConfigError
from pipeline.log.kafka import KafkaReader
from pipeline.log.lock import DirectoryLock
from pipeline.log.topics import identity_of
from pipeline.runtimes.history import History, OnTopic, Stored
from pipeline.runtimes.patience import Patience
from pipeline.runtimes.publisher import make_directory
from pipeline.runtimes.replay import replay
from pipeline.sinks.clickhouse import ClickHouseStore
from pipeline.sinks.client import Client
from pipeline.sinks.hours import add_up_hours
from pipeline.sinks.raw import RawEvents
from pipeline.sinks.replays import Kept, Replay, Window, check_name, finish, prepare


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "replay", help="compute history again, into another database of the store"
    )
    parser.add_argument(
        "--into", required=True, metavar="NAME", help="that database; it is made if need be"
    )
    parser.add_argument(
        "--from", dest="start", metavar="TIME", help="local; included (default: the beginning)"
    )
    parser.add_argument(
        "--to", dest="end", metavar="TIME", help="local; not included (default: all there is)"
    )
    add_site_option(parser)
    add_store_options(parser)
    add_kafka_options(parser, required=False)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Replay, or go on with a replay that was interrupted."""
    site, name = site_of(options), options.into
    window = _window(options, site.time_zone)
    patience = Patience(tell)
    with connect(options, patience) as live, _topic(options) as topic:
        source = str(live.execute("SELECT currentDatabase()")[0][0])
        check_name(name, source)
        with (
            _alone(options, name),
            Client(of_database(store_url(options), name)) as into,
            _bar(name) as bar,
        ):
            kept = None if topic is None else topic[0]
            what = patience.insist(lambda: prepare(live, into, source, name, window, kept=kept))
            if what.done:
                print(f"{name} holds that replay already; for a new one name another database")
                return 0
            began = time.monotonic()
            history: list[History] = [
                Stored(what, RawEvents(into, what.selection()), patience),
            ]
            if topic is not None:
                history.append(OnTopic(what, topic[1]))
            done = replay(what, site.site, ClickHouseStore(into), history, patience, progress=bar)
            patience.insist(partial(add_up_hours, into))
            patience.insist(lambda: finish(into, what))
    spent = time.monotonic() - began
    print(
        f"{done.records:,} records of {source} were applied again in {spent:,.0f} s"
        + (", after those of an interrupted run" if done.resumed else "")
    )
    _how_to_compare(name, what)
    return 0


def _window(options: argparse.Namespace, zone: str) -> Window:
    window = Window(*(whole_minute_ms(text, zone) for text in (options.start, options.end)))
    if None not in window and not window < (window.end_ms,):
        msg = f"--from {options.start} is not before --to {options.end}"
        raise ConfigError(msg)
    return window


@contextmanager
def _topic(options: argparse.Namespace) -> Iterator[tuple[Kept, KafkaReader] | None]:
    """The topic of events, if one is named: what it keeps now, and its reader."""
    if options.kafka is None:
        yield None
        return
    cluster = cluster_of(options)
    identity = identity_of(cluster, "events")
    with KafkaReader(cluster) as reader:
        first, _ = reader.bounds()
        yield Kept(cluster.topics.name_of("events"), identity, first), reader


@contextmanager
def _alone(options: argparse.Namespace, name: str) -> Iterator[None]:
    """No second replay into the same database from this data directory."""
    directory = options.data_dir / "replays" / name
    make_directory(directory)
    lock = DirectoryLock(directory)
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _bar(name: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on the error stream, if that is a terminal."""
    console = Console(file=sys.stderr)
    with Progress(
        TextColumn("into {task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task(name, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _how_to_compare(name: str, what: Replay) -> None:
    if what.window.whole:
        print(f"every row is final: goldpan report ... --database {name}")
        return
    print(
        f"final are the rows of minutes, and the contacts, tickets and callers, from --from until "
        f"before --to: goldpan report ... --from ... --to ... --database {name}; not final is what "
        "follows what (repeats, first contact resolution): it may lie outside"
    )
