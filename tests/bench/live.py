"""Events over HTTP flow in at a steady rate; how soon they are acknowledged and seen flows out.

Beside the load some clients send a byte a second. What is seen is what a reader of the store
counts, asked every 100 ms, from another process than the gateway's, as a board would.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import resource
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from clickhouse_driver import Client

from infra import clickhouse
from tests.gateway.support import LINES, Gateway
from tests.infra.support import wait_for

POLL_S = 0.1
SLOW_CLIENTS = 20
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
COUNT = "SELECT sum(offered) FROM call_minutes FINAL WHERE dims = 'site'"


@dataclass(slots=True)
class Measured:
    """Instants of `time.monotonic`, in seconds."""

    sent: list[float] = field(default_factory=list)
    acknowledged_s: list[float] = field(default_factory=list)
    refused: int = 0
    seen: list[tuple[float, int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Load:
    """`rate` events a second for so many seconds, `batch` in a request, over `connections`."""

    connections: int
    batch: int
    rate: int = 1_000
    seconds: int = 30


def measure(directory: Path, load: Load) -> dict[str, float]:
    """Put a gateway under load.

    Returns:
        CPU seconds of the gateway's pipeline, of its HTTP and of its store for each second of
        load; in milliseconds, the median and the 95th percentile from a request's beginning to its
        answer, and to the moment when a reader counts the event.
    """
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    gateway = Gateway(directory / "data")
    try:
        url = clickhouse.start(directory / "data" / "clickhouse").url
        measured = Measured()
        wait_for(lambda: gateway.ask("GET", "/readyz").status == 200)
        with reading(url, measured):
            before = _cpu_s(gateway, directory)
            asyncio.run(_load(gateway, measured, load))
            after = _cpu_s(gateway, directory)
            wait_for(lambda: bool(measured.seen) and measured.seen[-1][1] >= len(measured.sent), 60)
    finally:
        status = gateway.stop()
    seen = list(delays(measured))
    return {
        "events": len(measured.sent),
        "refused": measured.refused,
        "status": status,
        **{f"{part}_cpu": (after[part] - before[part]) / load.seconds for part in before},
        "acknowledged_p50_ms": percentile(measured.acknowledged_s, 50),
        "acknowledged_p95_ms": percentile(measured.acknowledged_s, 95),
        "seen_p50_ms": percentile(seen, 50),
        "seen_p95_ms": percentile(seen, 95),
        "seen_p99_ms": percentile(seen, 99),
    }


class _Connection(asyncio.Protocol):
    """One request at a time, by hand: a client library would take more of the machine than what is
    measured."""

    def __init__(self) -> None:
        self._came = b""
        self._answered: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self._came += data
        head, _, body = self._came.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if length and len(body) >= int(length[1]):
            self._came = b""
            self._answered.set_result(b" 202 " in head[:15])

    async def accepted(self, request: bytes) -> bool:
        """Send a request; whether its events were taken."""
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answered

    def close(self) -> None:
        """End the connection."""
        self._transport.close()


async def _load(gateway: Gateway, measured: Measured, load: Load) -> None:
    token = gateway.token
    every_s = load.connections * load.batch / load.rate
    slow = [asyncio.create_task(_slow(gateway)) for _ in range(SLOW_CLIENTS)]
    connect = asyncio.get_running_loop().create_connection
    links = [
        (await connect(_Connection, gateway.host, gateway.port))[1] for _ in range(load.connections)
    ]
    began = time.monotonic()

    async def one(number: int) -> None:
        for turn in range(round(load.seconds / every_s)):
            due = began + every_s * (turn + number / load.connections)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            at = time.monotonic()
            request = _request(gateway, token, _calls(f"{number}-{turn}", load.batch))
            if not await links[number].accepted(request):
                measured.refused += load.batch
                continue
            measured.acknowledged_s.append(time.monotonic() - at)
            measured.sent.extend([at] * load.batch)
        links[number].close()

    await asyncio.gather(*(one(number) for number in range(load.connections)))
    for task in slow:
        task.cancel()
    await asyncio.gather(*slow, return_exceptions=True)


def _request(gateway: Gateway, token: str, body: bytes) -> bytes:
    head = (
        f"POST /v1/events HTTP/1.1\r\nHost: {gateway.host}\r\nContent-Type: {LINES}\r\n"
        f"Authorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _slow(gateway: Gateway) -> None:
    """A byte a second, of a request that never becomes whole; shown out, it comes again."""
    while True:
        _, writer = await asyncio.open_connection(gateway.host, gateway.port)
        for byte in f"POST /v1/events HTTP/1.1\r\nHost: x\r\nX-Slow: {'y' * 600}".encode():
            if writer.is_closing():
                break
            writer.write(bytes([byte]))
            await asyncio.sleep(1)


def _calls(name: str, count: int) -> bytes:
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    return b"\n".join(
        json.dumps(
            {
                "event_id": f"{name}-{number}",
                "event_type": "call.queued",
                "site": "example",
                "source": "acd-1",
                "occurred_at": at,
                "contact_id": f"contact-{name}-{number}",
                "phone": f"139{hash((name, number)) % 10**8:08}",
                "queue": "general",
                "channel": "voice",
            }
        ).encode()
        for number in range(count)
    )


@contextmanager
def reading(url: str, measured: Measured) -> Iterator[None]:
    """Count, again and again, what a reader sees."""
    stop = threading.Event()

    def read() -> None:
        with Client.from_url(url) as client:
            while not stop.wait(POLL_S):
                count = client.execute(COUNT)[0][0]
                measured.seen.append((time.monotonic(), count))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield
    finally:
        stop.set()
        reader.join()


def delays(measured: Measured) -> Iterator[float]:
    """From sending to seeing, event by event: the n-th that was sent is there when n are seen."""
    seen = iter(measured.seen)
    at, count = next(seen)
    for number, sent in enumerate(sorted(measured.sent), 1):
        while count < number:
            at, count = next(seen)
        yield max(0.0, at - sent)


def _cpu_s(gateway: Gateway, directory: Path) -> dict[str, float]:
    """CPU seconds that the gateway's processes and its store have used."""
    server = clickhouse.status(directory / "data" / "clickhouse")
    pids = {
        "pipeline": gateway.process.pid,
        "http": gateway.http_pid,
        "store": server.pid if server else 0,
    }
    return {part: cpu_s(pid) for part, pid in pids.items()}


def cpu_s(pid: int) -> float:
    """CPU seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def percentile(values: list[float], percent: int) -> float:
    """In milliseconds, of values in seconds."""
    ordered = sorted(values)
    return 1000 * ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


LOADS = {"connections": Load(connections=1_000, batch=1), "batches": Load(10, batch=100)}


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[2]), LOADS[sys.argv[1]])))
