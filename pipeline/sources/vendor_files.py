"""A file of a vendor's records flows in, the events that its adapter makes of them flow out."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Final

import msgspec

from pipeline.errors import InputError
from pipeline.sources.adapters import Adapter, Reading, Sender
from pipeline.sources.files import LineFile
from pipeline.sources.source import Counted, unreadable_row

MAX_WHOLE: Final = 64 << 20
"""Bytes of a file that is not one record a line; such a file must be held."""
DAY_MS: Final = 86_400_000


class VendorFile(Counted):
    """Records one a line, or a document that spans lines, as the vendor's tools write them."""

    allowed_lateness_ms = DAY_MS
    """A record is written when a contact ends, and tells of it from its beginning."""

    def __init__(self, path: Path, adapter: Adapter, sender: Sender) -> None:
        """Read `path` by `adapter`.

        Raises:
            InputError: there is no such file, or it cannot be opened.
        """
        self._file = LineFile(path)
        super().__init__(self._file)
        self.name = sender.source
        self._path = path
        self._adapter = adapter
        self._sender = sender

    def events(self) -> Iterator[bytes]:
        """Yield the events of every record; a record that cannot be read becomes a dead letter.

        Raises:
            InputError: the file breaks off, or is too large and not one record a line.
        """
        self.begin()
        for number, reading in enumerate(self._readings(), start=1):
            for event in reading.events:
                yield msgspec.json.encode(event)
            if reading.problem:
                problem = f"{reading.problem} ({self._path.name})"
                site, source = self._sender.site, self._sender.source
                yield unreadable_row(number, problem, reading.content, site=site, source=source)
            if reading.skipped:
                self.skipped[reading.skipped] += 1
            if reading.ignored:
                self.skipped["field that nobody reads"] += len(reading.ignored)

    def _readings(self) -> Iterator[Reading]:
        lines = (line for line in self._file.lines() if line.strip())
        first = next(lines, None)
        if first is None:
            return
        alone = list(self._adapter.read(first, self._sender))
        if any(reading.problem for reading in alone):
            yield from self._adapter.read(self._whole(chain((first,), lines)), self._sender)
            return
        yield from alone
        for line in lines:
            yield from self._adapter.read(line, self._sender)

    def _whole(self, lines: Iterator[bytes]) -> bytes:
        body = bytearray()
        for line in lines:
            body += line + b"\n"
            if len(body) > MAX_WHOLE:
                msg = (
                    f"{self._path} is not one record a line and larger than {MAX_WHOLE:,} bytes; "
                    "split it, or write one record a line"
                )
                raise InputError(msg)
        return bytes(body)
