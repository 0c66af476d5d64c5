"""A log's directory in, what it safely holds out: after a clean stop, a kill or a power cut.

Only the last segment can end in an unfinished group, because a segment is begun after all before it
is safe. The unfinished end is cut off: nobody was told that it was kept. Anything else that is
not whole is damage, and no guess is made about it.

Damage inside the very last group looks the same as a group that was never finished, and is cut.
"""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from pipeline.errors import LogCorrupt, LogError
from pipeline.log.framing import later_group, marker_of, parse, wanted
from pipeline.log.segments import (
    NO_RECORDS,
    Segment,
    SegmentHeader,
    drop_temporary,
    read_header,
    segment_numbers,
    segment_path,
    sync_data,
    sync_directory,
)
from schemas.records import LogRecord

_CHUNK = 8 << 20
_REMEDY = "restore it from a copy, or move the log's directory away and ingest again"


class Recovered(NamedTuple):
    """What a directory holds. No segments: a log is to be made. `cut` is in bytes."""

    segments: tuple[Segment, ...]
    next_offsets: tuple[int, ...]
    cut: int


def recover(directory: Path, shards: int) -> Recovered:
    """Check a log, cut off an unfinished end, and make what is left safe on the disk.

    Args:
        directory: of the log, held by this process alone.
        shards: as many as the log was made with.

    Raises:
        LogCorrupt: damage that is not an unfinished end; the message names file and byte.
        LogError: another number of shards, or a format of a later version.
        OSError: as the disk answers.
    """
    drop_temporary(directory)
    headers, cut = _headers(directory, shards)
    if not headers:
        return Recovered((), (0,) * shards, cut)
    segments = []
    for header, following in pairwise(headers):
        path = segment_path(directory, header.number)
        size = path.stat().st_size
        if size != following.previous_bytes:
            message = (
                f"{path} has {size} bytes where the segment after it was begun at byte "
                f"{following.previous_bytes}: {_REMEDY}"
            )
            raise LogCorrupt(message)
        segments.append(Segment(path, header, size, following.previous_newest_ms))
    last, next_offsets, more = _recover_last(
        segment_path(directory, headers[-1].number), headers[-1]
    )
    return Recovered((*segments, last), next_offsets, cut + more)


def _headers(directory: Path, shards: int) -> tuple[list[SegmentHeader], int]:
    """The headers of all segments, in order, and how many bytes of a headless last one went."""
    numbers = segment_numbers(directory)
    headers: list[SegmentHeader] = []
    for number in numbers:
        path = segment_path(directory, number)
        if number != numbers[0] + len(headers):
            message = f"{segment_path(directory, number - 1)} is missing: {_REMEDY}"
            raise LogCorrupt(message)
        header = read_header(path, shards)
        if header is None:
            # Our own headers are whole before they have a name; a file system that lost the bytes
            # of a new file may still leave it short. It held nothing if nothing follows it.
            if number == numbers[-1] and (headers or number == 1):
                size = path.stat().st_size
                path.unlink()
                sync_directory(directory)
                return headers, size
            message = f"{path} ends inside its header, at byte {path.stat().st_size}: {_REMEDY}"
            raise LogCorrupt(message)
        if len(header.first_offsets) != shards:
            message = (
                f"the log in {directory} has {len(header.first_offsets)} shards and was opened "
                f"with {shards}: the number is fixed when a log is made"
            )
            raise LogError(message)
        if header.number != number or header.identity != (headers or [header])[0].identity:
            message = f"{path} is segment {header.number} of log {header.identity}: {_REMEDY}"
            raise LogCorrupt(message)
        headers.append(header)
    return headers, 0


def _recover_last(path: Path, header: SegmentHeader) -> tuple[Segment, tuple[int, ...], int]:
    """The last segment after its unfinished end is cut off, the next offsets, and bytes cut."""
    marker = marker_of(header.identity)
    expected = list(header.first_offsets)
    newest_ms = NO_RECORDS
    domains: dict[bytes, str] = {}
    descriptor = os.open(path, os.O_RDWR)
    try:
        size = os.fstat(descriptor).st_size
        at, chunk = header.size, _CHUNK
        while at < size:
            data = os.pread(descriptor, chunk, at)
            records: list[LogRecord] = []
            taken = parse(data, len(data), marker, domains, records)
            for index, record in enumerate(records):
                if record.shard >= len(expected) or record.offset != expected[record.shard]:
                    bad = at + parse(data, index, marker, domains, [])
                    message = (
                        f"{path} skips records of shard {record.shard} at byte {bad}: {_REMEDY}"
                    )
                    raise LogCorrupt(message)
                expected[record.shard] += 1
                newest_ms = max(newest_ms, record.ingest_ms)
            at += taken
            if not taken:
                need = wanted(data, 0, marker)
                if not len(data) < need <= size - at:
                    break
                chunk = max(chunk, need)
        if at < size:
            _refuse_damage(path, os.pread(descriptor, size - at, at), at, marker)
            os.ftruncate(descriptor, at)
        # After a kill, whole frames may be in memory only; a reader must not see what a power cut
        # could still take away.
        sync_data(descriptor)
    finally:
        os.close(descriptor)
    return Segment(path, header, at, newest_ms), tuple(expected), size - at


def _refuse_damage(path: Path, tail: bytes, at: int, marker: int) -> None:
    """Raise if what follows a bad place proves that it was whole once."""
    later = later_group(tail, 0, marker)
    if later is not None:
        message = (
            f"{path} is damaged at byte {at}: a later group of records is whole at byte "
            f"{at + later}; {_REMEDY}"
        )
        raise LogCorrupt(message)
