"""A process number goes in; whether that very process still runs comes out."""

from __future__ import annotations

import contextlib
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_STARTED_FIELD = 19
"""Field 22 of /proc/PID/stat, counted after the name in brackets."""


@dataclass(frozen=True)
class Process:
    """A process that cannot be mistaken for a later one with the same number.

    Attributes:
        pid: process number.
        birth: when it was born, in the system's own words; empty if unknown.
    """

    pid: int
    birth: str

    @classmethod
    def of(cls, pid: int) -> Process:
        """The process that has this number now; without birth if there is none or it is dead."""
        return cls(pid, _birth(pid))

    def is_alive(self) -> bool:
        """True if this very process runs."""
        if not self.birth:
            return False
        with contextlib.suppress(ChildProcessError, OSError):
            os.waitpid(self.pid, os.WNOHANG)  # if it is our child and dead, let it go
        return _birth(self.pid) == self.birth


def _birth(pid: int) -> str:
    """Boot and start time on Linux; what ``ps`` says elsewhere. Zombies count as gone."""
    if not _BOOT.exists():
        ps = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
        said = subprocess.run(ps, capture_output=True, text=True, check=False).stdout.strip()
        state, _, start = said.partition(" ")
        return "" if state.startswith("Z") else start.strip()
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] in "ZX" else f"{_BOOT.read_text().strip()}/{fields[_STARTED_FIELD]}"
