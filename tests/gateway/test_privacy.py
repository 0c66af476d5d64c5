"""No phone, card or ID number, address or name of what was sent is found anywhere afterwards."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clickhouse_driver import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from infra import clickhouse
from pipeline.sources.privacy import Privacy, is_card, is_identity, normal_phone
from tests.gateway.support import LINES, Gateway, queued
from tests.infra.support import wait_for

MOBILE = "13812345678"
SPACED = "139 8765 4321"
ABROAD = "+1 415-555-2671"
CARD = "6222021234567890128"  # Luhn holds: made so that its sum is a multiple of ten
VISA = "4111 1111 1111 1111"
IDENTITY = "11010519491231002X"
EMAIL = "wang.xiaoming@example.com"
NAMES = ("王小明", "Wang Xiaoming")
SECRETS = (MOBILE, SPACED, ABROAD, CARD, VISA, IDENTITY, EMAIL, *NAMES)
ALL = " ".join(SECRETS[:-2])
NEEDLES = {
    form.encode()
    for secret in SECRETS
    for form in (secret, re.sub(r"[ +-]", "", secret), json.dumps(secret)[1:-1])
}


def planted() -> list[dict[str, Any]]:
    """Events with secrets wherever a source may put one."""
    call = {"phone": MOBILE, "account": EMAIL, "caller_name": NAMES[0], "name": NAMES[1]}
    ticket = {"event_type": "ticket.registered", "text": ALL, "note": ALL}
    return [
        queued("p1", **call),
        queued("p2", phone=int(MOBILE), customer_id=MOBILE, reason=f"问 {MOBILE}"),
        queued(f"p3-{MOBILE}", customer_id=EMAIL, region=CARD, product=IDENTITY),
        queued("p4", **ticket, ticket_id=f"t-{CARD}", subject_text=ALL, demand=f"call {ABROAD}"),
        queued("p5", event_type="survey.responded", survey_id="s", comment=ALL, nps=99),
        queued("p6", event_type="call.unheard_of", text=ALL, caller_name=NAMES[0]),
        queued("p7", wait_ms=MOBILE, event_type="call.answered", agent_id=int(MOBILE)),
        queued("p8", queue={"nested": [MOBILE, {"deep": EMAIL, MOBILE: 1}]}),
        queued("p9", event_type="alert.feedback", who=EMAIL, matcher={"phone": MOBILE}),
        {"event_id": MOBILE, "event_type": MOBILE, "site": MOBILE, "source": MOBILE},
    ]


def test_nothing_personal_is_found_anywhere(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path / "data")
    lines = [json.dumps(event, ensure_ascii=False) for event in planted()]
    lines += [json.dumps(event) for event in planted()]
    lines += [f'{{"caller_name": "{NAMES[0]}", "phone": "{MOBILE}", "text": "{ALL}', ALL]
    body = "\n".join(lines).encode() + b"\n" + ALL.encode() + b"\xff"
    assert gateway.post(body, LINES).status == 202
    assert gateway.post(gzip.compress(body), LINES, Content_Encoding="gzip").status == 202
    for hostile in (ALL.encode(), f'[{{"phone": "{MOBILE}"'.encode()):
        assert gateway.post(hostile).status == 400
    headers = {"Authorization": f"Bearer gp_{MOBILE}_x", "X_Caller": MOBILE}
    assert gateway.ask("POST", f"/v1/events?phone={MOBILE}", b"{}", **headers).status == 401
    queue_log = f"1772413200|{MOBILE}|vip|NONE|ENTERQUEUE||{MOBILE}|1\n".encode()
    vendor = {"Authorization": f"Bearer {gateway.token}"}
    assert gateway.ask("POST", "/v1/sources/asterisk", queue_log, **vendor).status == 202
    assert gateway.ask("POST", "/v1/sources/zendesk", body, **vendor).status == 422
    url = clickhouse.start(tmp_path / "data" / "clickhouse").url
    assert gateway.send(queued("the-last")).status == 202

    def is_in() -> bool:
        sql = "SELECT count() FROM contacts FINAL WHERE contact_id = 'cthe-last'"
        with Client.from_url(url) as client:
            return bool(client.execute(sql)[0][0])

    wait_for(is_in)
    found = {"metrics": gateway.ask("GET", "/metrics").body}
    found.update(tables(url))
    assert gateway.stop() == 0
    found.update((str(file), file.read_bytes()) for file in tmp_path.rglob("*") if file.is_file())

    assert b"p3-h" in found["table raw_events"], "the scan sees what was kept"
    leaks = {
        (where, needle) for where, text in found.items() for needle in NEEDLES if needle in text
    }
    assert leaks == set()


def tables(url: str) -> Iterator[tuple[str, bytes]]:
    """Every row of every table, as text: on the disk they are compressed."""
    with Client.from_url(url) as client:
        for (name,) in client.execute("SHOW TABLES"):
            rows = client.execute(f"SELECT * FROM {name}")
            yield f"table {name}", repr(rows).encode() + str(rows).encode("unicode_escape")


def test_one_person_is_one_hash_however_the_number_is_written() -> None:
    privacy = Privacy(b"k" * 32)
    forms = ("13812345678", "138-1234-5678", "+8613812345678", "0086 138 1234 5678", 13812345678)
    assert len({privacy.hash_of("phone", form) for form in forms}) == 1
    assert privacy.hash_of("phone", "13812345679") != privacy.hash_of("phone", forms[0])
    assert privacy.hash_of("phone", forms[0]) != Privacy(b"l" * 32).hash_of("phone", forms[0])
    assert privacy.hash_of("phone", "anonymous") == privacy.hash_of("phone", None) == ""
    event, _ = privacy.cleansed({"event_type": "call.queued", "customer_id": "+86 13812345678"})
    assert event["customer_id"] == privacy.hash_of("phone", forms[0])


@pytest.mark.parametrize(
    "text",
    [
        "20260302001234",
        "2026-03-02T09:00:00.123456+08:00",
        "1709344800.1234",
        "123456789012",
        "4008001234",
        "contact-000000001",
        "110105194912310021",  # the last digit does not check
        "4111111111111112",
        "queue@home 5",
    ],
)
def test_what_only_looks_like_one_stays(text: str) -> None:
    event = {"event_type": "call.queued", "contact_id": text, "queue": text}
    assert Privacy(b"k" * 32).cleansed(event) == (event, [])


FIELDS = st.sampled_from(["contact_id", "queue", "text", "repairs", "phone", "name", ""])
VALUES = st.text("0123456789+@-. aX王", max_size=40)


@settings(max_examples=100)
@given(st.dictionaries(FIELDS, VALUES | st.lists(VALUES, max_size=2) | st.integers(), max_size=4))
def test_any_mapping_gets_an_answer_and_a_second_time_the_same(event: dict[str, Any]) -> None:
    privacy = Privacy(b"k" * 32)
    once, _ = privacy.cleansed(event)
    assert privacy.cleansed(once) == (once, [])


@settings(max_examples=40)
@given(st.from_regex(r"1[3-9]\d{9}", fullmatch=True))
def test_every_mobile_number_is_replaced_inside_a_word(number: str) -> None:
    event = {"event_type": "call.queued", "contact_id": f"a{number}b", "queue": f"x {number}"}
    kept, _ = Privacy(b"k" * 32).cleansed(event)
    assert number not in json.dumps(kept)
    assert normal_phone(number) == str(int(number))


def test_check_digits() -> None:
    assert is_card(CARD)
    assert is_card(VISA)
    assert is_identity(IDENTITY)
