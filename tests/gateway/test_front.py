"""HTTP has a process of its own: it may die at any moment, and it never outlives the pipeline."""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from clickhouse_driver import Client

from infra.process import Process
from pipeline.errors import GoldpanError
from pipeline.gateway.front import Front, FrontSettings
from pipeline.gateway.limits import Limits
from pipeline.gateway.listener import listen
from pipeline.gateway.wire import Status, receive
from tests.gateway.support import JSON, Gateway, queued
from tests.infra.support import wait_for

pytestmark = pytest.mark.faults

Start = Callable[..., Gateway]


def contacts(url: str) -> int:
    with Client.from_url(url) as client:
        return int(client.execute("SELECT count() FROM contacts FINAL")[0][0])


def test_killed_it_is_started_again_at_the_same_address(
    start: Start, database_of_its_own: str
) -> None:
    gateway = start()
    assert gateway.send(queued("before")).status == 202
    first = gateway.http_pid
    os.kill(first, signal.SIGKILL)
    # A connection waits until there is somebody to take it.
    wait_for(lambda: gateway.http_pid != first, 30)
    assert gateway.send(queued("after")).status == 202
    wait_for(lambda: contacts(database_of_its_own) == 2)
    found = gateway.ask("GET", "/metrics").body
    assert b'goldpan_events_received_total{result="accepted"} 2.0' in found
    assert gateway.stop() == 0
    assert gateway.said.splitlines() == [
        "the HTTP process ended with status -9; it is started again",
        "stopped",
    ]


def test_it_ends_with_a_pipeline_that_is_killed(start: Start) -> None:
    gateway = start()
    http = Process.of(gateway.http_pid)
    with half_a_request(gateway):
        gateway.process.kill()
        gateway.process.wait()
        wait_for(lambda: not http.is_alive())
    again = start("--port", str(gateway.port))
    assert again.send(queued("again")).status == 202


def test_a_signal_to_all_lets_a_request_under_way_end(
    start: Start, database_of_its_own: str
) -> None:
    """As from a terminal or a service manager, which tell every process."""
    gateway = start()
    with half_a_request(gateway) as link:
        gateway.process.send_signal(signal.SIGSTOP)
        link.sendall(b"\r\n")
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(gateway.http_pid, number)
        gateway.process.send_signal(signal.SIGTERM)
        gateway.process.send_signal(signal.SIGCONT)
        assert link.recv(1000).startswith(b"HTTP/1.1 202")
    assert gateway.process.wait(timeout=60) == 0
    assert contacts(database_of_its_own) == 1
    assert gateway.said.splitlines() == ["stopped"]


def test_a_pipeline_that_stands_still_is_not_ready(start: Start) -> None:
    gateway = start()
    gateway.process.send_signal(signal.SIGSTOP)
    try:
        answer = gateway.ask("GET", "/readyz")
        assert (answer.status, answer.json["reasons"]) == (
            503,
            ["the pipeline's process does not answer"],
        )
        assert gateway.ask("GET", "/healthz").status == 200
        assert b"goldpan_ready 0.0" in gateway.ask("GET", "/metrics").body
    finally:
        gateway.process.send_signal(signal.SIGCONT)
    wait_for(lambda: gateway.ask("GET", "/readyz").status == 200)


def test_one_that_cannot_be_started_is_an_error() -> None:
    failures: queue.SimpleQueue[BaseException] = queue.SimpleQueue()
    settings = FrontSettings("/nowhere", None, None, boards=False, site="{}", limits=Limits())
    front = Front(
        settings,
        listen("127.0.0.1", 0),
        until_it_ends,
        lambda: Status([], [], b""),
        tell=print,
        failed=failures.put,
    )
    error = failures.get(timeout=30)
    front.close()
    assert isinstance(error, GoldpanError)
    assert str(error) == "the HTTP process ended with status 1 before it took a request"


def until_it_ends(link: socket.socket) -> None:
    assert receive(link) is None


@contextmanager
def half_a_request(gateway: Gateway) -> Iterator[socket.socket]:
    """A connection over which the gateway awaits the last two bytes of a body."""
    body = json.dumps(queued("half")).encode()
    head = (
        f"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {gateway.token}\r\n"
        f"Content-Type: {JSON}\r\nContent-Length: {len(body) + 2}\r\nExpect: 100-continue\r\n\r\n"
    )
    with socket.create_connection((gateway.host, gateway.port), timeout=30) as link:
        link.sendall(head.encode())
        assert link.recv(100).startswith(b"HTTP/1.1 100")  # it reads the body
        link.sendall(body)
        yield link
