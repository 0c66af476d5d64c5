"""`goldpan run`: live sources in over HTTP, a store that is up to date out, until it is stopped."""

from __future__ import annotations

import argparse
import json
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from infra import clickhouse
from pipeline.commands.common import (
    add_kafka_options,
    add_site_option,
    add_store_options,
    cluster_of,
    site_of,
    tell,
    unchecked,
)
from pipeline.config import canonical_json, content_hash
from pipeline.gateway.backend import Backend
from pipeline.gateway.batch import Judge
from pipeline.gateway.commits import Commits
from pipeline.gateway.embedded import EmbeddedBackend
from pipeline.gateway.first_start import FIRST, KEYS, first_key, hash_key
from pipeline.gateway.front import Front, FrontSettings
from pipeline.gateway.health import Health
from pipeline.gateway.kafka import KafkaBackend
from pipeline.gateway.keys import read_keys
from pipeline.gateway.limits import Limits
from pipeline.gateway.listener import listen, url_of
from pipeline.gateway.metrics import Counts, Vitals, bounds
from pipeline.gateway.queue_logs import ADAPTER, Output, QueueLogs
from pipeline.gateway.wire import Status
from pipeline.runtimes.embedded import Embedded, EmbeddedSettings
from pipeline.runtimes.engine import Engine
from pipeline.runtimes.hours import HourlyStore
from pipeline.runtimes.ingest import IngestLimits
from pipeline.runtimes.kafka import KafkaPublisher
from pipeline.runtimes.live import Live
from pipeline.runtimes.patience import Patience
from pipeline.runtimes.publisher import wall_clock_ms
from pipeline.runtimes.ticker import Ticker
from pipeline.sinks.migrate import check_current, migrate
from pipeline.sources.adapters import Sender
from pipeline.sources.privacy import Privacy
from pipeline.topology import TopologySettings
from schemas.site import SiteConfig

DRAIN_S = 15.0
"""What the last flush has after a signal; what it does not reach is in the log."""
DELIVERY_MS = 8_000
"""How long a request waits for Kafka at most, before its sender is told to come back."""
SWITCH_S = 0.001
"""How long one thread may keep the interpreter from another."""
_AWAKE_S = 0.1

News = queue.SimpleQueue[int | BaseException]
"""What the main thread waits for: a signal's number, or the error that ended another thread.

A simple queue, because a signal's handler may put something into it at any instant.
"""


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("run", help="take live events in over HTTP, until it is stopped")
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on (default: %(default)s); for others, put TLS in front of it",
    )
    parser.add_argument(
        "--port", type=int, default=8400, help="0 for any free one (default: %(default)s)"
    )
    parser.add_argument(
        "--queue-log",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="follow Asterisk's queue_log as it grows; may be given several times",
    )
    add_site_option(parser)
    add_store_options(parser)
    add_kafka_options(parser, required=False)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run until a signal; 0 after a clean end."""
    site, limits = site_of(options), Limits()
    news: News = queue.SimpleQueue()
    # Making a group durable gives the interpreter away at every system call, and must have it back
    # soon: requests wait for it.
    sys.setswitchinterval(SWITCH_S)
    with signals(news), store_while(options), ExitStack() as stack:
        if options.kafka is None:
            _, behind = embedded(options, site, limits, stack)
        else:
            behind = on_kafka(options, site, stack)
        serve(options, site, limits, behind, stack, news=news, begun=_say_hello(options, site))
        ended = _next(news)
        if isinstance(ended, BaseException):
            raise ended
    if not news.empty() and isinstance(late := news.get(), BaseException):
        raise late
    tell("stopped")
    return 0


class Behind(NamedTuple):
    """What is behind the gateway.

    Attributes:
        log: where events become durable.
        backend: how it is.
        live: lives on in a thread of its own, calls what it is given once events may come, and
            returns when `stop` is set.
        stop: ends it; what it has is made safe.
        patience: whose end is that of all waiting, then.
        counts: of the gateway and of this.
    """

    log: Embedded | KafkaPublisher
    backend: Backend
    live: Callable[[Callable[[], None]], None]
    stop: threading.Event
    patience: Patience
    counts: Counts


def embedded(
    options: argparse.Namespace,
    site: SiteConfig,
    limits: Limits,
    stack: ExitStack,
    clock: Callable[[], int] = wall_clock_ms,
) -> tuple[Embedded, Behind]:
    """The embedded pipeline, not started yet, behind the gateway.

    Args:
        options: where the data lies, and the store.
        site: whose configuration it is.
        limits: of the gateway.
        stack: closes it.
        clock: gives the ingest time, epoch ms.
    """
    patience, stop, counts = Patience(tell), threading.Event(), Counts()
    client = stack.enter_context(unchecked(options))
    engine = Engine(TopologySettings(default_site=site.site), HourlyStore(client), patience)
    pipeline = stack.enter_context(Embedded(EmbeddedSettings(options.data_dir), engine, clock))
    live = Live(pipeline, stop, tell, counts.flush_seconds.observe)
    fit = partial(migrate if options.clickhouse is None else check_current, client)

    def lives(begun: Callable[[], None]) -> None:
        patience.insist(fit)
        live.run(begun)

    backend = EmbeddedBackend(pipeline, live, patience, limits)
    return pipeline, Behind(pipeline, backend, lives, stop, patience, counts)


def on_kafka(options: argparse.Namespace, site: SiteConfig, stack: ExitStack) -> Behind:
    """The way to Kafka, whose workers do the rest, behind the gateway.

    Raises:
        BrokerError: it cannot be begun with.
    """
    stop = threading.Event()
    patience = Patience(tell, stop, what="Kafka")
    publisher = stack.enter_context(
        KafkaPublisher(
            cluster_of(options),
            options.data_dir / "publisher",
            TopologySettings(default_site=site.site).max_skew_ms,
            delivery_ms=DELIVERY_MS,
        )
    )
    ticker = Ticker(publisher, patience, stop, tell)
    backend = KafkaBackend(publisher, ticker, patience)
    return Behind(publisher, backend, ticker.run, stop, patience, Counts())


def serve(
    options: argparse.Namespace,
    site: SiteConfig,
    limits: Limits,
    behind: Behind,
    stack: ExitStack,
    *,
    news: News,
    begun: Callable[[str], None] = lambda _: None,
) -> str:
    """Start every part; the stack stops them in the opposite order.

    Args:
        options: where the data lies, the store, the address to listen on, the files to follow.
        site: whose configuration is put in force.
        limits: of the gateway.
        behind: what is behind it.
        stack: stops everything.
        news: is given what ends a part that should go on.
        begun: is given the URL, in another thread, once events may come.

    Returns:
        The URL, where events are refused until they may come.
    """
    first_key(options.data_dir, site.site)
    read_keys(options.data_dir / KEYS)  # HTTP's process does; what is wrong with them is said here
    judge = Judge(Privacy(hash_key(options.data_dir)))
    counts = behind.counts

    def lives() -> None:
        try:
            behind.live(recovered)
        except BaseException as error:
            news.put(error)

    def recovered() -> None:
        version, content = content_hash(site), canonical_json(site)
        behind.log.configure(site.site, version, content, "goldpan run")
        queue_logs.start()
        begun(url)

    def status() -> Status:
        return Status(health.reasons(), list(bounds(health, options.data_dir)), counts.text())

    loop = threading.Thread(target=lives, name="pipeline")
    stack.callback(_finish, loop, behind.stop, behind.patience, news)
    commits = Commits(behind.log, behind.backend, counts.add, news.put)
    stack.callback(commits.save)
    sender = Sender(site.site, ADAPTER.name, site.words(ADAPTER.name))
    output = Output(
        behind.log, behind.backend, judge, sender, lambda batch: counts.add(batch.tally())
    )
    bad = IngestLimits(site.ingest.max_dead_letter_share, site.ingest.min_records)
    queue_logs = QueueLogs(
        options.data_dir, options.queue_log, output, bad, tell=tell, failed=news.put
    )
    stack.callback(queue_logs.close)
    health = Health(behind.backend, commits, queue_logs)
    counts.registry.register(Vitals(health))
    listener = listen(options.host, options.port)
    url = url_of(listener)
    settings = FrontSettings(
        str(options.data_dir.absolute()),
        options.clickhouse,
        options.database,
        _has_boards(options),
        canonical_json(site),
        limits,
    )
    front = Front(settings, listener, commits.serve, status, tell=tell, failed=news.put)
    stack.callback(front.close)
    loop.start()
    return url


def _has_boards(options: argparse.Namespace) -> bool:
    """Whether there is a store to show boards from: the one of Kafka's workers must be named."""
    return options.kafka is None or options.clickhouse is not None


