"""What a data directory knows of its server: address, password, process, and who holds the lock.

server.json   address, password, process; mode 0600; stays after a stop, so that a restart
              keeps port and password and no client has to learn a new address
server.lock   locked by the server process for its life; its text names the process
start.lock    locked while somebody starts or stops, so that two starts give one server
server.log    what the server says
data/         the engine's files
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from infra.clickhouse.errors import EmbeddedServerError, NotReadyError
from infra.process import Process

HOST = "127.0.0.1"
USER = "default"
_DYING_S = 10.0


@dataclass(frozen=True)
class State:
    """The content of server.json."""

    port: int
    password: str
    database: str
    process: Process
    host: str = HOST
    user: str = USER

    @classmethod
    def load(cls, directory: Path) -> State | None:
        """Read it; None if there is none, or it is damaged: then a new one will be made."""
        try:
            raw = json.loads(paths(directory).state.read_text())
            process = Process(int(raw["process"]["pid"]), str(raw["process"]["birth"]))
            return cls(int(raw["port"]), str(raw["password"]), str(raw["database"]), process)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save(self, directory: Path) -> None:
        """Write it so that a reader sees the old or the new file, never a half."""
        number, name = tempfile.mkstemp(dir=directory, prefix=".server.json-")  # mode 0600
        try:
            with os.fdopen(number, "w") as file:
                json.dump(asdict(self), file)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(paths(directory).state)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


@dataclass(frozen=True)
class Paths:
    """The files of a data directory."""

    state: Path
    lock: Path
    start_lock: Path
    log: Path
    data: Path


def paths(directory: Path) -> Paths:
    """Name the files of a data directory."""
    return Paths(
        directory / "server.json",
        directory / "server.lock",
        directory / "start.lock",
        directory / "server.log",
        directory / "data",
    )


def new_password() -> str:
    """A password nobody can guess."""
    return secrets.token_urlsafe(24)


class HeldLock:
    """The lock a server process holds on its directory until it ends, however it ends.

    Raises:
        EmbeddedServerError: another process holds it; the text names it.
    """

    def __init__(self, directory: Path) -> None:
        path = paths(directory).lock
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + _DYING_S
        while not _try_lock(self._file):
            holder = lock_holder(directory)
            if holder is not None or time.monotonic() > deadline:
                os.close(self._file)
                raise EmbeddedServerError(_in_use(directory, holder))
            time.sleep(0.02)  # a killed process keeps its locks until its memory is given back
        process = Process.of(os.getpid())
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, json.dumps(asdict(process)).encode(), 0)


def _try_lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _in_use(directory: Path, holder: Process | None) -> str:
    if holder is None:
        return f"the directory {directory} is in use by another process: choose another directory"
    return (
        f"the directory {directory} is in use by process {holder.pid}: use that server, stop it "
        f"(kill {holder.pid}), or choose another directory"
    )


def lock_holder(directory: Path) -> Process | None:
    """The live server process of a directory, also while it starts or hangs; None if none."""
    try:
        file = os.open(paths(directory).lock, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return None
        raw = json.loads(os.pread(file, 4096, 0))
        process = Process(int(raw["pid"]), str(raw["birth"]))
    except (OSError, ValueError, KeyError):
        return None
    finally:
        os.close(file)
    return process if process.is_alive() else None


@contextlib.contextmanager
def starting(directory: Path, deadline: float) -> Iterator[None]:
    """Hold the right to start or stop the server of a directory.

    Raises:
        NotReadyError: somebody else held it until the deadline.
    """
    file = os.open(paths(directory).start_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while not _try_lock(file):
            if time.monotonic() > deadline:
                msg = f"another process has been starting the server of {directory} for too long"
                raise NotReadyError(msg)
            time.sleep(0.02)
        yield
    finally:
        os.close(file)
