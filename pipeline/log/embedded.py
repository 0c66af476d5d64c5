"""Records in, from any number of sources; the same records out, in order, after any crash.

One sequence of segment files holds the records of all shards, so a group commit is one write and
one flush to the disk, however many shards it touches. A record is acknowledged by `commit`, and
what is acknowledged is read back once, in order, whenever the process or the machine went down.
"""

from __future__ import annotations

import threading
import uuid
from pathlib import Path
from typing import NamedTuple, Self

from pipeline.errors import LogError, LogFull
from pipeline.log.framing import MAX_PAYLOAD, encode_name, frame, marker_of
from pipeline.log.lock import DirectoryLock
from pipeline.log.reader import Reader, View
from pipeline.log.recovery import Recovered, recover
from pipeline.log.segments import (
    NO_RECORDS,
    LogPosition,
    Segment,
    SegmentHeader,
    prepare_segment,
    publish_segment,
    sync_directory,
)
from pipeline.log.writer import FULL, SegmentWriter
from schemas.records import LogRecord, RecordKind

__all__ = ["EmbeddedLog", "LogPosition"]

_MAX_SHARDS = 1024
_MAX_DOMAINS = 10_000


class _Bounds(NamedTuple):
    segment_bytes: int
    max_payload: int
    max_uncommitted: int


