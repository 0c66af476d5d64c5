"""A vendor's webhook becomes events, if the key and, where there is one, the signature fit."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.__main__ import main
from tests.gateway.conftest import Query
from tests.gateway.support import Answer, Gateway
from tests.infra.support import wait_for

SECRET = "what Zendesk shows"
QUEUE_LOG = (
    b"1772413200|call-7|9001|NONE|ENTERQUEUE||13812345678|1\n"
    b"1772413212|call-7|9001|SIP/li|CONNECT|12|1772413205.3|7\n"
)


def send(gateway: Gateway, adapter: str, body: bytes, **headers: str) -> Answer:
    headers = {"Authorization": f"Bearer {gateway.token}", **headers}
    return gateway.ask("POST", f"/v1/sources/{adapter}", body, **headers)


def ticket(number: int) -> dict[str, Any]:
    return {
        "id": f"e-{number}",
        "type": "zen:event-type:ticket.created",
        "time": "2026-03-02T09:00:00Z",
        "account_id": 1,
        "subject": f"zen:ticket:{number}",
        "zendesk_event_version": "2022-11-06",
        "detail": {
            "id": number,
            "status": "OPEN",
            "priority": "HIGH",
            "subject": "Refund",
            "description": "Call me at 13812345678",
            "requester_id": 5,
            "group_id": 3,
            "assignee_id": None,
            "created_at": "2026-03-02T08:59:59Z",
            "updated_at": "2026-03-02T09:00:00Z",
            "via": {"channel": "email"},
        },
        "event": {},
    }


def test_asterisk_lines_become_a_call(gateway: Gateway, query: Query) -> None:
    answer = send(gateway, "asterisk", QUEUE_LOG)

    assert (answer.status, answer.json["dead_letter"]) == (202, 0)
    raw = "SELECT payload FROM raw_events FINAL WHERE payload LIKE '%call-7%'"
    wait_for(lambda: len(query(raw)) == answer.json["accepted"])
    assert all("13812345678" not in payload for (payload,) in query(raw))
    assert any("phone_hash" in payload for (payload,) in query(raw))
    # 9001 is what infra/site/site.yaml calls complaints.
    assert all('"queue":"complaints"' in payload for (payload,) in query(raw))


def test_another_sites_ids_are_not_called_by_our_words(
    gateway: Gateway, query: Query, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ("--data-dir", str(gateway.directory))
    assert main(["keys", "add", "elsewhere", "--site", "elsewhere", *place]) == 0
    other = {"Authorization": f"Bearer {capsys.readouterr().out.strip()}"}
    wait_for(lambda: send(gateway, "asterisk", QUEUE_LOG, **other).status == 202)

    raw = "SELECT DISTINCT site, JSONExtractString(payload, 'queue') FROM raw_events FINAL "
    raw += "WHERE site = 'elsewhere'"
    wait_for(lambda: query(raw) == [("elsewhere", "9001")])
    assert main(["keys", "revoke", "elsewhere", *place]) == 0


def test_a_record_that_cannot_be_read_is_told_and_kept_without_its_content(
    gateway: Gateway, query: Query
) -> None:
    answer = send(gateway, "zendesk", b'{"type": "zen:event-type:ticket.created", "id": "bad"}')
    assert (answer.status, answer.json["results"][0]["line"]) == (422, 1)
    assert "is missing" in answer.json["results"][0]["detail"]


def test_a_vendor_that_is_not_known(gateway: Gateway) -> None:
    answer = send(gateway, "nobody", b"{}")
    assert (answer.status, answer.code) == (404, "unknown_adapter")
    assert "zendesk" in answer.message


def test_a_signature_is_checked_where_the_key_holds_the_secret(
    gateway: Gateway, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "secret").write_text(SECRET + "\n")
    place = ("--data-dir", str(gateway.directory))
    words = ("--signing-secret-file", str(tmp_path / "secret"))
    assert main(["keys", "add", "zendesk", *words, *place]) == 0
    token = capsys.readouterr().out.strip()
    body, stamp = json.dumps(ticket(7)).encode(), "2026-03-02T09:00:01Z"
    digest = hmac.new(SECRET.encode(), stamp.encode() + body, hashlib.sha256).digest()
    signed = {
        "Authorization": "Basic " + base64.b64encode(f"webhook:{token}".encode()).decode(),
        "X_Zendesk_Webhook_Signature": base64.b64encode(digest).decode(),
        "X_Zendesk_Webhook_Signature_Timestamp": stamp,
    }
    wait_for(lambda: send(gateway, "zendesk", body, **signed).status == 202)

    forged = send(gateway, "zendesk", body.replace(b"OPEN", b"SOLVED"), **signed)

    assert (forged.status, forged.code) == (401, "bad_signature")
    assert main(["keys", "revoke", "zendesk", *place]) == 0
