"""Whatever is sent, the answer is clear, names what is wrong and what to do, and harms nobody."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.gateway.support import JSON, LINES, Answer, Gateway, queued
from tests.infra.support import wait_for

MIB = 1 << 20


def chunked(gateway: Gateway, chunks: Iterator[bytes], **headers: str) -> Answer:
    """Send a body whose length nobody knows; the gateway may hang up before its end."""
    link = http.client.HTTPConnection(gateway.host, gateway.port, timeout=30)
    headers = {"Authorization": f"Bearer {gateway.token}", "Content-Type": JSON, **headers}
    with suppress(BrokenPipeError, ConnectionResetError):
        link.request("POST", "/v1/events", chunks, headers, encode_chunked=True)
    response = link.getresponse()
    answer = Answer(response.status, dict(response.getheaders()), response.read())
    link.close()
    return answer


@pytest.mark.parametrize(
    ("body", "content_type", "refused", "words"),
    [
        (b"{}", "text/plain", (415, "unknown_content_type"), "send application/json"),
        (b"{}", "", (415, "unknown_content_type"), "'application/octet-stream'"),
        (b"", JSON, (400, "empty"), "it is empty"),
        (b"[]", JSON, (400, "empty"), "at least one JSON object"),
        (b"\n\n", LINES, (400, "empty"), "at least one JSON object"),
        (b"7", JSON, (400, "not_json"), "neither an object nor an array"),
        (b"hello", JSON, (400, "not_json"), "neither an object nor an array"),
        (b'[{"a": 1}', JSON, (400, "not_json"), "truncated"),
        (b'["\xb5\xe7"]', JSON, (400, "not_utf8"), "byte 3 of the body (0xb5)"),
        (b"[" * 100_000, JSON, (400, "not_json"), "body is not JSON"),
        (b"{}\n" * 20_001, LINES, (413, "too_many_events"), "20,001 events and 20,000 are allowed"),
        (b"not gzip", JSON + "+gz", (415, "unknown_content_type"), "+gz"),
    ],
)
def test_a_body_that_cannot_be_read_as_a_whole_is_refused(
    gateway: Gateway, body: bytes, content_type: str, refused: tuple[int, str], words: str
) -> None:
    answer = gateway.post(body, content_type)
    assert (answer.status, answer.code) == refused, answer.body
    assert words in answer.message


def test_an_object_that_is_not_json_is_a_bad_event(gateway: Gateway) -> None:
    answer = gateway.post(b'{"event_id": ')
    assert (answer.status, answer.json["results"][0]["reason"]) == (422, "not_json")


@pytest.mark.parametrize(
    ("encoding", "body", "status", "code"),
    [
        pytest.param("br", b"{}", 415, "unknown_encoding", id="brotli"),
        pytest.param("gzip", b"{}", 400, "broken_gzip", id="no gzip"),
        pytest.param("gzip", gzip.compress(b"[" + b" " * 1000)[:-4], 400, "broken_gzip", id="cut"),
        pytest.param("gzip", gzip.compress(b"{}") + b"rest", 400, "broken_gzip", id="rest"),
    ],
)
def test_an_encoding_that_is_not_what_it_says(
    gateway: Gateway, encoding: str, body: bytes, status: int, code: str
) -> None:
    answer = gateway.post(body, Content_Encoding=encoding)
    assert (answer.status, answer.code) == (status, code)


def test_a_hundred_megabytes_announced_or_not(gateway: Gateway) -> None:
    headers = {"Content-Length": str(100 * MIB)}
    link = http.client.HTTPConnection(gateway.host, gateway.port, timeout=30)
    link.putrequest("POST", "/v1/events")
    for name, value in {
        "Authorization": f"Bearer {gateway.token}",
        "Content-Type": JSON,
        **headers,
    }.items():
        link.putheader(name, value)
    link.endheaders()
    refused = link.getresponse()
    assert refused.status == 413
    assert "8,388,608 bytes" in refused.read().decode()
    link.close()

    unknown = chunked(gateway, (bytes(MIB) for _ in range(100)))
    assert (unknown.status, unknown.code) == (413, "too_large")


def test_a_zip_bomb_is_stopped_where_it_passes_the_bound(gateway: Gateway) -> None:
    bomb = gzip.compress(bytes(MIB)) * 1024  # a gibibyte, in members
    assert len(bomb) < 2 * MIB

    answer = gateway.post(bomb, Content_Encoding="gzip")

    assert (answer.status, answer.code) == (413, "too_large")
    assert "33,554,432 bytes unpacked" in answer.message


def test_an_event_of_more_than_a_megabyte_is_a_dead_letter_without_its_content(
    gateway: Gateway,
) -> None:
    answer = gateway.post(json.dumps(queued("big", note=MIB * "x")).encode(), LINES)
    assert (answer.status, answer.json["results"][0]["reason"]) == (422, "too_large")


def test_a_nested_event_and_a_number_without_end(gateway: Gateway) -> None:
    deep = b'{"event_id": ' + b"[" * 50_000 + b"]" * 50_000 + b"}"
    long = b'{"event_id": ' + b"9" * 50_000 + b"}"
    answer = gateway.post(deep + b"\n" + long, LINES)
    assert (answer.status, answer.json["dead_letter"]) == (422, 2)


def test_addresses_and_methods_that_are_not_there(gateway: Gateway) -> None:
    nothing = gateway.ask("GET", "/v2/events")
    assert (nothing.status, nothing.code) == (404, "not_found")
    wrong = gateway.ask("GET", "/v1/events")
    assert (wrong.status, wrong.code) == (405, "method_not_allowed")
    assert wrong.headers["Allow"] == "POST"


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n" + b"X: y\r\n" * 10_000 + b"\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 100,
        b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    ],
)
def test_what_is_no_request_is_refused_and_the_next_one_is_served(
    gateway: Gateway, request_bytes: bytes
) -> None:
    with socket.create_connection((gateway.host, gateway.port), timeout=30) as link:
        link.sendall(request_bytes)
        assert link.recv(100).startswith((b"HTTP/1.1 400", b"HTTP/1.0 400"))
    assert gateway.ask("GET", "/healthz").status == 200


def test_a_client_that_goes_away_in_the_middle(gateway: Gateway) -> None:
    with socket.create_connection((gateway.host, gateway.port)) as link:
        head = f"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {gateway.token}\r\n"
        link.sendall(
            head.encode() + b"Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
        )
    wait_for(lambda: gateway.send(queued("after")).status == 202)


def test_a_byte_at_a_time_holds_up_nobody(gateway: Gateway) -> None:
    head = f"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {gateway.token}\r\n"
    body = json.dumps(queued("slow")).encode()
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection((gateway.host, gateway.port), timeout=30) as slow:
        for place, byte in enumerate(head.encode() + body):
            slow.sendall(bytes([byte]))
            if place % 50 == 0:
                assert gateway.send(queued(f"beside{place}")).status == 202
        assert slow.recv(100).startswith(b"HTTP/1.1 202")
