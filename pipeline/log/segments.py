"""Segment files and their headers: a log's directory in, an ordered list of segments out.

A header is written to a temporary name, made safe, and renamed, so that a segment under its own
name has a whole header after any crash. It says how its predecessor ended: a segment that lost its
last frames is noticed at start, without reading it.
"""

from __future__ import annotations

import os
import re
import struct
import sys
from pathlib import Path
from typing import NamedTuple

from google_crc32c import value

from pipeline.errors import LogCorrupt, LogError

FORMAT = 1
NO_RECORDS = -(1 << 63)
"""The newest ingest time of a segment without records: earlier than any."""

_MAGIC = b"GOLDPAN\n"
_FIXED = struct.Struct("<8sHHQ32sQq")
_NAME = re.compile(r"(\d{12})\.log")
_TEMPORARY = "next.tmp"


class LogPosition(NamedTuple):
    """A place between two records: a segment's number and a byte in it. Ordered as the log is."""

    segment: int
    byte: int


class SegmentHeader(NamedTuple):
    """What a segment says of itself and of the one before it.

    `identity` is 32 hexadecimal digits, the same in all segments of a log. `first_offsets` has,
    per shard, the offset of its next record. `previous_bytes` and `previous_newest_ms` are the
    size and the newest ingest time of the segment before; 0 and `NO_RECORDS` in the first.
    """

    identity: str
    number: int
    first_offsets: tuple[int, ...]
    previous_bytes: int
    previous_newest_ms: int

    @property
    def size(self) -> int:
        """Bytes of the header, which is where the first frame starts."""
        return header_bytes(len(self.first_offsets))

    def encode(self) -> bytes:
        """The header as it is written."""
        shards = len(self.first_offsets)
        body = _FIXED.pack(
            _MAGIC,
            FORMAT,
            shards,
            self.number,
            self.identity.encode("ascii"),
            self.previous_bytes,
            self.previous_newest_ms,
        ) + struct.pack(f"<{shards}Q", *self.first_offsets)
        return body + struct.pack("<I", value(body))


class Segment(NamedTuple):
    """One segment file. `bytes` is its size up to the last commit."""

    path: Path
    header: SegmentHeader
    bytes: int
    newest_ms: int


def header_bytes(shards: int) -> int:
    """Bytes of a segment header in a log of so many shards."""
    return _FIXED.size + 8 * shards + 4


def read_header(path: Path, shards: int) -> SegmentHeader | None:
    """The header of a segment file; None where the file is too short to hold one.

    Args:
        path: of the segment.
        shards: of the log. What a short file says of itself cannot be believed: a flipped bit in
            it would make a full segment look like an empty one.

    Raises:
        LogCorrupt: the header fails its checksum.
        LogError: it is of a format that this version does not know.
    """
    with path.open("rb") as file:
        content = file.read(header_bytes(0xFFFF))
    if len(content) < _FIXED.size:
        return None
    magic, version, found, number, identity, previous, newest_ms = _FIXED.unpack_from(content)
    if magic == _MAGIC and version != FORMAT:
        message = f"{path} has log format {version}, this version reads {FORMAT}: use a newer one"
        raise LogError(message)
    body, crc = content[: header_bytes(found) - 4], content[header_bytes(found) - 4 :][:4]
    if magic != _MAGIC or crc != struct.pack("<I", value(body)):
        if len(content) < header_bytes(shards):
            return None
        message = (
            f"{path} fails its checksum in the header, at byte 0: restore the file from a copy, "
            "or move the log's directory away and ingest again"
        )
        raise LogCorrupt(message)
    offsets = struct.unpack_from(f"<{found}Q", body, _FIXED.size)
    return SegmentHeader(identity.decode("ascii"), number, offsets, previous, newest_ms)


def segment_path(directory: Path, number: int) -> Path:
    """The file of a segment."""
    return directory / f"{number:012d}.log"


def segment_numbers(directory: Path) -> list[int]:
    """The numbers of the segment files in a directory, in order."""
    matches = (_NAME.fullmatch(entry.name) for entry in directory.iterdir())
    return sorted(int(match[1]) for match in matches if match)


def prepare_segment(directory: Path, header: SegmentHeader) -> None:
    """Write a header under a temporary name and make it safe; a full disk shows here.

    Raises:
        OSError: as the disk answers; the log is as it was, but for the temporary file.
    """
    with (directory / _TEMPORARY).open("wb") as file:
        file.write(header.encode())
        file.flush()
        os.fsync(file.fileno())


def publish_segment(directory: Path, number: int) -> Path:
    """Give the prepared segment its name; after return it survives a power cut.

    Raises:
        OSError: it is unknown whether the segment exists, so nothing more may be written.
    """
    path = segment_path(directory, number)
    (directory / _TEMPORARY).rename(path)
    sync_directory(directory)
    return path


def drop_temporary(directory: Path) -> None:
    """Remove a prepared segment that was never published."""
    (directory / _TEMPORARY).unlink(missing_ok=True)


def sync_directory(directory: Path) -> None:
    """Make creations, renames and deletions in a directory survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_data(descriptor: int) -> None:
    """Make the bytes of a file, and its length, survive a power cut."""
    if sys.platform == "darwin":
        os.fsync(descriptor)
    else:
        os.fdatasync(descriptor)
