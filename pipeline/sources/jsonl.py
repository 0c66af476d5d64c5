"""A file of JSON lines flows in, its lines flow out as they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pipeline.sources.files import MAX_LINE, LineFile
from pipeline.sources.source import Counted

HOUR_MS: Final = 3_600_000


class JsonLines(Counted):
    """One event per line. Bad lines go through too: decode keeps them as dead letters."""

    name = "jsonl"

    def __init__(
        self, path: Path, allowed_lateness_ms: int = HOUR_MS, max_line: int = MAX_LINE
    ) -> None:
        """Read `path`, whose events may lie up to `allowed_lateness_ms` behind earlier lines.

        Raises:
            InputError: there is no such file, or it cannot be opened.
        """
        self._file = LineFile(path, max_line)
        super().__init__(self._file)
        self.allowed_lateness_ms = allowed_lateness_ms

    def events(self) -> Iterator[bytes]:
        """Yield every line that is not blank.

        Raises:
            InputError: the file breaks off; the lines before it were yielded.
        """
        self.begin()
        try:
            for line in self._file.lines():
                if not line or line.isspace():
                    self.skipped["blank line"] += 1
                else:
                    yield line
        finally:
            if self._file.had_bom:
                self.repairs["byte order mark dropped"] = 1
            if self._file.lines_cut:
                self.repairs["overlong line cut"] = self._file.lines_cut
