"""A position in, the committed records that follow it out."""

from __future__ import annotations

import os
import threading
from typing import NamedTuple

from pipeline.errors import LogCorrupt, LogError
from pipeline.log.framing import marker_of, parse, wanted
from pipeline.log.segments import LogPosition, Segment
from schemas.records import LogRecord

_CHUNK = 256 << 10
"""Bytes per read of a file: more would be fresh memory each time, and slower."""
_BYTES_PER_RECORD = 1024
_MAX_DOMAINS = 10_000


class View(NamedTuple):
    """What is committed: replaced as a whole by each commit, so a reader never waits for one.

    `kept` holds the segments with consecutive numbers, the current one last.
    """

    kept: tuple[Segment, ...]

    @property
    def begin(self) -> LogPosition:
        """Before the oldest kept record."""
        first = self.kept[0].header
        return LogPosition(first.number, first.size)

    @property
    def end(self) -> LogPosition:
        """After the newest committed record."""
        last = self.kept[-1]
        return LogPosition(last.header.number, last.bytes)

    def segment_at(self, position: LogPosition) -> Segment:
        """The segment of a position.

        Raises:
            LogError: the position is not in this log, or no longer.
        """
        if position.segment < self.begin.segment:
            message = (
                f"segment {position.segment} is no longer kept, the oldest is "
                f"{self.begin.segment}: start anew from there"
            )
            raise LogError(message)
        if position.segment <= self.end.segment:
            segment = self.kept[position.segment - self.begin.segment]
            if segment.header.size <= position.byte <= segment.bytes:
                return segment
        message = (
            f"byte {position.byte} of segment {position.segment} is not in this log, which ends "
            f"at byte {self.end.byte} of segment {self.end.segment}: is it a position of another?"
        )
        raise LogError(message)


class Reader:
    """Reads segments; any thread may call it."""

    def __init__(self, identity: str) -> None:
        self._marker = marker_of(identity)
        self._domains: dict[bytes, str] = {}
        self._lock = threading.Lock()
        self._open: tuple[int, int] | None = None
        """Number and descriptor of the segment that was read last."""

    def read(
        self, view: View, position: LogPosition, limit: int, max_bytes: int
    ) -> tuple[list[LogRecord], LogPosition]:
        """As `EmbeddedLog.read`."""
        with self._lock:
            segment, byte = view.segment_at(position), position.byte
            records: list[LogRecord] = []
            while len(records) < limit and max_bytes > 0:
                left = segment.bytes - byte
                if not left:
                    following = LogPosition(segment.header.number + 1, segment.header.size)
                    if following.segment > view.end.segment:
                        break
                    segment, byte = view.segment_at(following), following.byte
                    continue
                size = min(left, max_bytes, _CHUNK, (limit - len(records)) * _BYTES_PER_RECORD)
                taken = self._take(segment, byte, size, limit - len(records), records)
                if not taken and not records:
                    taken = self._take_one(segment, byte, left, records)
                    if not taken:
                        raise self._damage(segment, byte, position)
                if not taken:
                    # Too big for what is left of the bounds, or bad: the next call looks closer.
                    break
                byte += taken
                max_bytes -= taken
            return records, LogPosition(segment.header.number, byte)

    def close(self) -> None:
        """Close the file that is open."""
        with self._lock:
            if self._open:
                os.close(self._open[1])
                self._open = None

    def _take(
        self, segment: Segment, byte: int, size: int, limit: int, records: list[LogRecord]
    ) -> int:
        """Append the records that lie whole in `size` bytes; returns the bytes taken."""
        if len(self._domains) > _MAX_DOMAINS:
            self._domains.clear()
        data = os.pread(self._descriptor(segment), size, byte)
        return parse(data, limit, self._marker, self._domains, records)

    def _take_one(self, segment: Segment, byte: int, left: int, records: list[LogRecord]) -> int:
        """Append one record of any size; returns the bytes taken, 0 if it is bad."""
        start = os.pread(self._descriptor(segment), min(left, 64), byte)
        need = wanted(start, 0, self._marker)
        return self._take(segment, byte, need, 1, records) if need <= left else 0

    def _damage(self, segment: Segment, byte: int, position: LogPosition) -> LogError:
        """Why no record starts at a byte: the log is damaged, or the caller's position is wrong."""
        if byte == position.byte and segment.header.number == position.segment:
            at, taken = segment.header.size, 1
            while at < byte and taken:
                taken = self._take(segment, at, min(_CHUNK, segment.bytes - at), _CHUNK, [])
                taken = taken or self._take_one(segment, at, segment.bytes - at, [])
                at += taken
            if at > byte:
                return LogError(
                    f"no record starts at byte {byte} of {segment.path}: is it a position of "
                    "another log?"
                )
            byte = at
        return LogCorrupt(
            f"{segment.path} is damaged at byte {byte}: restore the file from a copy, or move "
            "the log's directory away and ingest again"
        )

    def _descriptor(self, segment: Segment) -> int:
        if self._open and self._open[0] == segment.header.number:
            return self._open[1]
        if self._open:
            os.close(self._open[1])
            self._open = None
        try:
            descriptor = os.open(segment.path, os.O_RDONLY)
        except FileNotFoundError as error:
            message = f"{segment.path} is no longer kept: start anew from the oldest segment"
            raise LogError(message) from error
        self._open = (segment.header.number, descriptor)
        return descriptor
