"""Asterisk's queue_logs flow in as they grow, durable records of the log flow out.

One thread reads all of them, a batch of each in turn. How far a file is in is written down behind
its batch, never before: whoever is killed between the two reads the batch again, and its events,
which have the same ids, count once.

A file too much of which is no queue_log is followed no further, and the batch that says so is not
taken; the others, and the gateway, go on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from pipeline.errors import BrokerUnavailable, ConfigError, InputError, LogFull
from pipeline.gateway.backend import Backend
from pipeline.gateway.batch import Batch, Judge
from pipeline.gateway.keys import write_secret
from pipeline.masking import quoted
from pipeline.runtimes.embedded import Embedded
from pipeline.runtimes.ingest import IngestLimits
from pipeline.runtimes.kafka import KafkaPublisher
from pipeline.sources import follow
from pipeline.sources.adapters import ADAPTERS, Reading, Sender
from schemas.records import LIVE

LOOK_EVERY_S: Final = 0.2
"""How long files that said nothing new are left alone."""
SAVED: Final = "queue_logs.json"
"""In the data directory: how far each file is in."""
ADAPTER: Final = ADAPTERS["asterisk"]


_JUDGED: Final = 10
"""The share of bad lines is that of the last lines, so many times as few as are judged at all."""


class Reach(NamedTuple):
    """How far a file was read: its bytes that are in, and those that are not yet."""

    file: str
    position: int
    lag: int
    given_up: bool


class Output(NamedTuple):
    """Where lines go.

    Attributes:
        pipeline: whose log takes them.
        backend: while it takes no events, nothing is read.
        judge: judges them, as it does what comes over HTTP.
        sender: whose they are.
        tally: is given what became of every batch.
    """

    pipeline: Embedded | KafkaPublisher
    backend: Backend
    judge: Judge
    sender: Sender
    tally: Callable[[Batch], None]


class _Saved(msgspec.Struct, frozen=True):
    """What `SAVED` holds: which log the lines are in, and the position of each file by its path."""

    log: str
    files: dict[str, follow.Position]


class QueueLogs:
    """Files that are followed, each from where it was left.

    Args:
        directory: where it is written down how far they are in.
        paths: of the files; they need not be there yet.
        output: where their lines go.
        limits: when a file is given up.
        tell: is given a sentence whenever a file begins or ceases to be readable.
        failed: is given the error that ends the reading.

    Raises:
        ConfigError: a path is a directory or given twice, or `SAVED` is damaged.
    """

    def __init__(
        self,
        directory: Path,
        paths: Sequence[Path],
        output: Output,
        limits: IngestLimits,
        *,
        tell: Callable[[str], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._output = output
        self._limits = limits
        self._failed = failed
        self._saved = directory / SAVED
        self._positions = _positions(self._saved, output.pipeline.log.identity)
        self._files = [
            _File(path, self._positions.get(str(path)), tell) for path in _checked(paths)
        ]
        self._unsaved: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="queue_logs")

    def start(self) -> None:
        """Begin to read; the log can be written to."""
        self._thread.start()

    def close(self) -> None:
        """Let the batch that is under way be written, and end."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def problems(self) -> list[str]:
        """Why a file is not read, or why it is not known how far one is in."""
        return [*(file.problem for file in self._files if file.problem), *self._unsaved]

    def reaches(self) -> Iterator[Reach]:
        """How far each file is in."""
        return (file.reach() for file in self._files)

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                if not any([self._step(file) for file in self._files]):
                    self._stop.wait(LOOK_EVERY_S)
        except BaseException as error:
            self._failed(error)

    def _step(self, file: _File) -> bool:
        """Put one batch of a file into the log; returns whether there was one."""
        pipeline, backend, judge, sender, tally = self._output
        if self._stop.is_set() or file.given_up or backend.refusal() is not None:
            return False
        if file.position is None:
            self._found(file)
        found = file.read()
        if found is None:
            return False
        readings = list(ADAPTER.read(found.lines, sender))
        batch = judge.readings(readings, sender, sender, pipeline.now())
        if why := file.count(readings, batch, self._limits):
            file.give_up(why)
            return False
        try:
            pipeline.publish(LIVE, batch.payloads)
        except (LogFull, BrokerUnavailable):  # the ticks meet it too, and it is told of them
            file.reopen()
            file.uncount()
            return False
        tally(batch)
        self._reached(file, found.position)
        return True

    def _found(self, file: _File) -> None:
        """Write down which file it is, or it is lost if it is renamed before its first batch."""
        try:
            position = follow.beginning(file.path)
        except InputError:
            return  # reading it meets the same, and says it
        if position is not None:
            self._reached(file, position)
            file.reopen()

    def _reached(self, file: _File, position: follow.Position) -> None:
        file.position = self._positions[str(file.path)] = position
        saved = _Saved(self._output.pipeline.log.identity, self._positions)
        try:
            write_secret(self._saved, msgspec.json.encode(saved).decode())
            self._unsaved = []
        except ConfigError as error:
            self._unsaved = [f"{error}; a restart would read twice what came since"]


