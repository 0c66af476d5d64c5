"""What a data directory knows of its broker: ports, cluster, password, process.

broker.json        as above; mode 0600; stays after a stop, so that a restart keeps its address
broker.lock        locked while somebody starts or stops, so that two starts give one broker
broker.log         what the broker says
server.properties  what it was started with; mode 0600
data/              its files
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from infra.kafka.errors import BrokerError
from infra.process import Process


@dataclass(frozen=True)
class State:
    """The content of broker.json; `ports` as in `properties.server_properties`."""

    ports: tuple[int, int, int]
    cluster_id: str
    password: str
    process: Process

    @classmethod
    def load(cls, directory: Path) -> State | None:
        """Read it; None if there is none, or it is damaged."""
        try:
            raw = json.loads((directory / "broker.json").read_text())
            plain, sasl, controller = raw["ports"]
            process = Process(int(raw["process"]["pid"]), str(raw["process"]["birth"]))
            ports = int(plain), int(sasl), int(controller)
            return cls(ports, str(raw["cluster_id"]), str(raw["password"]), process)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save(self, directory: Path) -> None:
        """Write it so that a reader sees the old or the new file, never a half."""
        write_private(directory / "broker.json", json.dumps(asdict(self)))


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    draft = path.with_name(f".{path.name}-{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)


@contextlib.contextmanager
def alone(directory: Path, deadline: float) -> Iterator[None]:
    """Hold the right to start or stop the broker of a directory.

    Raises:
        BrokerError: somebody else held it until the deadline.
    """
    file = os.open(directory / "broker.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while True:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            if time.monotonic() > deadline:
                msg = f"another process has been starting the broker of {directory} for too long"
                raise BrokerError(msg)
            time.sleep(0.02)
        yield
    finally:
        os.close(file)
