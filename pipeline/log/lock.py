"""A directory in, exclusive possession of it out, for as long as the process lives."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from pipeline.errors import LogInUse


class DirectoryLock:
    """An `flock` on a file in a directory: the kernel lets go of it however the process ends."""

    def __init__(self, directory: Path) -> None:
        """Take the lock.

        Raises:
            LogInUse: another process, or another part of this one, holds it.
            OSError: the lock file cannot be made.
        """
        descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
            os.close(descriptor)
            message = (
                f"{directory} is in use by process {holder or '(starting)'}: "
                "stop that process, and run this again"
            )
            raise LogInUse(message) from error
        self._descriptor = descriptor
        self.released = False
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)

    def release(self) -> None:
        """Let go. The file stays: removing it would let two processes lock two files."""
        os.close(self._descriptor)
        self.released = True