class _File:
    """One file: its reader, how far it is in, and why it cannot be read."""

    def __init__(
        self, path: Path, position: follow.Position | None, tell: Callable[[str], None]
    ) -> None:
        self.path = path
        self.position = position
        self.problem = ""
        self.given_up = False
        """It is read no further."""
        self._tell = tell
        self._counts: tuple[int, int] = (0, 0)
        """The last lines, and the bad ones among them."""
        self._before = self._counts
        self.reopen()

    def reopen(self) -> None:
        """Read from behind the last batch that is in the log."""
        self._batches = follow.follow(self.path, self.position)

    def read(self) -> follow.Batch | None:
        """The next batch, if there is one now."""
        problem = ""
        try:
            found = next(self._batches)
        except InputError as error:
            self.reopen()
            found, problem = None, str(error)
        if found is None and not problem and not self.path.exists():
            problem = f"{self.path} is not there; it is waited for: check the path, and its writer"
        if problem != self.problem:
            self._tell(problem or f"{self.path} is read")
        self.problem = problem
        return found

    def count(self, readings: Sequence[Reading], batch: Batch, limits: IngestLimits) -> str:
        """Count a batch's lines; returns why the file is to be given up, or nothing."""
        self._before = lines, bad = self._counts
        if lines >= _JUDGED * limits.min_records:
            lines = bad = 0
        lines, bad = lines + len(readings), bad + batch.counts["dead_letter"]
        self._counts = lines, bad
        if bad <= limits.share * max(lines, limits.min_records):
            return ""
        first = next(p for p in batch.problems if p["status"] == "dead_letter")
        content = readings[first["line"] - 1].content.decode(errors="replace")
        line = f"{quoted(content)}: " if content else ""
        return (
            f"{self.path} is no longer followed: {bad:,} of its last {lines:,} lines are no "
            f"queue_log's, more than the allowed {limits.share:.0%}; the first: {line}"
            f"{first['detail'].rstrip('.')}. The last {len(readings):,} were not taken in. Name "
            "the right file with --queue-log, or allow more (ingest.max_dead_letter_share in the "
            "site's configuration), and start 'goldpan run' again"
        )

    def uncount(self) -> None:
        """The last batch was not taken; it comes again."""
        self._counts = self._before

    def give_up(self, why: str) -> None:
        """Read it no further."""
        self.given_up, self.problem = True, why
        self._tell(why)

    def reach(self) -> Reach:
        """How far the file that has the name now is in."""
        try:
            now = self.path.stat()
        except OSError:
            return Reach(str(self.path), 0, 0, self.given_up)
        position = self.position
        here = position.offset if position is not None and position.inode == now.st_ino else 0
        return Reach(str(self.path), here, max(0, now.st_size - here), self.given_up)


def _checked(paths: Sequence[Path]) -> list[Path]:
    absolute = [path.absolute() for path in paths]
    for path in absolute:
        if path.is_dir():
            msg = f"--queue-log {path} is a directory; name the file in it"
            raise ConfigError(msg)
        if absolute.count(path) > 1:
            msg = f"--queue-log {path} is given twice; give it once"
            raise ConfigError(msg)
    return absolute


def _positions(file: Path, log: str) -> dict[str, follow.Position]:
    """What was written down; nothing of another log, for that has the lines and this has not."""
    try:
        saved = msgspec.json.decode(file.read_bytes(), type=_Saved)
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError) as error:
        msg = f"{file}: {error}; delete it: what is read again counts once"
        raise ConfigError(msg) from error
    return saved.files if saved.log == log else {}
