"""A file's events flow in, a finished domain of the log flows out: resumable, and idempotent.

A file is a domain of its own, named after its content: its events are neither late nor make live
ones late, and the same content is recognised whatever it is called. An ingest that was cut off
goes on where the log ends, to the event. When all is in, an `end`
record on every shard closes the domain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from pipeline.errors import InputError, TooManyBadEvents
from pipeline.sources.source import Source
from pipeline.sources.subjects import Progress, SubjectMap
from schemas.records import RecordKind

CHUNK = 5_000


@dataclass(frozen=True, slots=True)
class IngestLimits:
    """When a run is stopped: dead letters over `share` of at least `min_records` records."""

    share: float = 0.05
    min_records: int = 200


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What a run did, in events.

    `known` is true where the same content had been ingested to its end before.
    """

    events: int
    resumed_after: int
    rejected: int
    known: bool = False


class Intake(Protocol):
    """Where files go: see `runtimes.embedded.Embedded` and `runtimes.kafka.KafkaPublisher`."""

    subjects: SubjectMap

    def publish(
        self, domain: str, payloads: Sequence[bytes], lateness_ms: int | None = None
    ) -> None:
        """Put payloads into the log, and a file's watermark behind them."""

    def publish_everywhere(self, kind: RecordKind, domain: str, payload: bytes = b"") -> None:
        """Put one record into every shard."""

    def tick(self) -> None:
        """Let time pass."""

    def save_subjects(self) -> None:
        """Make the subject map durable."""

    def rejected(self, domain: str) -> int:
        """Dead letters of a domain in this process."""

    def catch_up(self) -> None:
        """Apply what is in the log, where this process does so."""

    def settle(self) -> None:
        """Have it in the store too, where this process does so."""


def ingest(
    pipeline: Intake,
    source: Source,
    domain: str,
    limits: IngestLimits,
    progress: Callable[[int], None],
) -> IngestResult:
    """Take a file in.

    Args:
        pipeline: started, and this process's own.
        source: the file, read from its beginning.
        domain: `file:` and the digest of the content.
        limits: when to give up.
        progress: is given the number of events that are in so far.

    Raises:
        InputError: the file cannot be read on; what was read is in and stays.
        TooManyBadEvents: the limits are exceeded; what was read is in and stays.
        LogFull: the disk is full; what was read is in, run it again to go on.
    """
    before = pipeline.subjects.progress(domain)
    if before is not None and before.ended:
        pipeline.settle()
        return IngestResult(before.items_done, before.items_done, 0, known=True)
    done = start = before.items_done if before is not None else 0
    rejected_before = pipeline.rejected(domain)
    events = source.events()
    _skip(events, start)
    # Chunks end at the same events whether the run was cut off or not, and so do its watermarks.
    broken: InputError | None = None
    while broken is None:
        chunk, broken = _read(events, CHUNK - done % CHUNK)
        if not chunk:
            break
        pipeline.publish(domain, chunk, source.allowed_lateness_ms)
        done += len(chunk)
        pipeline.subjects.set_progress(domain, Progress(done, ended=False, name=source.name))
        pipeline.save_subjects()
        pipeline.tick()
        pipeline.catch_up()
        progress(done)
        if broken is None:
            _check(pipeline, pipeline.rejected(domain) - rejected_before, limits, done - start)
    if broken is not None:
        pipeline.settle()
        raise broken
    pipeline.publish_everywhere(RecordKind.END, domain)
    pipeline.settle()
    pipeline.subjects.set_progress(domain, Progress(done, ended=True, name=source.name))
    pipeline.save_subjects()
    return IngestResult(done, start, pipeline.rejected(domain) - rejected_before)


def _read(events: Iterator[bytes], most: int) -> tuple[list[bytes], InputError | None]:
    """The next events, and why there are no more if the file breaks off behind them."""
    chunk: list[bytes] = []
    try:
        chunk.extend(islice(events, most))
    except InputError as error:
        return chunk, error
    return chunk, None


def _skip(events: Iterator[bytes], count: int) -> None:
    for _ in islice(events, count):
        pass


def _check(pipeline: Intake, rejected: int, limits: IngestLimits, read: int) -> None:
    if read >= limits.min_records and rejected > limits.share * read:
        pipeline.settle()
        msg = (
            f"stopped: {rejected:,} of {read:,} events are dead letters, more than the allowed "
            f"{limits.share:.0%}; look at them with 'goldpan dead-letters list', or allow more "
            "with --max-bad-share. What was read is in; run the same command to go on"
        )
        raise TooManyBadEvents(msg)
