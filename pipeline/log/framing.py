"""Records in, frames of bytes out, and back: the unit that the log writes and checks.

    marker  u32   the log's own, from its identity: where a search for frames may stop
    crc     u32   CRC32C, seeded with the marker, of all that follows
    length  u32   bytes after the crc
    back    u32   bytes from the start of the group commit to this frame
    shard   u16   offset u64   kind u8   ingest_ms i64   domain length u16   subject length u16
    domain, subject (UTF-8), payload

Little endian. The marker and the seed depend on the log, so a payload that carries frames of a log
is never taken for frames. `back` tells a torn group from damage: see `recovery`.
"""

from __future__ import annotations

import struct
from struct import Struct

from google_crc32c import extend, value

from pipeline.errors import LogError
from schemas.records import LogRecord, RecordKind

MAX_PAYLOAD = 256 << 20
"""No payload may be larger, whatever a log is opened with: bytes."""
MAX_NAME = 0xFFFF
"""A subject or a domain may have this many bytes of UTF-8."""

_PREFIX = Struct("<II")
_CHECKED = Struct("<IIHQBqHH")
_FRAME = Struct("<IIIIHQBqHH")
_BEFORE_CHECKED = _PREFIX.size
_CHECKED_BYTES = _CHECKED.size
FRAME_BYTES = _FRAME.size
"""What a frame adds to its domain, subject and payload."""
_LARGEST = FRAME_BYTES + 2 * MAX_NAME + MAX_PAYLOAD

_KINDS: tuple[RecordKind | None, ...] = tuple(
    RecordKind(number) if number in set(RecordKind) else None for number in range(256)
)


def marker_of(identity: str) -> int:
    """The marker of a log: from its identity, so no source can know or write it.

    >>> hex(marker_of("123456789"))  # the check value of CRC32C, RFC 3720
    '0xe3069283'
    """
    return int(value(identity.encode("ascii")))


def encode_name(name: str, what: str) -> bytes:
    """The bytes of a subject or domain; lone surrogates survive, as they do in Python's JSON.

    Raises:
        LogError: it is longer than `MAX_NAME` bytes.
    """
    encoded = name.encode("utf-8", "surrogatepass")
    if len(encoded) > MAX_NAME:
        message = f"the {what} has {len(encoded)} bytes; a log record takes {MAX_NAME}"
        raise LogError(message)
    return encoded


def frame(
    marker: int, head: tuple[int, ...], domain: bytes, subject: bytes, payload: bytes
) -> bytes:
    """One record as it is written; `head` is back, shard, offset, kind and ingest_ms."""
    checked = (
        _CHECKED.pack(
            _CHECKED_BYTES + len(domain) + len(subject) + len(payload),
            *head,
            len(domain),
            len(subject),
        )
        + domain
        + subject
        + payload
    )
    return _PREFIX.pack(marker, extend(marker, checked)) + checked


def parse(
    data: bytes,
    limit: int,
    marker: int,
    domains: dict[bytes, str],
    records: list[LogRecord],
) -> int:
    """Append up to `limit` records from the start of `data`.

    Args:
        data: bytes of one segment, from where a frame starts.
        limit: how many records to take at most.
        marker: the log's.
        domains: names seen so far, so that a million records share one string.
        records: where they go.

    Returns:
        The byte after the last one taken: the end of `data`, or of the limit, or the place of a
        frame that is cut off or bad; `wanted` tells those apart.
    """
    # One unpack and one slice per frame: this loop is the speed of every start and replay.
    unpack, size, kinds, make = _FRAME.unpack_from, len(data), _KINDS, tuple.__new__
    at, last_start = 0, size - FRAME_BYTES
    for _ in range(limit):
        if at > last_start:
            break
        found, crc, length, _back, shard, offset, kind, ingest_ms, domain_size, subject_size = (
            unpack(data, at)
        )
        start = at + _BEFORE_CHECKED
        end = start + length
        if found != marker or end > size or extend(marker, data[start:end]) != crc:
            break
        known = kinds[kind]
        subject_at = at + FRAME_BYTES + domain_size
        payload_at = subject_at + subject_size
        if known is None or payload_at > end:
            break
        name = data[subject_at - domain_size : subject_at]
        domain = domains.get(name)
        if domain is None:
            domain = domains[name] = name.decode("utf-8", "surrogatepass")
        subject = data[subject_at:payload_at]
        records.append(
            make(
                LogRecord,
                (
                    shard,
                    offset,
                    known,
                    ingest_ms,
                    domain,
                    # The plain codec is twice as fast, and ASCII is nearly every subject.
                    subject.decode()
                    if subject.isascii()
                    else subject.decode("utf-8", "surrogatepass"),
                    data[payload_at:end],
                ),
            )
        )
        at = end
    return at


def wanted(data: bytes, at: int, marker: int) -> int:
    """How many bytes from `at` are needed to judge the frame there; 0 if no frame starts there."""
    if len(data) - at < FRAME_BYTES:
        return FRAME_BYTES
    found, _crc, length = struct.unpack_from("<III", data, at)
    if found != marker or not _CHECKED_BYTES <= length <= _LARGEST:
        return 0
    return _BEFORE_CHECKED + int(length)


def later_group(data: bytes, bad: int, marker: int) -> int | None:
    """Where, after a bad place, a whole frame of a later group commit starts, if there is one.

    A group is written only after the one before it is safe on the disk. So such a frame proves
    that the bad place was whole once: damage. Whole frames of the same group prove nothing,
    because a disk may write the pages of one unfinished group in any order.

    Args:
        data: all bytes of a segment.
        bad: a byte in it where a frame should start and none does.
        marker: the log's.
    """
    sought = marker.to_bytes(4, "little")
    at = data.find(sought, bad + 1)
    while at >= 0:
        need = wanted(data, at, marker)
        if need and at + need <= len(data):
            crc, _length, back = struct.unpack_from("<III", data, at + 4)
            if extend(marker, data[at + _BEFORE_CHECKED : at + need]) == crc and at - back > bad:
                return at
        at = data.find(sought, at + 1)
    return None
