"""Payloads flow in from any source of this process, a log's records flow out, durable, in order.

One process publishes: it owns the subject map, stamps the ingest time, and writes the ticks. Which
log it writes to, the embedded one or Kafka, changes nothing of that.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import msgspec

from pipeline.errors import LogError
from pipeline.log.partition import shard_of
from pipeline.sources.edge import Routing, route
from pipeline.sources.subjects import SubjectMap
from pipeline.timeline import BEGIN_OF_TIME
from schemas.records import LIVE, LogRecord, RecordKind

TICK_MS = 1_000
LIFE_MS = 400 * 24 * 3_600_000
"""Silent for longer than this, a contact or ticket is forgotten; it would begin anew."""
_PURGE_EVERY_MS = 24 * 3_600_000
COMMIT_BYTES = 16 << 20
"""A group of the log is committed early when it would grow past this."""


def wall_clock_ms() -> int:
    """Milliseconds since the epoch; runtimes alone may ask."""
    return time.time_ns() // 1_000_000


def make_directory(directory: Path) -> None:
    """Make a data directory.

    Raises:
        LogError: it cannot be made.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = (
            f"the data directory {directory} cannot be made: {error.strerror}; name another "
            "with --data-dir"
        )
        raise LogError(msg) from error


class Log(Protocol):
    """The writing side of a log: records are appended to a group, and `commit` makes it safe."""

    @property
    def shards(self) -> int:
        """How many there are."""

    @property
    def uncommitted_bytes(self) -> int:
        """Bytes of the group that awaits `commit`."""

    def append(
        self,
        shard: int,
        kind: RecordKind,
        ingest_ms: int,
        *,
        domain: str,
        subject: str,
        payload: bytes,
    ) -> object:
        """Add a record to the group."""

    def commit(self) -> object:
        """Return when the group is safe."""


class Publisher:
    """The way into a log. Any thread may publish.

    Args:
        log: this publisher's own.
        subjects: who belongs to whom.
        clock: gives the time in epoch ms; ingest times never go back, whatever it does.
        max_skew_ms: how far a source's clock may be ahead.
    """

    def __init__(
        self, log: Log, subjects: SubjectMap, clock: Callable[[], int], max_skew_ms: int
    ) -> None:
        self.subjects = subjects
        self._into = log
        self._clock = clock
        self._max_skew_ms = max_skew_ms
        self._now = 0
        self._last_tick = 0
        self._last_purge = 0
        self._reading_clock = threading.Lock()
        # Guards the subject map and the log's group: they must agree on the order of events.
        self._publishing = threading.RLock()

    def now(self) -> int:
        """The ingest time: the clock, but never earlier than what was given out before."""
        with self._reading_clock:
            self._now = max(self._now, self._clock())
            return self._now

    def publish(
        self, domain: str, payloads: Iterable[bytes], lateness_ms: int | None = None
    ) -> None:
        """Put payloads into the log; when this returns they are safe. Any thread may call it.

        Args:
            domain: where they belong.
            payloads: events as their source sent them, valid or not.
            lateness_ms: of a file: its watermark then moves to the latest event time among the
                payloads less this, by a tick that is safe together with them. A time too far in the
                future is that of a dead letter, and moves nothing.

        Raises:
            LogFull: no space; none of them is in the log, offer them again.
            LogError: the log takes no more, see `EmbeddedLog`.
        """
        with self._publishing:
            now = self.now()
            latest, possible = BEGIN_OF_TIME, now + self._max_skew_ms
            for payload in payloads:
                seen = route(payload)
                subject = self.subjects.subject(seen.site, seen.identities, now_ms=now)
                self._link(seen, now)
                shard = shard_of(subject, self._into.shards)
                self._append(shard, RecordKind.EVENT, domain, subject, payload)
                if seen.occurred_ms is not None and seen.occurred_ms <= possible:
                    latest = max(latest, seen.occurred_ms)
            if lateness_ms is not None and latest > BEGIN_OF_TIME:
                tick = str(latest - lateness_ms).encode()
                for shard in range(self._into.shards):
                    self._append(shard, RecordKind.TICK, domain, "", tick)
            self._into.commit()

    def publish_everywhere(self, kind: RecordKind, domain: str, payload: bytes = b"") -> None:
        """Put one record into every shard: a tick, an end, a changed configuration.

        Raises:
            LogError: see `publish`.
        """
        with self._publishing:
            for shard in range(self._into.shards):
                self._append(shard, kind, domain, "", payload)
            self._into.commit()

    def announce(self, site: str, version: str, content: str, who: str) -> None:
        """Let a configuration enter the log: from there on it is in force."""
        now = self.now()
        event = {
            "event_type": "config.changed",
            "event_id": f"config:{site}:{version}:{now}",
            "site": site,
            "source": "goldpan",
            "occurred_at": datetime.fromtimestamp(now / 1000, UTC).isoformat(),
            "who": who,
            "content_hash": version,
            "content": content,
        }
        self.publish_everywhere(RecordKind.EVENT, LIVE, msgspec.json.encode(event))

    def tick(self) -> None:
        """Put a tick into every shard, if a second has passed since the last.

        Once a day it also lets go of contacts and tickets that nothing was heard of for `LIFE_MS`.
        """
        now = self.now()
        if now - self._last_tick >= TICK_MS:
            # One that the log did not take is due again at once.
            self.publish_everywhere(RecordKind.TICK, LIVE)
            self._last_tick = now
        if now - self._last_purge >= _PURGE_EVERY_MS:
            self._last_purge = now
            with self._publishing:
                self.subjects.purge(now - LIFE_MS)

    def observe(self, record: LogRecord) -> None:
        """Take a record of the log into the subject map, as when it was published."""
        if record.kind == RecordKind.EVENT:
            seen = route(record.payload)
            self.subjects.observe(
                seen.site, seen.identities, record.subject, now_ms=record.ingest_ms
            )
            self._link(seen, record.ingest_ms)

    def _append(
        self, shard: int, kind: RecordKind, domain: str, subject: str, payload: bytes
    ) -> None:
        if self._into.uncommitted_bytes + len(payload) > COMMIT_BYTES:
            self._into.commit()
        self._into.append(shard, kind, self._now, domain=domain, subject=subject, payload=payload)

    def _link(self, seen: Routing, now_ms: int) -> None:
        if seen.linked is not None:
            self.subjects.link(seen.site, *seen.linked, now_ms=now_ms)
