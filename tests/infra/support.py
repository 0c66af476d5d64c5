"""Clients for servers that are killed, and waiting for conditions instead of sleeping."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from clickhouse_driver import Client

from infra import clickhouse

Connect = Callable[..., Client]


def client_of(server: clickhouse.Server, **options: Any) -> Client:
    """A client that gives up quickly, for servers that are killed."""
    return Client.from_url(server.url + "?connect_timeout=5&send_receive_timeout=60", **options)


def wait_for(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    """Return when the condition holds; fail the test if it never does."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.01)
