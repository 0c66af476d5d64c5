"""`goldpan simulate`: a seed in; the events of a made-up centre, and the truth about them, out."""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO

import msgspec

from pipeline.commands.common import (
    add_data_dir_option,
    add_kafka_options,
    add_site_option,
    cluster_of,
    site_of,
    tell,
)
from pipeline.config import canonical_json, content_hash
from pipeline.errors import ConfigError, InputError
from pipeline.gateway.first_start import hash_key
from pipeline.report import parse_moment
from pipeline.runtimes.kafka import KafkaPublisher
from pipeline.runtimes.patience import Patience
from pipeline.simulator.centre import Centre, Settings
from pipeline.simulator.delivery import MOST_EVENTS, Gateway
from pipeline.simulator.disorder import Disorder, disturbed
from pipeline.sources.privacy import Privacy
from pipeline.topology import TopologySettings
from schemas.records import LIVE
from schemas.site import SiteConfig

HOUR_MS = 3_600_000
LOOK_S = 0.2
"""How often a simulation that follows a clock looks what has happened."""
Deliver = Callable[[Iterable[bytes]], None]


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("simulate", help="make up the events of a believable centre")
    parser.add_argument(
        "--seats",
        type=_positive,
        default=50,
        help="agents who work on a day, about; 50 take some 3,000 calls (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=1, help="same seed, same events (default: 1)")
    parser.add_argument(
        "--from",
        dest="start",
        metavar="TIME",
        help="the first moment, in the site's time zone (default: so that it ends with yesterday; "
        "with --url or --kafka: now)",
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--days", type=_positive, help="how long (default: 1; live no end)")
    length.add_argument("--hours", type=_positive, help="how long, in hours")
    goal = parser.add_mutually_exclusive_group(required=True)
    goal.add_argument(
        "--out", metavar="FILE", help="write JSON lines here; gzip by the name; - for the terminal"
    )
    goal.add_argument("--url", help="send to this gateway, such as http://127.0.0.1:8400")
    add_kafka_options(parser, required=False, goals=goal)
    parser.add_argument(
        "--key-file", type=Path, metavar="FILE", help="holds the gateway's key; needed with --url"
    )
    parser.add_argument(
        "--speed",
        type=float,
        metavar="N",
        help="1: what has happened by now at once, the rest when it happens; N: as fast as N "
        "clocks from the start on (default: as fast as can be; with --url or --kafka: 1)",
    )
    parser.add_argument(
        "--truth", type=Path, metavar="FILE", help="write what every report must find (JSON)"
    )
    parser.add_argument(
        "--disorder",
        action="store_true",
        help="some come late, twice, out of order, corrected or broken; the truth is then that "
        "of what was meant",
    )
    parser.add_argument(
        "--backlog-days",
        type=_natural,
        default=0,
        metavar="N",
        help="begin with the tickets of so many days before (default: %(default)s)",
    )
    parser.add_argument(
        "--heartbeat",
        type=_natural,
        default=60,
        metavar="SECONDS",
        help="sources and agents say that they are there after so long; 0: never (default: "
        "%(default)s)",
    )
    parser.add_argument(
        "--no-incidents", action="store_true", help="nothing spikes, no queue overloads"
    )
    add_site_option(parser)
    add_data_dir_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Simulate, and say how it went."""
    site = site_of(options)
    settings, end = _settings(options, site)
    centre = Centre(settings, site.limits)
    begun = time.monotonic()
    try:
        with _goal(options, site) as deliver:
            if options.speed is None and not _is_live(options):
                deliver(_as_it_arrives(options, centre, end))
            else:
                _follow_the_clock(centre, end, options.speed or 1.0, deliver)
    finally:
        if options.truth is not None:
            _write_truth(options.truth, centre)
    took_s = time.monotonic() - begun
    count = centre.events_said
    tell(f"{count:,} events in {took_s:,.1f} s ({count / max(took_s, 1e-3):,.0f} a second)")
    return 0


def _settings(options: argparse.Namespace, site: SiteConfig) -> tuple[Settings, int]:
    """What to simulate, and the instant to stop before, epoch ms."""
    if options.url is not None and options.key_file is None:
        msg = "--url needs --key-file: a file with the gateway's key; see 'goldpan keys'"
        raise ConfigError(msg)
    if options.disorder and (_is_live(options) or options.speed is not None):
        msg = "--disorder goes with --out at full speed only: leave out --url, --kafka and --speed"
        raise ConfigError(msg)
    hours = options.hours or 24 * (options.days or 1)
    now = datetime.now(site.zone)
    if options.start is not None:
        start = parse_moment(options.start, site.time_zone)
    elif _is_live(options):
        start = now
    else:
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        start = midnight - timedelta(hours=hours)
    start_ms = round(start.timestamp() * 1000)
    endless = _is_live(options) and not (options.hours or options.days)
    end_ms = start_ms + (100 * 365 * 24 if endless else hours) * HOUR_MS
    settings = Settings(
        site.site,
        site.zone,
        start_ms,
        seats=options.seats,
        seed=options.seed,
        heartbeat_s=options.heartbeat,
        backlog_days=options.backlog_days,
        incidents=not options.no_incidents,
    )
    return settings, end_ms


def _is_live(options: argparse.Namespace) -> bool:
    """Whether somebody takes the events as they happen."""
    return options.url is not None or options.kafka is not None


def _as_it_arrives(options: argparse.Namespace, centre: Centre, end: int) -> Iterator[bytes]:
    events = (event for _, event in centre.until(end))
    return disturbed(events, options.seed, Disorder()) if options.disorder else events


def _follow_the_clock(centre: Centre, end: int, speed: float, deliver: Deliver) -> None:
    """Deliver what has happened by the clock, again and again.

    At speed 1 the clock is the wall's, so a start in the past is caught up with at once.
    """
    begun = time.time()
    start = centre.settings.start if speed != 1.0 else begun * 1000
    while True:
        by = round(start + (time.time() - begun) * 1000 * speed)
        deliver(event for _, event in centre.until(min(by, end)))
        if by >= end:
            return
        time.sleep(LOOK_S)


# -- where it goes ---------------------------------------------------------------------------


@contextmanager
def _goal(options: argparse.Namespace, site: SiteConfig) -> Iterator[Deliver]:
    """Open what events are delivered to."""
    if options.url is not None:
        gateway = Gateway(options.url, _key(options.key_file))
        try:
            yield gateway.send
        finally:
            gateway.close()
    elif options.kafka is not None:
        with _topic(options, site) as deliver:
            yield deliver
    elif options.out == "-":
        yield partial(_write, sys.stdout.buffer)
    else:
        try:
            with Path(options.out).open("wb") as file:
                if not options.out.endswith(".gz"):
                    yield partial(_write, file)
                    return
                # Neither name nor time: the same events are the same bytes.
                with gzip.GzipFile("", "wb", 4, file, 0) as packed:
                    yield partial(_write, packed)
        except OSError as error:
            msg = f"{options.out} cannot be written: {error.strerror or error}; check the path"
            raise InputError(msg) from error


@contextmanager
def _topic(options: argparse.Namespace, site: SiteConfig) -> Iterator[Deliver]:
    """Deliver to Kafka as a gateway does: cleansed, with ticks, waiting for a broker."""
    directory, patience = options.data_dir, Patience(tell, what="Kafka")
    skew_ms = TopologySettings(default_site=site.site).max_skew_ms
    with KafkaPublisher(cluster_of(options), directory / "publisher", skew_ms) as publisher:
        privacy = Privacy(hash_key(directory))

        def deliver(events: Iterable[bytes]) -> None:
            kept = (privacy.cleansed(msgspec.json.decode(event))[0] for event in events)
            while payloads := [msgspec.json.encode(event) for event in islice(kept, MOST_EVENTS)]:
                patience.insist(partial(publisher.publish, LIVE, payloads))
                publisher.save_subjects()
            patience.insist(publisher.tick)

        publisher.start()
        publisher.configure(site.site, content_hash(site), canonical_json(site), "goldpan simulate")
        yield deliver


def _write(file: IO[bytes] | gzip.GzipFile, events: Iterable[bytes]) -> None:
    lines: list[bytes] = []
    for event in events:
        lines.append(event)
        if len(lines) == 2_000:
            file.write(b"\n".join(lines) + b"\n")
            lines.clear()
    if lines:
        file.write(b"\n".join(lines) + b"\n")
    file.flush()


def _key(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path}: no key can be read from it ({error}); see 'goldpan keys'"
        raise ConfigError(msg) from error


def _write_truth(path: Path, centre: Centre) -> None:
    text = json.dumps(centre.document(), ensure_ascii=False, indent=1) + "\n"
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        msg = f"{path} cannot be written: {error.strerror or error}; check the path"
        raise InputError(msg) from error


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        msg = f"{text!r} is not a whole number above 0"
        raise argparse.ArgumentTypeError(msg)
    return int(text)


def _natural(text: str) -> int:
    if not text.isdecimal():
        msg = f"{text!r} is not a whole number, 0 or more"
        raise argparse.ArgumentTypeError(msg)
    return int(text)
