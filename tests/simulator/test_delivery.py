"""Live delivery: to a real gateway over HTTP, again where it failed, never in silence."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from pipeline.errors import ConfigError, InputError
from pipeline.simulator.delivery import MOST_EVENTS, Gateway

Answers = list[tuple[int, dict[str, str]]]


@contextmanager
def gateway(answers: Answers) -> Iterator[tuple[str, list[list[bytes]], list[str]]]:
    """A server that gives these answers in turn, then 202; its address, what came, and the keys."""
    came: list[list[bytes]] = []
    keys: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            came.append(body.splitlines())
            keys.append(f"{self.path} {self.headers['Authorization']}")
            status, headers = answers.pop(0) if answers else (202, {})
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", came, keys
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_events_go_in_order_in_bounded_requests() -> None:
    events = [b'{"n": %d}' % number for number in range(2 * MOST_EVENTS + 1)]
    with gateway([]) as (url, came, keys):
        client = Gateway(url, "gp_key")
        client.send(events)
        client.close()
    assert [len(batch) for batch in came] == [MOST_EVENTS, MOST_EVENTS, 1]
    assert [event for batch in came for event in batch] == events
    assert set(keys) == {"/v1/events Bearer gp_key"}


def test_what_fails_is_sent_again_as_it_was() -> None:
    with gateway([(503, {"Retry-After": "1"}), (429, {})]) as (url, came, _):
        client = Gateway(url, "gp_key")
        client.send([b'{"n": 1}'])
        client.close()
    assert came == [[b'{"n": 1}']] * 3


def test_what_is_refused_is_said() -> None:
    with gateway([(401, {})]) as (url, _, _):
        client = Gateway(url, "gp_old")
        with pytest.raises(InputError, match="refused events with 401"):
            client.send([b"{}"])
        client.close()
    with pytest.raises(InputError, match="see that it runs"):
        Gateway(url, "gp_old", patience_s=0).send([b"{}"])
    with pytest.raises(ConfigError, match="is no address of a gateway"):
        Gateway("127.0.0.1:8400", "gp_old")
