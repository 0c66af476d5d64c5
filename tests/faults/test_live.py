"""kill -9 of everything under load over HTTP: every 202 is counted, and nothing twice.

Clients send batches and send each again until it is acknowledged; meanwhile the gateway's process,
that of its HTTP, its store, or several are killed at instants that a seed decides, `GOLDPAN_SEED`:
moments of the clock, or places in the code.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra import clickhouse
from tests.faults.support import Deployment, Running, only
from tests.gateway.support import http_of
from tests.infra.support import wait_for

pytestmark = pytest.mark.faults

SEED = int(os.environ.get("GOLDPAN_SEED", "1"))
CLIENTS = 3
CALLS_A_BATCH = 5
PLACES = (
    ("pipeline.runtimes.embedded:Embedded.publish", 40),
    ("pipeline.log.writer:SegmentWriter.write", 60),
    ("pipeline.sources.subjects:SubjectMap.save", 3),
    ("pipeline.runtimes.embedded:Embedded.recover", 1),
    ("pipeline.sinks.client:Client.insert=raw_events", 4),
    ("pipeline.sinks.client:Client.insert=call_minutes", 4),
    ("pipeline.sinks.client:Client.insert=checkpoint", 8),
)
"""Where to strike, and at the how many-th time at most."""


class Live:
    """`goldpan run` on a deployment, started again whenever it was killed."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.running = self._start()

    def _start(self, *prefix: str) -> Running:
        (self.deployment.data / "struck").unlink(missing_ok=True)
        return self.deployment.start("run", "--port", "0", prefix=prefix)

    @property
    def port(self) -> int | None:
        """Where it listens now; None while it does not."""
        hello = self.running.out
        return (
            int(hello.split("/v1/events")[0].rpartition(":")[2]) if "/v1/events" in hello else None
        )

    @property
    def token(self) -> str:
        return (self.deployment.data / "first.key").read_text().strip()

    def post(self, body: bytes) -> int:
        """Send a batch; its status, or 0 if nobody answered."""
        port = self.port
        if port is None:
            return 0
        link = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/x-ndjson"}
        try:
            link.request("POST", "/v1/events", body, headers)
            return link.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            link.close()

    def strike(self, victim: str, draw: random.Random) -> None:
        """Kill, at a moment or at a place; then there is a running one again."""
        if victim == "http":
            self.running.lives_on(draw.uniform(0, 1))
            os.kill(http_of(self.running.process.pid), signal.SIGKILL)
        elif victim == "store":
            self.running.lives_on(draw.uniform(0, 1))
            wait_for(self.deployment.kill_store)
        elif draw.random() < 0.5:
            self.running.lives_on(draw.uniform(0, 2))
            if victim == "both":
                wait_for(self.deployment.kill_store)
            self.running.kill()
            self.running = self._start()
        else:
            place, most = draw.choice(PLACES)
            when, number = draw.choice(("before", "after")), str(draw.randint(1, most))
            self.running.kill()
            doom = ("tests.faults.dying", victim, place, when, number, "--")
            self.running = self._start("-m", *doom)
            wait_for(lambda: self.running.process.poll() is not None, 60)
            assert (self.deployment.data / "struck").exists(), self.running.said
            self.running = self._start()


class Clients:
    """Send calls until they are told to stop; every batch again until it is acknowledged."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.batches = 0
        self.retries = 0
        self.stop = threading.Event()
        self._lock, self._pause = threading.Lock(), threading.Event()
        self._threads = [threading.Thread(target=self._send) for _ in range(CLIENTS)]

    def send_some(self) -> None:
        """Return when some more batches were acknowledged."""
        goal = self.batches + CLIENTS + 2
        wait_for(lambda: self.batches > goal, 120)

    @contextmanager
    def sending(self) -> Iterator[None]:
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self.stop.set()
            for thread in self._threads:
                thread.join()

    def _send(self) -> None:
        while not self.stop.is_set():
            with self._lock:
                number = self.batches
                self.batches += 1
            body = b"\n".join(
                json.dumps(event).encode()
                for call in range(CALLS_A_BATCH)
                for event in call_of(number * CALLS_A_BATCH + call)
            )
            deadline = time.monotonic() + 120
            while (status := self.live.post(body)) != 202:
                assert status in {0, 503}, status
                assert time.monotonic() < deadline
                self.retries += 1
                self._pause.wait(0.02)


def call_of(number: int) -> Iterator[dict[str, Any]]:
    """A call that waited 12 s and took 60 s."""
    began = datetime.now(UTC) - timedelta(seconds=72)
    for kind, after_s, fields in (
        ("call.queued", 0, {"queue": "general"}),
        ("call.answered", 12, {"agent_id": f"a{number % 7}", "wait_ms": 12_000}),
        ("call.ended", 72, {"agent_id": f"a{number % 7}", "talk_ms": 60_000}),
    ):
        yield {
            "event_id": f"{number}:{kind}",
            "event_type": kind,
            "site": "example",
            "source": "pbx",
            "occurred_at": (began + timedelta(seconds=after_s)).isoformat(),
            "contact_id": f"c{number}",
            "phone": f"139{number:08}",
            **fields,
        }


@pytest.mark.parametrize("rounds", [1, pytest.param(12, marks=pytest.mark.torture)])
def test_every_acknowledged_event_is_counted_once(rounds: int, deployment: Deployment) -> None:
    draw = random.Random(f"{SEED} live")
    live = Live(deployment)
    clients = Clients(live)
    wait_for(lambda: live.port is not None, 60)
    with clients.sending():
        for _ in range(rounds):
            for victim in draw.sample(["pipeline", "http", "store", "both"], 4):
                live.strike(victim, draw)
                clients.send_some()
    live.running.process.terminate()
    end = live.running.ended()

    assert end.status == 0, end.err
    calls = clients.batches * CALLS_A_BATCH
    url = clickhouse.start(deployment.store).url
    assert only(url, "SELECT count() FROM contacts FINAL") == calls
    sums = "sum(offered), sum(answered), sum(handled), sum(wait_answered_ms), sum(talk_ms)"
    counted = only(url, f"SELECT tuple({sums}) FROM call_minutes FINAL WHERE dims = 'site'")
    assert counted == (calls, calls, calls, 12_000 * calls, 60_000 * calls)
    parity = deployment.run("parity")
    assert parity.status == 0, parity.out
    assert clients.retries