class EmbeddedLog:
    """The durable local log of one deployment. One thread may append while others read."""

    def __init__(
        self, directory: Path, lock: DirectoryLock, found: Recovered, bounds: _Bounds
    ) -> None:
        """Use `open`: this takes what it found."""
        self.directory = directory
        self.identity = found.segments[0].header.identity
        """32 hexadecimal digits, given when the log was made."""
        self.shards = len(found.next_offsets)
        self.recovered_bytes = found.cut
        """Bytes of an unfinished group that were cut off when the log was opened."""
        self._bounds = bounds
        self._directory_lock = lock
        self._marker = marker_of(self.identity)
        self._reader = Reader(self.identity)
        self._writer = SegmentWriter(directory, found.segments[-1], bounds.segment_bytes)
        # A reader takes the view without a lock, so it never waits for a flush to the disk.
        self._view = View(found.segments)
        self._lock = threading.RLock()
        self._committed = found.next_offsets
        self._next = list(found.next_offsets)
        self._group: list[bytes] = []
        self._group_bytes = 0
        self._group_newest_ms = NO_RECORDS
        self._domains: dict[str, bytes] = {}

    @classmethod
    def open(
        cls,
        directory: Path,
        shards: int = 8,
        *,
        segment_bytes: int = 64 << 20,
        max_payload: int = 8 << 20,
        max_uncommitted: int = 32 << 20,
    ) -> Self:
        """Open the log in a directory, or make one, and hold it until `close`.

        An unfinished group at the end, from a crash, is cut off; `recovered_bytes` says how much.

        Args:
            directory: where the log is or will be; made if absent.
            shards: 1 to 1024, fixed when the log is made.
            segment_bytes: a segment that would grow past this is followed by a new one. A single
                larger group still goes into one segment.
            max_payload: the largest payload that `append` takes, in bytes, at most 256 MiB.
            max_uncommitted: the largest group, in bytes, at most 1 GiB. One record always fits.

        Raises:
            LogInUse: another process holds the log.
            LogCorrupt: damage that is not an unfinished end; the message names file and byte.
            LogFull: no space to make the log.
            LogError: another number of shards, a later format, a bound out of range, or the
                directory cannot be used.
        """
        bounds = _Bounds(segment_bytes, max_payload, max_uncommitted)
        _check_bounds(shards, bounds)
        lock: DirectoryLock | None = None
        try:
            if not directory.is_dir():
                directory.mkdir(parents=True, exist_ok=True)
                sync_directory(directory.parent)
            lock = DirectoryLock(directory)
            found = recover(directory, shards)
            if not found.segments:
                found = found._replace(segments=(_first_segment(directory, shards),))
            return cls(directory, lock, found, bounds)
        except BaseException as error:
            if lock:
                lock.release()
            if not isinstance(error, OSError):
                raise
            kind = LogFull if error.errno in FULL else LogError
            message = f"the log in {directory} cannot be opened: {error.strerror}"
            raise kind(message) from error

    @property
    def next_offsets(self) -> tuple[int, ...]:
        """Per shard, the offset that the next record gets; what awaits a commit counts."""
        return tuple(self._next)

    @property
    def first_offsets(self) -> tuple[int, ...]:
        """Per shard, the offset of the oldest kept record, or of the next one if none is kept."""
        return self._view.kept[0].header.first_offsets

    @property
    def begin(self) -> LogPosition:
        """Before the oldest kept record."""
        return self._view.begin

    @property
    def end(self) -> LogPosition:
        """After the newest committed record."""
        return self._view.end

    @property
    def kept_bytes(self) -> int:
        """Bytes of all segments, for a metric."""
        return sum(segment.bytes for segment in self._view.kept)

    def bytes_after(self, position: LogPosition) -> int:
        """Committed bytes behind a position, segment headers included, for a metric."""
        return sum(
            segment.bytes - (position.byte if segment.header.number == position.segment else 0)
            for segment in self._view.kept
            if segment.header.number >= position.segment
        )

    @property
    def uncommitted_bytes(self) -> int:
        """Bytes of the group that awaits `commit`, for a metric; bounded by `max_uncommitted`."""
        return self._group_bytes

    def append(
        self,
        shard: int,
        kind: RecordKind,
        ingest_ms: int,
        *,
        domain: str,
        subject: str,
        payload: bytes,
    ) -> int:
        """Add a record to the group; readers see it, and a crash spares it, after `commit`.

        Returns:
            Its offset on the shard. It is given anew if the commit raises `LogFull`.

        Raises:
            LogError: no such shard; the payload is over its bound, or the domain or subject over
                65535 bytes; the group is full (commit, then append again); the log is closed or
                unusable. The group is as it was.
        """
        with self._lock:
            if self._writer.unusable:
                raise LogError(self._writer.unusable)
            if not 0 <= shard < self.shards:
                message = f"there is no shard {shard}, the log has {self.shards}"
                raise LogError(message)
            bounds = self._bounds
            if len(payload) > bounds.max_payload:
                message = f"a payload has {len(payload)} bytes; the log takes {bounds.max_payload}"
                raise LogError(message)
            encoded_domain = self._domains.get(domain)
            if encoded_domain is None:
                encoded_domain = self._encode_domain(domain)
            offset, group_bytes = self._next[shard], self._group_bytes
            encoded = frame(
                self._marker,
                (group_bytes, shard, offset, kind, ingest_ms),
                encoded_domain,
                encode_name(subject, "subject"),
                payload,
            )
            if group_bytes and group_bytes + len(encoded) > bounds.max_uncommitted:
                message = (
                    f"{group_bytes} bytes of the log await a commit and the bound is "
                    f"{bounds.max_uncommitted}: commit, then append again"
                )
                raise LogError(message)
            self._group.append(encoded)
            self._group_bytes = group_bytes + len(encoded)
            self._group_newest_ms = max(self._group_newest_ms, ingest_ms)
            self._next[shard] = offset + 1
            return offset

    def commit(self) -> LogPosition:
        """Write the group and flush it to the disk; then it is safe, and readers see it.

        Returns:
            The new `end`.

        Raises:
            LogFull: no space. Nothing of the group is kept and its offsets are free again; the
                caller may append and commit it again, at once or when there is space.
            LogError: the disk failed, so that what it holds is unknown. The log takes no more
                until it is opened again; the group may or may not be in it then.
        """
        with self._lock:
            self._writer.check()
            if self._group:
                self._write_group()
            return self.end

    def read(
        self, position: LogPosition, limit: int = 10_000, max_bytes: int = 4 << 20
    ) -> tuple[list[LogRecord], LogPosition]:
        """Committed records from a position on, in the order of their appending.

        Args:
            position: `begin`, or one that this method returned, now or before a restart.
            limit: at most so many records.
            max_bytes: at most so many bytes of log, but at least one record.

        Returns:
            The records and the position after them. No records: there are none yet.

        Raises:
            LogError: the position is no longer kept, or is not one of this log.
            LogCorrupt: a record fails its checksum; the records before it were returned before.
        """
        if self._directory_lock.released:
            message = f"the log in {self.directory} is closed"
            raise LogError(message)
        try:
            return self._reader.read(self._view, position, limit, max_bytes)
        except OSError as error:
            message = f"the log in {self.directory} cannot be read: {error.strerror}"
            raise LogError(message) from error

    def retain(self, before: LogPosition, older_than_ms: int) -> int:
        """Delete whole segments that nobody needs any more, oldest first; never the current one.

        Args:
            before: only segments before this position's, so it can still be read from.
            older_than_ms: only segments whose newest record came in before this instant.

        Returns:
            How many were deleted.

        Raises:
            LogError: `before` is not a position of this log, or the directory cannot be changed.
        """
        with self._lock:
            self._view.segment_at(max(before, self.begin))
            deleted = 0
            while (
                self._view.kept[0].header.number < before.segment
                and self._view.kept[0].newest_ms < older_than_ms
            ):
                oldest = self._view.kept[0].path
                self._view = View(self._view.kept[1:])
                try:
                    oldest.unlink()
                    # One by one: a power cut must never leave a gap.
                    sync_directory(self.directory)
                except OSError as error:
                    message = f"{oldest} cannot be deleted: {error.strerror}"
                    raise LogError(message) from error
                deleted += 1
            return deleted

    def close(self) -> None:
        """Let go of the directory. What was appended and not committed is dropped."""
        with self._lock:
            if self._directory_lock.released:
                return
            self._writer.unusable = f"the log in {self.directory} is closed"
            self._drop_group()
            self._reader.close()
            self._writer.close()
            self._directory_lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _encode_domain(self, domain: str) -> bytes:
        if len(self._domains) >= _MAX_DOMAINS:
            self._domains.clear()
        encoded = self._domains[domain] = encode_name(domain, "domain")
        return encoded

    def _write_group(self) -> None:
        whole = False
        try:
            written = self._writer.write(
                b"".join(self._group), self._committed, self._group_newest_ms
            )
            self._view = View((*self._view.kept[:-1], *written))
            self._committed = tuple(self._next)
            whole = True
        except LogFull:
            whole = True
            raise
        finally:
            # A signal's exception may leave the file and our counts apart: never write on then.
            if not (whole or self._writer.unusable):
                self._writer.unusable = f"a commit to {self.directory} was interrupted: open again"
            self._drop_group()

    def _drop_group(self) -> None:
        self._group, self._group_bytes, self._group_newest_ms = [], 0, NO_RECORDS
        self._next = list(self._committed)


def _check_bounds(shards: int, bounds: _Bounds) -> None:
    for name, given, most in (
        ("shards", shards, _MAX_SHARDS),
        ("segment_bytes", bounds.segment_bytes, 1 << 40),
        ("max_payload", bounds.max_payload, MAX_PAYLOAD),
        ("max_uncommitted", bounds.max_uncommitted, 1 << 30),
    ):
        if not 1 <= given <= most:
            message = f"{name} of the log is {given}, it must be 1 to {most}"
            raise LogError(message)


def _first_segment(directory: Path, shards: int) -> Segment:
    header = SegmentHeader(uuid.uuid4().hex, 1, (0,) * shards, 0, NO_RECORDS)
    prepare_segment(directory, header)
    path = publish_segment(directory, header.number)
    return Segment(path, header, header.size, NO_RECORDS)
