"""A path flows in, bounded lines of bytes flow out: plain or gzip, whole or cut short."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import Final

from pipeline.errors import InputError

MAX_LINE: Final = 8 << 20
"""Bytes of a line that are kept; eight times what an event may have, so the rest is lost anyway."""
_CHUNK: Final = 1 << 16
_GZIP_MAGIC: Final = b"\x1f\x8b"
_BOM: Final = b"\xef\xbb\xbf"
_ENDS_EARLY: Final = b"\0ends early\0"


class LineFile:
    """One text file, read line by line with bounded memory."""

    def __init__(self, path: Path, max_line: int = MAX_LINE) -> None:
        """Look at the path; nothing stays open until `lines` is read.

        Raises:
            InputError: there is no such file, or it cannot be opened.
        """
        self.path = path
        self.max_line = max_line
        self.lines_read = 0
        self.lines_cut = 0
        """Lines longer than `max_line`, of which only the beginning was kept."""
        self.had_bom = False
        self.size = 0
        """Bytes on disk; 0 where nobody can know, as for a pipe."""
        self._file: BufferedReader | None = None
        self._position = 0
        if path.is_dir():
            msg = f"{path} is a directory; name one file in it."
            raise InputError(msg)
        try:
            self.size = path.stat().st_size
        except OSError as error:
            raise _cannot_open(path, error) from error

    @property
    def position(self) -> int:
        """Bytes on disk that have been read, to be compared with `size`."""
        if self._file is not None and not self._file.closed:
            self._position = self._file.tell() if self._file.seekable() else 0
        return self._position

    def lines(self) -> Iterator[bytes]:
        """Yield each line without its end.

        A last line without an end counts, except where a gzip file breaks off: half a row could
        pass for a whole one.

        Raises:
            InputError: the file breaks off or is damaged, after all its readable lines.
        """
        self.lines_read = self.lines_cut = 0
        pending = bytearray()
        try:
            for chunk in self.chunks():
                *ended, rest = chunk.split(b"\n")
                for piece in ended:
                    yield self._line(pending, piece)
                # Beyond max_line there is nothing to keep but the fact that it was longer.
                if len(pending) <= self.max_line:
                    pending += rest
        except EOFError as error:
            msg = (
                f"{self.path} ends early: {self.lines_read:,} lines were read and kept, the rest "
                "is missing; copy or download it again, then read it again (nothing counts twice)."
            )
            raise InputError(msg) from error
        except (OSError, zlib.error) as error:
            msg = (
                f"{self.path} is damaged ({error}): {self.lines_read:,} lines were read and kept; "
                "copy or download it again, then read it again (nothing counts twice)."
            )
            raise InputError(msg) from error
        if pending:
            yield self._line(pending, b"")

    def chunks(self) -> Iterator[bytes]:
        """Yield the decompressed content as it is; what breaks raises as Python's gzip does."""
        try:
            file = self.path.open("rb")
        except OSError as error:
            raise _cannot_open(self.path, error) from error
        with file:
            self._file = file
            content: BufferedReader | gzip.GzipFile = file
            if file.peek(len(_GZIP_MAGIC)).startswith(_GZIP_MAGIC):
                content = gzip.GzipFile(fileobj=file)
            # read1 hands out what is there before a broken end raises; read would lose it.
            while chunk := content.read1(_CHUNK):
                yield chunk
            self._position = self.position

    def _line(self, pending: bytearray, piece: bytes) -> bytes:
        """End a line: what earlier chunks left of it, and its last piece."""
        line = bytes(pending) + piece if pending else piece
        pending.clear()
        if self.lines_read == 0 and line.startswith(_BOM):
            self.had_bom, line = True, line[len(_BOM) :]
        self.lines_read += 1
        if len(line) > self.max_line:
            self.lines_cut += 1
            return line[: self.max_line]
        return line[:-1] if line.endswith(b"\r") else line


def content_digest(path: Path) -> str:
    """Name a file by what it says: SHA-256 of its content, the same packed or not.

    A file that breaks off is named by what can be read of it and the fact that it breaks off.

    Raises:
        InputError: there is no such file, or it cannot be opened.
    """
    digest = hashlib.sha256()
    try:
        for chunk in LineFile(path).chunks():
            digest.update(chunk)
    except (EOFError, OSError, zlib.error):
        digest.update(_ENDS_EARLY)
    return digest.hexdigest()


def _cannot_open(path: Path, error: OSError) -> InputError:
    match error:
        case FileNotFoundError():
            return InputError(f"{path} does not exist; check the path.")
        case PermissionError():
            return InputError(f"{path} may not be read by this user; change its permissions.")
    return InputError(f"{path} cannot be opened: {error.strerror or error}; check the path.")
