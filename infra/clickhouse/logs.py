"""Log records go in, lines in a file of bounded size come out, with the engine's last words.

What the engine's native code prints when it crashes goes to descriptor 2, so that descriptor
follows the log file when it is rotated.
"""

from __future__ import annotations

import io
import logging
import os
import sys
import time
from logging.handlers import RotatingFileHandler
from pathlib import Path

_BYTES = 1 << 20
_FILES = 3
_FORMAT = "%(asctime)sZ %(levelname)s %(name)s: %(message)s"


class _WithStderr(RotatingFileHandler):
    def _open(self) -> io.TextIOWrapper:
        stream = super()._open()
        os.dup2(stream.fileno(), 2)
        return stream


def set_up(file: Path | None) -> None:
    """Log to ``file`` (1 MB, three old ones kept) or, without one, to standard error."""
    handler: logging.Handler = logging.StreamHandler(sys.stderr)
    if file is not None:
        file.touch(mode=0o600)
        handler = _WithStderr(file, maxBytes=_BYTES, backupCount=_FILES)
    formatter = logging.Formatter(_FORMAT)
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.INFO, handlers=[handler])
