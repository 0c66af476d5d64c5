"""What is sent is acknowledged when it is safe, counted once, and seen soon."""

from __future__ import annotations

import gzip
import json

from tests.gateway.conftest import Query
from tests.gateway.support import JSON, LINES, Gateway, queued
from tests.infra.support import wait_for

ALL_WELL = {"accepted": 1, "dead_letter": 0, "refused": 0, "results": []}


def seen(query: Query, *contacts: str) -> int:
    """How many of these contacts a reader of the store sees."""
    ids = ", ".join(f"'{contact}'" for contact in contacts)
    return int(query(f"SELECT count() FROM contacts FINAL WHERE contact_id IN ({ids})")[0][0])


def test_an_object_an_array_and_lines_plain_and_gzip(gateway: Gateway, query: Query) -> None:
    one, two, three, four = (queued(f"form{number}") for number in range(4))

    assert gateway.post(json.dumps(one).encode()).json == ALL_WELL
    assert gateway.post(json.dumps([two], indent=2).encode()).json == ALL_WELL
    assert gateway.post(json.dumps(three).encode() + b"\r\n", LINES).json == ALL_WELL
    packed = gzip.compress(json.dumps(four).encode())
    answer = gateway.post(packed, f"{JSON}; charset=utf-8", Content_Encoding="gzip")
    assert (answer.status, answer.json) == (202, ALL_WELL)
    wait_for(lambda: seen(query, "cform0", "cform1", "cform2", "cform3") == 4)


def test_sent_again_it_is_accepted_and_counted_once(gateway: Gateway, query: Query) -> None:
    event = queued("again", queue="again")
    for _ in range(3):
        assert gateway.send(event, event).status == 202
    last = queued("after-again", queue="again")
    assert gateway.send(last).status == 202
    wait_for(lambda: seen(query, "cafter-again") == 1)
    sql = "SELECT sum(offered) FROM call_minutes FINAL WHERE queue = 'again' AND dims = 'queue'"
    wait_for(lambda: query(sql) == [(2,)])


def test_a_partly_bad_batch_is_answered_line_by_line(gateway: Gateway, query: Query) -> None:
    good = json.dumps(queued("partly")).encode()
    bad = json.dumps(queued("bad", queue=None) | {"wait_ms": "soon"}).encode()
    unknown = json.dumps(queued("unknown") | {"event_type": "call.quued"}).encode()
    answer = gateway.post(b"\n".join([good, b"", b"{half", bad, b"\xb5\xe7", unknown]), LINES)

    assert answer.status == 202
    assert (answer.json["accepted"], answer.json["dead_letter"]) == (1, 4)
    found = {result["line"]: result for result in answer.json["results"]}
    assert {line: result["reason"] for line, result in found.items()} == {
        3: "not_json",
        4: "invalid_field",
        5: "not_utf8",
        6: "unknown_event_type",
    }
    assert (found[4]["field"], found[4]["value"], found[4]["event_id"]) == ("queue", "None", "qbad")
    assert found[6]["detail"].startswith("event_type 'call.quued' is not known; did you mean")
    letters = "SELECT count() FROM dead_letters FINAL WHERE event_id IN ('qbad', 'qunknown')"
    wait_for(lambda: query(letters) == [(2,)])


def test_a_batch_with_nothing_good_is_kept_and_not_called_accepted(gateway: Gateway) -> None:
    answer = gateway.send({"event_type": "call.queued"})
    assert (answer.status, answer.json["dead_letter"]) == (422, 1)


def test_it_is_alive_and_ready(gateway: Gateway) -> None:
    assert gateway.ask("GET", "/healthz").json == {"alive": True}
    ready = gateway.ask("GET", "/readyz")
    assert (ready.status, ready.json) == (200, {"ready": True, "reasons": []})
