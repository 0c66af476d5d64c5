"""A log file that grows flows in, whole lines and how far they reach flow out, as `tail -F` reads.

Whoever follows keeps the position of what is safe, and goes on from there after a restart. Nothing
waits here: where there is no whole line yet, None comes out, and the caller decides how long to
wait. Reading a line twice is harmless, for its event has the same id; losing one is not.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from pipeline.errors import InputError

MAX_BATCH: Final = 1 << 20
"""Bytes of one batch; a line that is longer is cut into several."""
_REMEMBERED: Final = 64
_PACKED: Final = (".gz", ".bz2", ".xz", ".zst")
"""What a rotation packs is not looked into; take such a file in with `goldpan ingest`."""


class Position(NamedTuple):
    """How far a file was read: which file, how many bytes, and what stands before them.

    `before` is a digest of the last bytes that were read: a file that was emptied and has grown
    past the offset again is another file.
    """

    inode: int
    offset: int
    before: str


class Batch(NamedTuple):
    """Whole lines, and the position behind them."""

    lines: bytes
    position: Position


def beginning(path: Path) -> Position | None:
    """Before the first byte of the file that has this name now; None where there is none.

    Whoever keeps it before reading finds the file again if it is renamed before its first batch is
    safe.

    Raises:
        InputError: the path cannot be looked at.
    """
    inode = _inode_of(path)
    return None if inode is None else Position(inode, 0, _digest(b""))


def follow(path: Path, position: Position | None = None) -> Iterator[Batch | None]:
    """Yield what is there from `position` on, and None whenever that is all for now; never ends.

    A file that was renamed is read to its end before the one that took its name, also where that
    happened between two runs. A file that was emptied is read from its beginning. A last line
    without an end waits for it, unless its file was renamed and has a successor.

    Args:
        path: the file, which need not be there yet.
        position: of the last batch that is safe; None to begin at the beginning.

    Raises:
        InputError: the file cannot be read.
    """
    for older, start in _missed(path, position):
        with _opened(older) as file:
            yield from _lines(file, start, path, last=True)
    start = position
    while True:
        try:
            file = _opened(path)
        except FileNotFoundError:
            yield None  # not there yet, or renamed and without a successor
            continue
        with file:
            yield from _lines(file, start, path, last=False)
        start = None


def _lines(
    file: BinaryIO, start: Position | None, path: Path, *, last: bool
) -> Iterator[Batch | None]:
    """Read one file until it has a successor, or to its end where it has one already."""
    inode = os.fstat(file.fileno()).st_ino
    offset, before = 0, _before(file, 0)
    if start is not None and start.inode == inode:
        offset, before = start.offset, start.before
    while True:
        # Asked before reading: what was written until then is read below, and nothing comes after.
        replaced = last or _inode_of(path) not in (inode, None)
        if os.fstat(file.fileno()).st_size < offset or _before(file, offset) != before:
            offset, before = 0, _before(file, 0)
        file.seek(offset)
        chunk = file.read(MAX_BATCH)
        end = chunk.rfind(b"\n") + 1
        if len(chunk) == MAX_BATCH or replaced:
            end = end or len(chunk)
        if end:
            offset += end
            before = _before(file, offset)
            yield Batch(chunk[:end], Position(inode, offset, before))
        elif replaced:
            return
        else:
            yield None


def _missed(path: Path, position: Position | None) -> Iterator[tuple[Path, Position | None]]:
    """The renamed files that were not read to their end, oldest first, and from where on."""
    if position is None or _is_at(path, position):
        return
    try:
        renamed = sorted(
            path.parent.glob(f"{path.name}?*"), key=lambda other: other.stat().st_mtime
        )
    except OSError:
        return  # renamed again meanwhile; the next run sees it
    found = False
    for other in renamed:
        if not found and _is_at(other, position):
            found = True
            yield other, position
        elif found:
            yield other, None


def _is_at(path: Path, position: Position) -> bool:
    """Whether this is the file that the position is about, grown or not."""
    if _inode_of(path) != position.inode:
        return False
    with _opened(path) as file:
        return (
            os.fstat(file.fileno()).st_size >= position.offset
            and _before(file, position.offset) == position.before
        )


def _before(file: BinaryIO, offset: int) -> str:
    start = max(0, offset - _REMEMBERED)
    file.seek(start)
    return _digest(file.read(offset - start))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _inode_of(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None
    except OSError as error:
        msg = f"{path} cannot be looked at: {error.strerror}; check the path and its permissions"
        raise InputError(msg) from error


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb", buffering=0)
    except FileNotFoundError:
        raise
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}; check the path and its permissions"
        raise InputError(msg) from error