def _next(news: News) -> int | BaseException:
    """Wait for news; awake often, because a signal that meets another thread wakes nobody."""
    while True:
        try:
            return news.get(timeout=_AWAKE_S)
        except queue.Empty:
            continue


def _finish(loop: threading.Thread, stop: threading.Event, patience: Patience, news: News) -> None:
    """Let the pipeline flush what it has; a second signal, or time, ends its patience."""
    stop.set()
    errors = []
    deadline = time.monotonic() + DRAIN_S
    while loop.is_alive():
        try:
            more = news.get(timeout=_AWAKE_S)
        except queue.Empty:
            more = None
        if isinstance(more, BaseException):
            errors.append(more)
        if isinstance(more, int) or time.monotonic() > deadline:
            patience.stop.set()
    for error in errors:
        news.put(error)


@contextmanager
def signals(news: News) -> Iterator[None]:
    """Have signals told as news, instead of broken out with."""

    def handle(number: int, frame: FrameType | None) -> None:
        del frame
        news.put(number)

    before = [(n, signal.signal(n, handle)) for n in (signal.SIGINT, signal.SIGTERM)]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


@contextmanager
def store_while(options: argparse.Namespace) -> Iterator[None]:
    """Stop the embedded store at the end, unless it ran before."""
    directory = options.data_dir / "clickhouse"
    ours = (
        options.clickhouse is None
        and options.kafka is None
        and clickhouse.status(directory) is None
    )
    try:
        yield
    finally:
        if ours:
            clickhouse.stop(directory)


def _say_hello(options: argparse.Namespace, site: SiteConfig) -> Callable[[str], None]:
    """Says where it listens, and a first event to send."""

    def say(url: str) -> None:
        directory: Path = options.data_dir
        event = {
            "event_id": "hello-1",
            "event_type": "call.queued",
            "site": site.site,
            "source": "hello",
            "occurred_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "contact_id": "hello",
            "queue": "general",
        }
        boards = f"The wallboard is at {url}/\n" if _has_boards(options) else ""
        print(
            f"{boards}Goldpan takes events at {url}/v1/events, with the keys of {directory / KEYS}."
            " Send a first one:\n"
            f"  curl {url}/v1/events -H 'Content-Type: application/json'"
            f" -H \"Authorization: Bearer $(cat '{directory / FIRST}')\" -d '{json.dumps(event)}'",
            flush=True,
        )

    return say
