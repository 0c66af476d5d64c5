"""Groups of frames in, segments that are safe on the disk out; begins new segments as they fill."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from pipeline.errors import LogError, LogFull
from pipeline.log.segments import (
    NO_RECORDS,
    Segment,
    SegmentHeader,
    drop_temporary,
    prepare_segment,
    publish_segment,
    sync_data,
)

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""What the system says when there is no room: on the disk, in the quota, under the file limit."""


class SegmentWriter:
    """Writes to the end of a log. One thread at a time."""

    def __init__(self, directory: Path, current: Segment, segment_bytes: int) -> None:
        self.unusable = ""
        """Why nothing can be written any more, once that is so."""
        self._directory = directory
        self._segment_bytes = segment_bytes
        self._current = current
        self._finished: list[Segment] = []
        self._file = os.open(current.path, os.O_WRONLY)

    def write(
        self, group: bytes, first_offsets: tuple[int, ...], newest_ms: int
    ) -> tuple[Segment, ...]:
        """Write a group and flush it to the disk.

        Args:
            group: whole frames.
            first_offsets: per shard, the offset of its next record before the group.
            newest_ms: the newest ingest time in the group.

        Returns:
            The segments that take the place of the last one; the last of them is the current one.

        Raises:
            LogFull: no space; nothing of the group is kept.
            LogError: the disk failed; the group may be kept or not, and `unusable` says why.
        """
        self.check()
        current = self._current
        if current.bytes > current.header.size and current.bytes + len(group) > self._segment_bytes:
            current = self._next_segment(first_offsets)
        try:
            _write(self._file, group, current.bytes)
        except OSError as error:
            self._undo(error)
        with self._fatal():
            sync_data(self._file)
        self._current = current._replace(
            bytes=current.bytes + len(group), newest_ms=max(current.newest_ms, newest_ms)
        )
        written = (*self._finished, self._current)
        self._finished.clear()
        return written

    def check(self) -> None:
        """Raise a LogError if nothing can be written any more."""
        if self.unusable:
            raise LogError(self.unusable)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _next_segment(self, first_offsets: tuple[int, ...]) -> Segment:
        last = self._current
        header = SegmentHeader(
            last.header.identity,
            last.header.number + 1,
            first_offsets,
            last.bytes,
            last.newest_ms,
        )
        try:
            prepare_segment(self._directory, header)
        except OSError as error:
            self._undo(error)
        with self._fatal():
            path = publish_segment(self._directory, header.number)
            file = os.open(path, os.O_WRONLY)
            os.close(self._file)
        self._file = file
        self._finished.append(last)
        self._current = Segment(path, header, header.size, NO_RECORDS)
        return self._current

    def _undo(self, error: OSError) -> NoReturn:
        """Take the group back if the disk is full; any other error is fatal."""
        with self._fatal():
            if error.errno not in FULL:
                raise error
            drop_temporary(self._directory)
            os.ftruncate(self._file, self._current.bytes)
            # Or else frames of this group could come back behind those of the next one.
            sync_data(self._file)
        message = (
            f"no space for the log in {self._directory} ({error.strerror}): nothing since the last "
            "commit was kept; make room and offer it again"
        )
        raise LogFull(message) from error

    @contextmanager
    def _fatal(self) -> Iterator[None]:
        """Write no more if the disk fails inside: what a failed flush has kept is unknown."""
        try:
            yield
        except OSError as error:
            self.unusable = (
                f"the disk of the log in {self._directory} failed ({error.strerror}): check the "
                "disk and start again; everything that was committed is kept"
            )
            raise LogError(self.unusable) from error


def _write(descriptor: int, data: bytes, at: int) -> None:
    """Write all of it; a disk that fills up takes a part first."""
    rest = memoryview(data)
    while rest:
        written = os.pwrite(descriptor, rest, at)
        rest, at = rest[written:], at + written
