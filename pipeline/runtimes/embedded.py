"""Payloads flow in from any source of this process, a consistent store flows out: no broker needed.

One process owns a data directory: the durable log, the subject map and the loop over the core.

    publish    payloads -> subject, shard -> log (durable when it returns)
    step       log -> core
    flush      core -> store, checkpoint last

Killed at any instant, it goes on from the checkpoint when it is started again.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pipeline.log.embedded import EmbeddedLog, LogPosition
from pipeline.runtimes.engine import Engine, LogIdentity
from pipeline.runtimes.publisher import Publisher, make_directory, wall_clock_ms
from pipeline.sources.subjects import Progress, SubjectMap
from schemas.records import LIVE, RecordKind

FLUSH_MS = 1_000
STEP_RECORDS = 10_000


@dataclass(frozen=True, slots=True)
class EmbeddedSettings:
    """Where the data lies and how the log is kept.

    `retention_ms` is how long records that the store has are kept in the log besides.
    """

    directory: Path
    shards: int = 8
    retention_ms: int = 24 * 3_600_000
    segment_bytes: int = 64 << 20


class Embedded(Publisher):
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
        self._last_flush = 0
        self.unflushed = 0
        """Records that were applied since the last flush."""
        directory = settings.directory
        make_directory(directory)
        self.log = EmbeddedLog.open(
            directory / "log", settings.shards, segment_bytes=settings.segment_bytes
        )
        try:
            self.subjects = SubjectMap(directory / "subjects.sqlite")
        except BaseException:
            self.log.close()
            raise
        self._position = self.log.begin
        super().__init__(self.log, self.subjects, clock, engine.settings.max_skew_ms)

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
                self.observe(record)
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

    def configure(self, site: str, version: str, content: str, who: str) -> bool:
        """Let a configuration enter the log, unless it is in force already.

        Returns:
            Whether it was new.
        """
        shards = self.engine.stage1.shards.values()
        if all(shard.configs.get(site) == version for shard in shards):
            return False
        self.announce(site, version, content, who)
        return True

    def rejected(self, domain: str) -> int:
        """Dead letters of a domain in this process."""
        return self.engine.stage1.ledger.rejected[domain]

    def save_subjects(self) -> None:
        """Make the subject map durable up to the end of the log."""
        with self._publishing:
            place = {"identity": self.log.identity, "position": list(self.log.end)}
            self.subjects.save(json.dumps(place))

    # -- out of the log ---------------------------------------------------------------------

    def step(self, limit: int = STEP_RECORDS) -> int:
        """Apply up to `limit` records; returns how many there were."""
        records, position = self.log.read(self._position, limit)
        # Before they leave the backlog: whoever looks from beside finds them in one of the two.
        self.unflushed += len(records)
        self._position = position
        if records:
            self.engine.process(records)
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
