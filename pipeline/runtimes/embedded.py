"""Payloads flow in from any source of this process, a consistent store flows out: no broker needed.

One process owns a data directory: the durable log, the subject map and the loop over the core.

    publish    payloads -> subject, shard -> log (durable when it returns)
    step       log -> core
    flush      core -> store, checkpoint last

Killed at any instant, it goes on from the checkpoint when it is started again.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import msgspec

from pipeline.errors import LogError
from pipeline.log.embedded import EmbeddedLog, LogPosition
from pipeline.log.partition import shard_of
from pipeline.runtimes.engine import Engine, LogIdentity
from pipeline.sources.edge import Routing, route
from pipeline.sources.subjects import Progress, SubjectMap
from pipeline.timeline import BEGIN_OF_TIME
from schemas.records import LIVE, RecordKind

TICK_MS = 1_000
FLUSH_MS = 1_000
STEP_RECORDS = 10_000


def wall_clock_ms() -> int:
    """Milliseconds since the epoch; runtimes alone may ask."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class EmbeddedSettings:
    """Where the data lies and how the log is kept.

    `retention_ms` is how long records that the store has are kept in the log besides.
    """

    directory: Path
    shards: int = 8
    retention_ms: int = 24 * 3_600_000
    segment_bytes: int = 64 << 20


