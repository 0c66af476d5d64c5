"""Every bound, small enough to be met: what is said, and that it is over again."""

from __future__ import annotations

import argparse
import gzip
import json
import queue
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pipeline.commands.run import News, embedded, serve
from pipeline.config import load_site
from pipeline.gateway.limits import Budget, Limits, Rates
from tests.gateway.support import JSON, LINES, Address, Answer, queued
from tests.infra.support import wait_for

Serve = Callable[[Limits], Address]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def served(database_of_its_own: str, tmp_path: Path) -> Iterator[Serve]:
    """Run a gateway with other limits, in this process."""
    with ExitStack() as stack:

        def begin(limits: Limits) -> Address:
            news: News = queue.SimpleQueue()
            options = argparse.Namespace(
                data_dir=tmp_path / "data",
                clickhouse=database_of_its_own,
                database=None,
                kafka=None,
                queue_log=[],
                host="127.0.0.1",
                port=0,
            )
            site = load_site(ROOT / "infra" / "site")
            _, behind = embedded(options, site, limits, stack)
            url = serve(options, site, limits, behind, stack, news=news)
            address = Address(url, tmp_path / "data")
            wait_for(lambda: address.ask("GET", "/readyz").status == 200)
            return address

        yield begin


def test_a_bucket_gives_a_burst_and_then_its_rate() -> None:
    now = 0.0
    rates = Rates(burst=20, clock=lambda: now)
    assert rates.wait_s("pbx", 10, 20) == 0
    assert rates.wait_s("pbx", 10, 5) == 0.5  # 5 events at 10 a second
    assert rates.wait_s("desk", 10, 5) == 0  # another key has its own
    now = 0.5
    assert rates.wait_s("pbx", 10, 5) == 0
    # More than a burst passes when the bucket is full, and is paid for afterwards:
    now = 10.0
    assert rates.wait_s("pbx", 10, 50) == 0  # leaves 20 - 50 = -30
    assert rates.wait_s("pbx", 10, 1) == 3.1


def test_a_budget_is_given_back() -> None:
    budget = Budget(10)
    with budget.share() as take, budget.share() as other:
        assert take(6)
        assert not other(5)
        assert other(4)
    assert (budget.used, budget.refusals) == (0, 1)


def test_too_fast_too_far_behind_and_too_slow(served: Serve) -> None:
    limits = Limits(
        events_per_second=50,
        burst=100,
        backlog_bytes=50_000,
        body_s=0.3,
        bodies_bytes=1 << 20,
        idle_s=1.0,
    )
    gateway = served(limits)

    too_fast(gateway)
    too_far_behind(gateway)
    too_slow(gateway)
    without_a_whole_header(gateway)
    too_much_at_once(gateway)


def too_fast(gateway: Address) -> None:
    assert gateway.send(*(queued(f"fast{number}") for number in range(100))).status == 202
    refused = gateway.send(*(queued(f"faster{number}") for number in range(60)))
    assert (refused.status, refused.code) == (429, "too_fast")
    assert refused.headers["Retry-After"] == "2"  # 60 events at 50 a second, rounded up
    assert "may send 50 events a second" in refused.message
    wait_for(lambda: gateway.send(queued("slower")).status == 202)


def too_far_behind(gateway: Address) -> None:
    """A batch is larger than the backlog may be: until it is applied there is no room."""
    note = {"event_type": "alert.feedback", "who": "me", "alert_id": "a", "note": 19_000 * "x"}
    refused: list[Answer] = []

    def meets_the_backlog() -> bool:
        gateway.send(*(queued(f"large{number}", **note) for number in range(4)))
        refused.append(gateway.send(queued("behind")))
        return refused[-1].status == 503

    wait_for(meets_the_backlog)
    assert (refused[-1].code, refused[-1].headers["Retry-After"]) == ("backlog", "10")
    wait_for(lambda: gateway.send(queued("caught-up")).status == 202)


def too_slow(gateway: Address) -> None:
    head = f"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {gateway.token}\r\n"
    head += f"Content-Type: {JSON}\r\nContent-Length: 100\r\n\r\n{{"
    with socket.create_connection((gateway.host, gateway.port), timeout=30) as link:
        link.sendall(head.encode())
        said = link.recv(1000)
        assert said.startswith(b"HTTP/1.1 408")
        assert b"did not arrive within 0.3 s (1 bytes came)" in said + link.recv(1000)


def without_a_whole_header(gateway: Address) -> None:
    with socket.create_connection((gateway.host, gateway.port), timeout=30) as link:
        link.sendall(b"POST /v1/events HTTP/1.1\r\nX:")
        assert link.recv(100) == b""  # the gateway hung up


def too_much_at_once(gateway: Address) -> None:
    body = gzip.compress(json.dumps({"note": (2 << 20) * "x"}).encode())
    refused = gateway.post(body, LINES, Content_Encoding="gzip")
    assert (refused.status, refused.code, refused.headers["Retry-After"]) == (503, "busy", "1")
