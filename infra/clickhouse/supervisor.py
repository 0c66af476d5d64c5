"""A data directory goes in, a running server's address comes out; or the server is stopped.

``start`` is safe to call at any time from any number of processes: call it again when a connection
is refused. This module imports neither the engine nor the driver.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from infra.clickhouse import state as states
from infra.clickhouse.errors import EmbeddedServerError, NotReadyError
from infra.clickhouse.state import State
from infra.process import Process

_ROOT = Path(__file__).resolve().parents[2]
_GIB = 1 << 30
_PROBE_S = 5.0
_TOO_MANY_CLIENTS = b"\x02" + (202).to_bytes(4, "little")
_LOG_TAIL = 2000
_PORTS = range(1, 65536)


@dataclass(frozen=True)
class Server:
    """A running embedded server. Its text form hides the password."""

    host: str
    port: int
    user: str
    password: str
    database: str
    pid: int
    path: Path

    @property
    def url(self) -> str:
        """Address for ``clickhouse_driver.Client.from_url``; holds the password, do not log it."""
        return (
            f"clickhouse://{quote(self.user, safe='')}:{quote(self.password, safe='')}"
            f"@{self.host}:{self.port}/{quote(self.database, safe='')}"
        )

    def __repr__(self) -> str:
        """Without the password, so that a log line or a traceback cannot show it."""
        return f"Server({self.host}:{self.port}/{self.database}, pid={self.pid}, path={self.path})"


def start(
    data_dir: Path,
    *,
    port: int = 0,
    database: str = "goldpan",
    max_memory: int = 4 * _GIB,
    timeout_s: float = 30.0,
) -> Server:
    """Return the directory's server, starting it if it does not run.

    The server is in a session of its own: neither Ctrl-C nor the end of the caller ends it.

    Args:
        data_dir: created if missing; one server per directory.
        port: TCP port on loopback; 0 means the one used before, or any free one. A server that is
            already running keeps its port.
        database: created if missing.
        max_memory: bytes the engine may allocate.
        timeout_s: how long to wait until it answers.

    Raises:
        NotReadyError: it does not answer; trying again may help.
        EmbeddedServerError: the text says what is wrong and what to do.
    """
    if port != 0 and port not in _PORTS:
        msg = f"port {port} does not exist: choose 1 to 65535, or 0 for any free one"
        raise EmbeddedServerError(msg)
    deadline = time.monotonic() + timeout_s
    directory = _prepare(data_dir)
    with states.starting(directory, deadline):
        running = _await_running(directory, deadline)
        if running is None:
            _spawn(directory, port, database, max_memory, deadline)
            running = _answering(directory)
        if running is None:
            raise NotReadyError(_with_log(directory, "the server started but did not answer"))
    if running.database != database:
        msg = (
            f"the server of {directory} (process {running.pid}) runs with database "
            f"{running.database!r}, not {database!r}: stop it first, or use its database"
        )
        raise EmbeddedServerError(msg)
    return running


def status(data_dir: Path) -> Server | None:
    """The directory's server if it runs and answers with its password, else None."""
    directory = Path(data_dir).resolve()
    return _answering(directory) if directory.is_dir() else None


def stop(data_dir: Path, timeout_s: float = 15.0) -> bool:
    """Stop the directory's server: SIGTERM, and SIGKILL after the time-out.

    Queries that run get some seconds to finish. Nothing that was acknowledged is lost either way.

    Returns:
        False if no server ran.
    """
    directory = Path(data_dir).resolve()
    if not directory.is_dir():
        return False
    process = states.lock_holder(directory)
    if process is None:
        return False
    for number, patience in ((signal.SIGTERM, timeout_s), (signal.SIGKILL, 10.0)):
        try:
            os.kill(process.pid, number)
        except ProcessLookupError:
            return True
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if not process.is_alive():
                return True
            time.sleep(0.02)
    msg = f"process {process.pid} does not end, not even by SIGKILL: look at {directory}"
    raise EmbeddedServerError(msg)


