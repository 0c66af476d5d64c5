"""`goldpan demo`: nothing in; a made-up centre on the boards, its past and its present, out."""

from __future__ import annotations

import argparse
import os
import queue
import shutil
import sys
import tempfile
import threading
import time
import webbrowser
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from infra import clickhouse
from pipeline.commands.common import EXAMPLE_SITE, connect, tell
from pipeline.commands.parity import verdict_line
from pipeline.commands.run import News, embedded, serve, signals, store_while
from pipeline.config import load_site
from pipeline.errors import ConfigError, LogInUse
from pipeline.gateway.first_start import FIRST
from pipeline.gateway.limits import Limits
from pipeline.log.lock import DirectoryLock
from pipeline.parity.check import check
from pipeline.report import Report
from pipeline.report_output import as_text, names_of
from pipeline.runtimes.embedded import Embedded
from pipeline.runtimes.past import Clock, Pace, relive
from pipeline.runtimes.publisher import wall_clock_ms
from pipeline.simulator.centre import Centre, Settings
from pipeline.simulator.delivery import Gateway
from pipeline.timeline import minute_of
from schemas.catalogue import load_catalogue
from schemas.site import SiteConfig

HOUR_MS = 3_600_000
BACKLOG_DAYS = 3
"""The desk has tickets of so many days before."""
METRICS = ("offered", "answered", "abandon_rate", "service_level", "asa", "aht")
_LOOK_S = 0.2
_PREFIX = "goldpan-demo-"
"""Of temporary directories; each has a lock for as long as its demonstration lives."""


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("demo", help="watch a made-up centre on the boards")
    parser.add_argument(
        "--seats", type=int, default=50, help="agents, about: 50 or 1000 (default: %(default)s)"
    )
    parser.add_argument(
        "--hours", type=int, default=24, help="the past it begins with (default: %(default)s)"
    )
    parser.add_argument(
        "--hour",
        type=int,
        default=11,
        help="what hour it is in the made-up centre now, wherever you are (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=1, help="another seed, another centre")
    parser.add_argument(
        "--speed",
        type=float,
        metavar="N",
        help="let the past pass N times as fast as time, to watch it (default: as fast as can be)",
    )
    parser.add_argument(
        "--report",
        action="store_true",
        help="when the past is in, print its report and its proof, and end",
    )
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="keep what the demo made here (default: a temporary directory, removed at the end)",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address (default: %(default)s)")
    parser.add_argument(
        "--port", type=int, default=8400, help="0 for any free one (default: %(default)s)"
    )
    parser.set_defaults(run=run, clickhouse=None, database=None, kafka=None, queue_log=[])


def run(options: argparse.Namespace) -> int:
    """Show the centre until a signal; 0 after a clean end."""
    _check(options)
    site = _site(options.hour)
    news: News = queue.SimpleQueue()
    with _directory(options.data_dir) as directory, signals(news), ExitStack() as store:
        options.data_dir = directory
        store.enter_context(store_while(options))
        with ExitStack() as stack:
            show = _Show(options, site, news)
            limits, begun = Limits(), show.recovered.set
            pipeline, behind = embedded(options, site, limits, stack, show.clock)
            url = serve(options, site, limits, behind, stack, news=news, begun=lambda _: begun())
            stack.callback(show.end)
            show.begin(url, pipeline)
            ended = news.get()
        if isinstance(ended, BaseException):
            raise ended
        return _prove(options, site) if ended == _PAST_IS_IN else 0


class _Show:
    """The made-up centre, told to a pipeline in a thread of its own."""

    def __init__(self, options: argparse.Namespace, site: SiteConfig, news: News) -> None:
        self.start_ms = minute_of(wall_clock_ms()) - options.hours * HOUR_MS
        self.clock = Clock(self.start_ms)
        self.recovered = threading.Event()
        self._options = options
        self._news = news
        self._stop = threading.Event()
        settings = Settings(
            site.site,
            site.zone,
            self.start_ms,
            seats=options.seats,
            seed=options.seed,
            backlog_days=BACKLOG_DAYS,
        )
        self._centre = Centre(settings, site.limits)
        self._thread = threading.Thread(target=self._run, name="centre")
        self._url: str
        self._pipeline: Embedded

    def begin(self, url: str, pipeline: Embedded) -> None:
        """Tell the past, and then the present."""
        self._url, self._pipeline = url, pipeline
        self._thread.start()

    def end(self) -> None:
        """Tell nothing more."""
        self._stop.set()
        self.recovered.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            self.recovered.wait()
            if not self._options.report:
                self._invite()
            self._past()
            if self._options.report:
                self._news.put(_PAST_IS_IN)
            else:
                self._present()
        except BaseException as error:
            self._news.put(error)

    def _invite(self) -> None:
        """Say where to look. What is not counted yet, the boards say themselves."""
        if self._stop.is_set():
            return
        url = self._url
        print(
            f"\nLook at it:\n\n"
            f"    {url}/           the wallboard\n"
            f"    {url}/?lang=zh   大屏\n\n"
            "Its past is still coming in, and the boards say up to where; then it goes on as it "
            "happens.\nCtrl-C ends it and leaves nothing running.",
            flush=True,
        )
        if sys.stdout.isatty() and (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            webbrowser.open(f"{url}/")

    def _past(self) -> None:
        options, start, began = self._options, self.start_ms, time.monotonic()
        console = Console(file=sys.stderr)
        with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
            about = f"the last {options.hours} hours of a centre of {options.seats} seats"
            task = bar.add_task(about, total=wall_clock_ms() - start)
            relive(
                self._pipeline,
                self.clock,
                self._centre.until,
                Pace(options.speed, start),
                stop=self._stop,
                progress=lambda moment: bar.update(task, completed=moment - start),
            )
        pipeline = self._pipeline
        while (pipeline.backlog_bytes or pipeline.unflushed) and not self._stop.wait(_LOOK_S):
            pass
        if not self._stop.is_set():
            events, spent_s = self._centre.events_said, time.monotonic() - began
            goes_on = "" if options.report else "; from here on as it happens"
            tell(f"{about}: {events:,} events in {spent_s:.0f} s{goes_on}")

    def _present(self) -> None:
        if self._stop.is_set():
            return
        gateway = Gateway(self._url, (self._options.data_dir / FIRST).read_text().strip())
        try:
            while not self._stop.wait(_LOOK_S):
                gateway.send(event for _, event in self._centre.until(wall_clock_ms()))
        finally:
            gateway.close()


def _site(hour: int) -> SiteConfig:
    """The example centre, in the time zone where it is that hour now: nights are quiet."""
    site = load_site(EXAMPLE_SITE)
    ahead = (hour - time.gmtime().tm_hour + 12) % 24 - 12
    return site.model_validate(site.model_dump() | {"time_zone": f"Etc/GMT{-ahead:+d}"})


def _check(options: argparse.Namespace) -> None:
    """Refuse what makes no demonstration.

    Raises:
        ConfigError: says which option, its value, and what to write instead.
    """
    for name, least, most in (("seats", 2, 5_000), ("hours", 1, 24 * 31), ("hour", 0, 23)):
        value = getattr(options, name)
        if not least <= value <= most:
            msg = f"--{name} {value} is not possible; give {least} to {most:,}"
            raise ConfigError(msg)
    if options.speed is not None and not options.speed > 1:
        msg = f"--speed {options.speed:g} never reaches the present; give more than 1, such as 600"
        raise ConfigError(msg)
    directory = options.data_dir
    if directory is not None and (directory / "log").exists():
        msg = (
            f"--data-dir {directory} has a log already, and a demonstration begins with nothing; "
            f"name an empty directory, or look at what is there with 'goldpan run --data-dir "
            f"{directory}'"
        )
        raise ConfigError(msg)


def _prove(options: argparse.Namespace, site: SiteConfig) -> int:
    """Print what the past amounts to, in two languages, and whether the raw events agree."""
    with connect(options) as client:
        catalogue = load_catalogue()
        by_hour = Report(METRICS, site.site, site.time_zone, by="hour", catalogue=catalogue)
        by_queue = Report(METRICS, site.site, site.time_zone, group=("queue",), catalogue=catalogue)
        for lang in ("en", "zh"):
            for report in (by_hour, by_queue):
                print(as_text(report.run(client), lang, names_of(site)))
        parity = check(client, site.site)
    print(verdict_line(parity))
    return 0 if parity.holds else 1


_PAST_IS_IN = 0
"""News that is no signal."""


@contextmanager
def _directory(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        yield kept
        return
    _clear()
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as name:
        lock = DirectoryLock(Path(name))
        try:
            yield Path(name)
        finally:
            lock.release()


def _clear() -> None:
    """Remove what demonstrations have left that were killed: nobody holds their directories."""
    for directory in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            if directory.lstat().st_uid != os.getuid() or not (directory / "lock").exists():
                continue
            lock = DirectoryLock(directory)
        except (LogInUse, OSError):
            continue
        clickhouse.stop(directory / "clickhouse")
        shutil.rmtree(directory, ignore_errors=True)
        lock.release()
