"""A data directory goes in, a running broker's address comes out; or the broker is stopped.

`start` is safe to call at any time from any number of processes. The broker is in a session of its
own: neither Ctrl-C nor the end of the caller ends it.
"""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
import signal
import socket
import subprocess
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from infra.kafka.errors import BrokerError
from infra.kafka.jars import jars, java
from infra.kafka.metadata import answers
from infra.kafka.properties import HOST, USER, server_properties
from infra.kafka.state import State, alone, write_private
from infra.ports import any_port
from infra.process import Process

_PROBE_S = 5.0
_LOG_TAIL = 2000
_PORTS = range(65536)


@dataclass(frozen=True)
class Broker:
    """A running broker; `sasl_port` is for clients that log in as `user`."""

    host: str
    port: int
    sasl_port: int
    user: str
    password: str
    pid: int
    path: Path

    @property
    def address(self) -> str:
        """As clients take it: host:port."""
        return f"{self.host}:{self.port}"

    def __repr__(self) -> str:
        """Without the password, so that a log line or a traceback cannot show it."""
        return f"Broker({self.address}, pid={self.pid}, path={self.path})"


def start(data_dir: Path, *, port: int = 0, heap_mb: int = 256, timeout_s: float = 90.0) -> Broker:
    """Return the directory's broker, starting it if it does not run.

    Args:
        data_dir: created if missing; one broker per directory.
        port: TCP port on loopback; 0 means the one used before, or any free one. A broker that is
            already running keeps its port.
        heap_mb: what Java may use for objects, in MiB.
        timeout_s: how long to wait until it answers, the fetching of jars not counted.

    Raises:
        BrokerError: the text says what is wrong and what to do.
    """
    if port not in _PORTS:
        msg = f"port {port} does not exist: choose 1 to 65535, or 0 for any free one"
        raise BrokerError(msg)
    directory = data_dir.resolve()
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        msg = f"cannot make the data directory {directory}: {error.strerror or error}"
        raise BrokerError(msg) from error
    runtime = java(), jars()
    deadline = time.monotonic() + timeout_s
    with alone(directory, deadline):
        state = State.load(directory)
        if state is None or not state.process.is_alive():
            state = _spawn(directory, state, port, heap_mb, runtime)
        return _await_answer(directory, state, deadline)


def status(data_dir: Path) -> Broker | None:
    """The directory's broker if it runs and answers, else None."""
    directory = data_dir.resolve()
    state = State.load(directory)
    if state is None or not state.process.is_alive() or not _answers(state):
        return None
    return _broker(directory, state)


def stop(data_dir: Path, timeout_s: float = 30.0) -> bool:
    """Stop the directory's broker: SIGTERM, and SIGKILL after the time-out.

    Returns:
        False if no broker ran.

    Raises:
        BrokerError: it does not end.
    """
    directory = data_dir.resolve()
    if not directory.is_dir():
        return False
    with alone(directory, time.monotonic() + timeout_s):
        state = State.load(directory)
        if state is None or not state.process.is_alive():
            return False
        for number, patience in ((signal.SIGTERM, timeout_s), (signal.SIGKILL, 10.0)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(state.process.pid, number)
            deadline = time.monotonic() + patience
            while time.monotonic() < deadline:
                if not state.process.is_alive():
                    return True
                time.sleep(0.02)
    msg = f"process {state.process.pid} does not end, not even by SIGKILL: look at {directory}"
    raise BrokerError(msg)


def _spawn(
    directory: Path, before: State | None, port: int, heap_mb: int, runtime: tuple[str, Path]
) -> State:
    program, classes = runtime
    wanted = (port, 0, 0) if before is None else (port or before.ports[0], *before.ports[1:])
    # A port that was asked for must be free; those of before, and the others, may be any.
    plain, sasl, controller = _free_ports(wanted, fixed=bool(port))
    cluster_id = before.cluster_id if before else _new_id()
    password = before.password if before else secrets.token_urlsafe(24)
    data, properties = directory / "data", directory / "server.properties"
    ports = plain, sasl, controller
    write_private(properties, server_properties(data, ports, password))
    utf8 = os.environ | {"LC_ALL": "C.UTF-8"}  # or Java does not find a directory named in Chinese
    with (directory / "broker.log").open("ab") as log:
        common = [program, f"-Xmx{heap_mb}m", "-XX:+UseSerialGC"]
        common += ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{classes}/*"]
        if not (data / "meta.properties").exists():
            tool = ["kafka.tools.StorageTool", "format", "--cluster-id", cluster_id]
            done = subprocess.run(
                [*common, *tool, "--config", str(properties)],
                stdout=log,
                stderr=log,
                env=utf8,
                check=False,
            )
            if done.returncode:
                raise BrokerError(_with_log(directory, "the broker's storage cannot be formatted"))
        process = subprocess.Popen(
            [*common, "kafka.Kafka", str(properties)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=utf8,
            start_new_session=True,
        )
    process.returncode = 0  # it outlives us by design: nobody is to complain that it still runs
    state = State(ports, cluster_id, password, Process.of(process.pid))
    state.save(directory)
    return state


def _await_answer(directory: Path, state: State, deadline: float) -> Broker:
    while not _answers(state, min(_PROBE_S, max(0.1, deadline - time.monotonic()))):
        if not state.process.is_alive():
            raise BrokerError(_with_log(directory, "the broker ended while it started"))
        if time.monotonic() > deadline:
            what = f"the broker (process {state.process.pid}) does not answer in time"
            raise BrokerError(_with_log(directory, what))
    return _broker(directory, state)


def _answers(state: State, timeout_s: float = _PROBE_S) -> bool:
    with contextlib.suppress(OSError):
        # Only then is it worth while to begin with the protocol, which takes its time.
        socket.create_connection((HOST, state.ports[0]), timeout=timeout_s).close()
        return answers(f"{HOST}:{state.ports[0]}", state.cluster_id, timeout_s)
    time.sleep(0.05)
    return False


def _broker(directory: Path, state: State) -> Broker:
    plain, sasl, _ = state.ports
    return Broker(HOST, plain, sasl, USER, state.password, state.process.pid, directory)


def _free_ports(wanted: tuple[int, ...], *, fixed: bool) -> list[int]:
    """Ports that nobody listens on: those wanted where they are free, else others.

    Raises:
        BrokerError: the first is not free, and it has to be that one.
    """
    with contextlib.ExitStack() as stack:
        ports: list[int] = []
        for port in wanted:
            candidate = port or any_port()
            while (refused := _refuses(candidate, stack)) is not None:
                if fixed and not ports:
                    msg = (
                        f"port {port} of {HOST} cannot be used ({refused.strerror}): choose "
                        "another with --port, or 0 for any free one"
                    )
                    raise BrokerError(msg) from refused
                candidate = any_port()
            ports.append(candidate)
        return ports


def _refuses(port: int, stack: contextlib.ExitStack) -> OSError | None:
    """Why nobody can listen on it; if somebody can, we do, for as long as the stack lives."""
    sock = stack.enter_context(socket.socket())
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((HOST, port))
        sock.listen()
    except OSError as error:
        return error
    return None


def _new_id() -> str:
    """A cluster's id as Kafka writes them: 16 bytes in URL-safe base64."""
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("="))[0] == "-":
        pass
    return text


def _with_log(directory: Path, what: str) -> str:
    log = directory / "broker.log"
    try:
        tail = log.read_bytes()[-_LOG_TAIL:].decode(errors="replace").strip()
    except OSError:
        tail = ""
    return f"{what}; {log} ends with:\n{tail}" if tail else f"{what}; {log} is empty"