def _prepare(data_dir: Path) -> Path:
    directory = Path(data_dir).resolve()
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        msg = f"cannot make the data directory {directory}: {error.strerror or error}"
        raise EmbeddedServerError(msg) from error
    if not os.access(directory, os.W_OK | os.X_OK):
        msg = f"cannot write to the data directory {directory}: change its owner or choose another"
        raise EmbeddedServerError(msg)
    return directory


def _await_running(directory: Path, deadline: float) -> Server | None:
    """The server if one runs; waits for one that is just starting or ending."""
    while True:
        server = _answering(directory)
        if server is not None:
            return server
        holder = states.lock_holder(directory)
        if holder is None:
            return None
        if time.monotonic() > deadline:
            msg = (
                f"the directory {directory} is in use by process {holder.pid}, which does not "
                f"answer: end it (kill {holder.pid}) or choose another directory"
            )
            raise NotReadyError(msg)
        time.sleep(0.05)


def _answering(directory: Path) -> Server | None:
    found = State.load(directory)
    if found is None or not found.process.is_alive() or not _probe(found):
        return None
    pid = found.process.pid
    return Server(
        found.host, found.port, found.user, found.password, found.database, pid, directory
    )


def _probe(found: State) -> bool:
    """Say Hello with the password; True if the answer is Hello, or that there are many others."""
    try:
        with socket.create_connection((found.host, found.port), timeout=_PROBE_S) as sock:
            sock.sendall(_hello(found))
            answer = sock.recv(5, socket.MSG_WAITALL)
            return answer[:1] == b"\x00" or answer == _TOO_MANY_CLIENTS
    except OSError:
        return False


def _hello(found: State) -> bytes:
    """A client's Hello: name, version 1.0, protocol revision 54453, database, user, password."""
    texts = [part.encode() for part in (found.database, found.user, found.password)]
    encoded = [bytes([len(text)]) + text for text in texts]
    return b"\x00\x05probe\x01\x00\xb5\xa9\x03" + b"".join(encoded)


def _spawn(directory: Path, port: int, database: str, max_memory: int, deadline: float) -> None:
    """Start the server process and wait for the one line it writes when it is ready or fails."""
    command = [
        sys.executable, "-m", "infra.clickhouse", "--path", str(directory), "--port", str(port),
        "--database", database, "--max-memory", str(max_memory), "--log-to-file",
    ]  # fmt: skip
    path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH", "")]))
    environment = os.environ | {"PYTHONPATH": path}
    reading, writing = os.pipe()
    log = os.open(
        states.paths(directory).log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600
    )
    try:
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, writing, 1),
            (os.POSIX_SPAWN_DUP2, log, 2),
        ]
        pid = os.posix_spawn(
            sys.executable, command, environment, file_actions=actions, setsid=True
        )
    finally:
        os.close(writing)
        os.close(log)
    try:
        said = _read_line(reading, deadline)
    finally:
        os.close(reading)
    _judge(directory, Process.of(pid), said)


def _judge(directory: Path, process: Process, said: str | None) -> None:
    """Raise unless the child said that it is ready."""
    if said is None:
        if process.is_alive():
            os.kill(process.pid, signal.SIGKILL)
        raise NotReadyError(_with_log(directory, "the server did not start in time"))
    try:
        answer = json.loads(said)
    except ValueError:
        answer = {}
    if "error" in answer:
        raise EmbeddedServerError(str(answer["error"]))
    if "port" not in answer:
        raise NotReadyError(_with_log(directory, "the server ended while it started"))


def _read_line(reading: int, deadline: float) -> str | None:
    """What the child writes up to the newline or its end; None at the deadline."""
    poller = select.poll()
    poller.register(reading, select.POLLIN)
    said = b""
    while not said.endswith(b"\n"):
        left = deadline - time.monotonic()
        if left <= 0 or not poller.poll(left * 1000):
            return None
        part = os.read(reading, 4096)
        if not part:
            break
        said += part
    return said.decode(errors="replace")


def _with_log(directory: Path, what: str) -> str:
    log = states.paths(directory).log
    try:
        tail = log.read_bytes()[-_LOG_TAIL:].decode(errors="replace").strip()
    except OSError:
        tail = ""
    return f"{what}; {log} ends with:\n{tail}" if tail else f"{what}; {log} is empty"