class Embedded:
    """The embedded pipeline over one data directory and one store.

    One thread applies and flushes. Any thread may publish, also while that one waits for a store
    that is away.

    Args:
        settings: where the data lies.
        engine: the core over its store, not started yet.
        clock: gives the time in epoch ms; ingest times never go back, whatever it does.
    """

    def __init__(
        self, settings: EmbeddedSettings, engine: Engine, clock: Callable[[], int] = wall_clock_ms
    ) -> None:
        self.settings = settings
        self.engine = engine
        self._clock = clock
        self._now = 0
        self._reading_clock = threading.Lock()
        # Guards the subject map and the log's group: they must agree on the order of events.
        self._publishing = threading.RLock()
        self._last_tick = 0
        self._last_flush = 0
        self.unflushed = 0
        """Records that were applied since the last flush."""
        directory = settings.directory
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            msg = (
                f"the data directory {directory} cannot be made: {error.strerror}; name another "
                "with --data-dir"
            )
            raise LogError(msg) from error
        self.log = EmbeddedLog.open(
            directory / "log", settings.shards, segment_bytes=settings.segment_bytes
        )
        try:
            self.subjects = SubjectMap(directory / "subjects.sqlite")
        except BaseException:
            self.log.close()
            raise
        self._position = self.log.begin

    def start(self) -> None:
        """Recover, and apply everything that is in the log.

        Raises:
            SinkError: see `Engine.start`.
            LogError: the log cannot be read.
        """
        self.recover()
        self.catch_up()

    def recover(self) -> None:
        """Load the checkpoint and bring the subject map up to the end of the log.

        After it events may be published, before what the log holds already is applied.

        Raises:
            SinkError: see `Engine.start`.
            LogError: the log cannot be read.
        """
        log = self.log
        self.engine.start(LogIdentity(log.identity, log.next_offsets))
        if self.engine.position is not None:
            self._position = LogPosition(*self.engine.position)
        self._recover_subjects()
        self._last_flush = self._last_tick = self.now()

    def _recover_subjects(self) -> None:
        """Observe what was logged after the subject map was last saved."""
        position, ingests, countable = self._believed()
        while True:
            records, position = self.log.read(position)
            if not records:
                break
            for record in records:
                if countable and record.domain != LIVE:
                    before = ingests.get(record.domain) or Progress(0, ended=False, name="")
                    done = before.items_done + (record.kind == RecordKind.EVENT)
                    ended = before.ended or record.kind == RecordKind.END
                    ingests[record.domain] = Progress(done, ended, before.name)
                if record.kind == RecordKind.EVENT:
                    seen = route(record.payload)
                    self.subjects.observe(
                        seen.site, seen.identities, record.subject, now_ms=record.ingest_ms
                    )
                    self._link(seen, record.ingest_ms)
        for domain, progress in ingests.items():
            self.subjects.set_progress(domain, progress)
        self.save_subjects()

    def _believed(self) -> tuple[LogPosition, dict[str, Progress], bool]:
        """What the subject map says of files, as far as log and store bear it out.

        Returns:
            From where the log must be observed, how far each file is at that place, and whether
            the files' records that follow may be counted.
        """
        log, subjects = self.log, self.subjects
        saved = json.loads(subjects.applied_position or "{}")
        place = LogPosition(*saved.get("position", (0, 0)))
        known = saved.get("identity") == log.identity and log.begin <= place <= log.end
        ingests = subjects.ingests()
        if known and self.engine.position is not None:
            return place, ingests, True
        # A new log over a store that has rows: the files that had ended are in the store. Else the
        # store is a new or another one, and only what the log holds from its beginning is certain.
        kept = self.engine.generation > 1 and saved.get("identity") != log.identity
        ingests = {
            domain: progress if kept and progress.ended else Progress(0, False, progress.name)
            for domain, progress in ingests.items()
        }
        return log.begin, ingests, not any(log.first_offsets)

    # -- into the log -----------------------------------------------------------------------

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
            latest, possible = BEGIN_OF_TIME, now + self.engine.settings.max_skew_ms
            for payload in payloads:
                seen = route(payload)
                subject = self.subjects.subject(seen.site, seen.identities, now_ms=now)
                self._link(seen, now)
                shard = shard_of(subject, self.settings.shards)
                self._append(shard, RecordKind.EVENT, domain, subject, payload)
                if seen.occurred_ms is not None and seen.occurred_ms <= possible:
                    latest = max(latest, seen.occurred_ms)
            if lateness_ms is not None and latest > BEGIN_OF_TIME:
                tick = str(latest - lateness_ms).encode()
                for shard in range(self.settings.shards):
                    self._append(shard, RecordKind.TICK, domain, "", tick)
            self.log.commit()

    def publish_everywhere(self, kind: RecordKind, domain: str, payload: bytes = b"") -> None:
        """Put one record into every shard: a tick, an end, a changed configuration.

        Raises:
            LogError: see `publish`.
        """
        with self._publishing:
            for shard in range(self.settings.shards):
                self._append(shard, kind, domain, "", payload)
            self.log.commit()

    def configure(self, site: str, version: str, content: str, who: str) -> bool:
        """Let a configuration enter the log, unless it is in force already.

        Returns:
            Whether it was new.
        """
        shards = self.engine.stage1.shards.values()
        if all(shard.configs.get(site) == version for shard in shards):
            return False
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
        return True

    def tick(self) -> None:
        """Put a tick into every shard, if a second has passed since the last."""
        if self.now() - self._last_tick >= TICK_MS:
            self._last_tick = self._now
            self.publish_everywhere(RecordKind.TICK, LIVE)

    def save_subjects(self) -> None:
        """Make the subject map durable up to the end of the log."""
        with self._publishing:
            place = {"identity": self.log.identity, "position": list(self.log.end)}
            self.subjects.save(json.dumps(place))

    def _append(
        self, shard: int, kind: RecordKind, domain: str, subject: str, payload: bytes
    ) -> None:
        if self.log.uncommitted_bytes + len(payload) > _COMMIT_BYTES:
            self.log.commit()
        self.log.append(shard, kind, self._now, domain=domain, subject=subject, payload=payload)

    def _link(self, seen: Routing, now_ms: int) -> None:
        if seen.linked is not None:
            self.subjects.link(seen.site, *seen.linked, now_ms=now_ms)

    # -- out of the log ---------------------------------------------------------------------

    def step(self, limit: int = STEP_RECORDS) -> int:
        """Apply up to `limit` records; returns how many there were."""
        records, self._position = self.log.read(self._position, limit)
        if records:
            self.engine.process(records)
            self.unflushed += len(records)
        return len(records)

    def flush_if_due(self) -> bool:
        """Flush if a second has passed or a full step is waiting; returns whether it did."""
        due = self.now() - self._last_flush >= FLUSH_MS or self.unflushed >= STEP_RECORDS
        if due and self.unflushed:
            self.flush()
        return due

    @property
    def backlog_bytes(self) -> int:
        """Bytes of the log that are not applied yet."""
        return self.log.bytes_after(self._position)

    def flush(self) -> None:
        """Write all that changed to the store and let go of what the log need not keep."""
        if not self.engine.flush(list(self._position), self.now()):
            return
        self.unflushed = 0
        self._last_flush = self._now
        self.log.retain(self._position, self._now - self.settings.retention_ms)

    def catch_up(self) -> None:
        """Apply everything that is in the log."""
        while self.step():
            self.flush_if_due()

    def settle(self) -> None:
        """Apply everything that is in the log, and have it in the store."""
        self.catch_up()
        if self.unflushed:
            self.flush()

    # -- life -------------------------------------------------------------------------------

    def close(self) -> None:
        """Let go of the directory; what is in the log is applied at the next start."""
        self.subjects.close()
        self.log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_COMMIT_BYTES = 16 << 20
"""A group of the log is committed early when it would grow past this."""
