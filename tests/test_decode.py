"""Decode: the fast path agrees with the contract, and no bytes whatever make it raise."""

from __future__ import annotations

import json
import types
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AwareDatetime, BaseModel
from pydantic_core import from_json

from pipeline.decode import DeadLetter, Decoder, mask_text, masked
from pipeline.decode import DeadLetterReason as Reason
from schemas.events import EVENT_TYPES, Event
from schemas.events.envelope import EPOCH

INGEST_MS = 1_772_352_000_000  # 2026-03-01T08:00:00Z
DECODER = Decoder()
ANSWERED: dict[str, Any] = {
    "event_id": "e1",
    "event_type": "call.answered",
    "site": "demo",
    "source": "pbx",
    "occurred_at": "2026-03-01T07:59:00Z",
    "contact_id": "c1",
    "agent_id": "a1",
    "wait_ms": 17000,
    "queue": "PS",
}


def answered(**fields: Any) -> bytes:
    """Write the JSON of an answered call with some fields changed."""
    return json.dumps({**ANSWERED, **fields}).encode()


def dead(payload: bytes) -> DeadLetter:
    """Decode what must become a dead letter."""
    letter = DECODER.decode(payload, INGEST_MS)
    assert isinstance(letter, DeadLetter)
    assert letter.payload == payload
    assert letter.detail.endswith((".", "?"))
    return letter


# --- Both paths give one verdict -----------------------------------------------------------------


def verdict_of_the_contract(payload: bytes) -> Event | None:
    """Judge a payload by pydantic alone."""
    try:
        content = from_json(payload, allow_inf_nan=False)
        event = EVENT_TYPES[content["event_type"]].model_validate_json(payload)
    except (ValueError, TypeError, KeyError):
        return None
    early = event.occurred_at >= datetime(1990, 1, 1, tzinfo=UTC)
    return event if early and event.occurred_ms <= INGEST_MS + 300_000 else None


def values(event: Event) -> dict[str, Any]:
    """List the fields of an event or of its fast twin."""
    names = EVENT_TYPES[event.event_type].model_fields
    return {name: getattr(event, name) for name in (*names, "family", "occurred_ms")}


def assert_one_verdict(payload: bytes) -> None:
    decoded = DECODER.decode(payload, INGEST_MS)
    expected = verdict_of_the_contract(payload)
    if expected is None:
        assert isinstance(decoded, DeadLetter)
    else:
        assert not isinstance(decoded, DeadLetter), decoded.detail
        assert values(decoded) == values(expected)
        # 1, 1.0 and True compare equal, yet are not the same.
        assert [type(value) for value in values(decoded).values()] == [
            type(value) for value in values(expected).values()
        ]


ODD_NUMBERS = st.sampled_from(
    [-1, 0, 1, 5, 6, 7 * 86_400_000, 7 * 86_400_000 + 1, 2**63 - 1, 2**63, 2**64, 10**40]
)
ODD_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    ODD_NUMBERS,
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(["", "x" * 64, "x" * 65, "x" * 200, "x" * 201, "金" * 200, "\0", "1", "1.5"]),
    st.sampled_from(["NaN", "Infinity", "1_000", " 1 ", "1e3", "+1", "١", "-0"]),
    st.lists(st.text(max_size=3), max_size=4),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)
ZONES = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
INSTANTS = st.one_of(
    st.integers(631_152_000_000_000, 1_772_352_000_000_000).map(
        lambda micros: (EPOCH + timedelta(microseconds=micros)).isoformat()
    ),
    st.datetimes(timezones=ZONES).map(datetime.isoformat),
    st.from_regex(
        r"(19[6-9]\d|20[0-4]\d|2[12]\d\d|0000|9999)-(0\d|1[0-3])-[0-3]\d"
        r"[Tt _]([01]\d|2[0-5]):[0-6]\d"
        r"(:[0-6]\d([.,]\d{0,10})?)?([Zz]|[+-][0-2]\d:?[0-6]\d|)",
        fullmatch=True,
    ),
)


def strategy_for(annotation: Any) -> st.SearchStrategy[Any]:
    """Make JSON values that mostly fit an annotation."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return strategy_for(arguments[0])
    if origin in (Union, types.UnionType):
        return st.one_of(*(strategy_for(argument) for argument in arguments))
    if origin is Literal:
        return st.sampled_from([*arguments])
    if origin is tuple:
        return st.lists(strategy_for(arguments[0]), max_size=4)
    if origin is dict:
        return st.dictionaries(strategy_for(arguments[0]), strategy_for(arguments[1]), max_size=4)
    return {
        str: st.text(min_size=1, max_size=12),
        int: st.integers(0, 12),
        float: st.floats(-1.5, 1.5) | st.integers(-1, 2),
        bool: st.booleans(),
        Decimal: st.decimals(-100, 100, places=2).map(str)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.decimals(allow_nan=True).map(str),
        date: st.dates().map(date.isoformat),
        AwareDatetime: INSTANTS,
        type(None): st.none(),
    }[annotation]


@st.composite
def contents(draw: st.DrawFn) -> dict[str, Any]:
    """Draw the content of an event of any type, in which often one thing is odd."""
    event_type = draw(st.sampled_from(sorted(EVENT_TYPES)))
    content: dict[str, Any] = {"event_type": event_type}
    for name, info in EVENT_TYPES[event_type].model_fields.items():
        if name != "event_type" and (info.is_required() or draw(st.integers(0, 3)) == 0):
            content[info.alias or name] = draw(strategy_for(info.annotation))
    if draw(st.booleans()):
        content["occurred_at"] = "2026-03-01T07:59:00.123Z"
    if draw(st.integers(0, 2)) == 0:
        content[draw(st.sampled_from([*content, "unknown", "(occurred_ms)"]))] = draw(ODD_VALUES)
    return content


@st.composite
def payloads(draw: st.DrawFn) -> bytes:
    """Draw the bytes of an event; sometimes one byte is wrong or a key appears twice."""
    content = draw(contents())
    payload = json.dumps(content, ensure_ascii=draw(st.booleans())).encode(errors="replace")
    match draw(st.integers(0, 5)):
        case 0:
            at = draw(st.integers(0, len(payload) - 1))
            return payload[:at] + draw(st.binary(max_size=2)) + payload[at + 1 :]
        case 1:
            again = draw(st.sampled_from([*content]))
            twice = json.dumps({again: draw(ODD_VALUES)}).encode()
            return payload[:-1] + b"," + twice[1:]
        case 2:
            raw = draw(st.sampled_from(RAW_VALUES))
            return payload[:-1] + b',"unknown":' + raw + b"}"
    return payload


RAW_VALUES = [
    b'"\\ud800"',
    b'"\\ud83d\\ude00"',
    b'"\\udc00x"',
    b'"\\ud800\\u0041"',
    b'"\xff"',
    b'"\xed\xa0\x80"',
    b'"\xc0\x80"',
    b'"\x7f"',
    b'"\t"',
    b"NaN",
    b"-Infinity",
    b"1e999",
    b"-0",
    b"-0.0",
    b"01",
    b"1.",
    b"9" * 400,
    b"9" * 4299,
    b"9" * 4400,
    b"[" * 90 + b"]" * 90,
    b"[" * 160 + b"]" * 160,
    b"[" * 250 + b"]" * 250,
    b'{"a":' * 195 + b"1" + b"}" * 195,
    b'{"a":' * 201 + b"1" + b"}" * 201,
    b"[" * 1000 + b"]" * 1000,
    b"[" * 100_000,
    b"/* */ 1",
    b"1 \xc2\xa0",
]


@settings(max_examples=250, deadline=None)
@given(payloads())
def test_the_decoder_agrees_with_the_contract(payload: bytes) -> None:
    assert_one_verdict(payload)


@pytest.mark.parametrize("raw", RAW_VALUES)
@pytest.mark.parametrize("key", ["unknown", "queue", "wait_ms", "occurred_at"])
def test_they_agree_on_values_at_the_edge_of_json(key: str, raw: bytes) -> None:
    assert_one_verdict(answered()[:-1] + f',"{key}":'.encode() + raw + b"}")


def test_a_good_event_takes_the_fast_path() -> None:
    event = DECODER.decode(answered(), INGEST_MS)
    assert not isinstance(event, DeadLetter)
    assert not isinstance(event, BaseModel)  # it is the model's twin
    assert (event.event_type, event.family) == ("call.answered", "call")
    assert event.occurred_ms == INGEST_MS - 60_000


@given(INSTANTS)
def test_occurred_ms_is_the_same_on_both_paths(instant: str) -> None:
    assert_one_verdict(answered(occurred_at=instant))


def test_a_field_that_appears_twice_counts_as_it_appears_last() -> None:
    event = DECODER.decode(answered()[:-1] + b',"queue":"NE"}', INGEST_MS)
    assert getattr(event, "queue", None) == "NE"


# --- Bad input, one by one -----------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_make_it_raise(payload: bytes) -> None:
    assert isinstance(DECODER.decode(payload, INGEST_MS), DeadLetter)


@pytest.mark.parametrize(
    ("payload", "reason", "words"),
    [
        (b"", Reason.NOT_JSON, "is empty"),
        (b" \r\n", Reason.NOT_JSON, "is empty"),
        (b"hello", Reason.NOT_JSON, "is not JSON"),
        (answered()[:-5], Reason.NOT_JSON, "is not JSON"),
        (b"\0\0\0\0", Reason.NOT_JSON, "is not JSON"),
        (answered().replace(b"PS", b"P\0S"), Reason.NOT_JSON, "control character"),
        (b"\xef\xbb\xbf" + answered(), Reason.NOT_JSON, "byte order mark"),
        (answered().decode().encode("utf-16"), Reason.NOT_UTF8, "UTF-16"),
        (answered().decode().encode("utf-16-be"), Reason.NOT_UTF8, "UTF-16"),
        (answered(queue="投诉").replace(b"PS", b"") + b"\xff", Reason.NOT_UTF8, "0xff"),
        (
            json.dumps({**ANSWERED, "queue": "投诉"}, ensure_ascii=False).encode("gb18030"),
            Reason.NOT_UTF8,
            "GB18030",
        ),
        (b"[" + answered() + b"]", Reason.NOT_AN_OBJECT, "a list"),
        (b"42", Reason.NOT_AN_OBJECT, "a number"),
        (b'"call.answered"', Reason.NOT_AN_OBJECT, "a text"),
        (b"null", Reason.NOT_AN_OBJECT, "null"),
        (b"[" * 1000 + b"]" * 1000, Reason.NOT_JSON, "recursion"),
        (b'{"a":' * 1000 + b"1" + b"}" * 1000, Reason.NOT_JSON, "recursion"),
        (answered()[:-1] + b',"x":NaN}', Reason.NOT_JSON, "is not JSON"),
        (answered()[:-1] + b',"x":"\\ud800"}', Reason.NOT_JSON, "escape"),
        (answered(wait_ms=10**400), Reason.INVALID_FIELD, "wait_ms"),
        (b"{}", Reason.MISSING_FIELD, "event_type is missing"),
        (answered(event_type=7), Reason.INVALID_FIELD, "event_type is 7, not a text"),
        (answered(event_type="call.anwsered"), Reason.UNKNOWN_EVENT_TYPE, "call.answered"),
        (answered(event_type="金"), Reason.UNKNOWN_EVENT_TYPE, "'金' is not known"),
        (
            answered(wait_ms=-5),
            Reason.INVALID_FIELD,
            "wait_ms should be greater than or equal to 0",
        ),
        (answered(wait_ms="soon"), Reason.INVALID_FIELD, "but is 'soon'"),
        (answered(occurred_at="yesterday"), Reason.INVALID_FIELD, "2026-03-01T08:00:00Z"),
        (answered(occurred_at="2028-03-01T08:00:00Z"), Reason.FROM_THE_FUTURE, "set the source's"),
        (answered(occurred_at="1970-01-21T00:00:00Z"), Reason.IMPOSSIBLE, "before 1990"),
        (answered(occurred_at="0001-01-01T00:00:00+14:00"), Reason.IMPOSSIBLE, "before 1990"),
        (answered(occurred_at="9999-12-31T23:59:59-14:00"), Reason.FROM_THE_FUTURE, "after the"),
        (answered(text="x" * 5_000_000), Reason.TOO_LARGE, "5,000,"),
    ],
)
def test_bad_input_is_named(payload: bytes, reason: Reason, words: str) -> None:
    letter = dead(payload)
    assert letter.reason is reason
    assert words in letter.detail


@pytest.mark.parametrize("size", [300, 1000, 5000])
def test_the_size_limit_holds_on_both_paths(size: int) -> None:
    payload = answered(mood="")
    payload = payload.replace(b'""', b'"' + b"x" * (size - len(payload)) + b'"')
    assert len(payload) == size
    assert not isinstance(Decoder(max_payload=size).decode(payload, INGEST_MS), DeadLetter)
    letter = Decoder(max_payload=size - 1).decode(payload, INGEST_MS)
    assert isinstance(letter, DeadLetter)
    assert letter.reason is Reason.TOO_LARGE


def test_several_wrong_fields_are_named_together() -> None:
    letter = dead(answered(wait_ms=-1, agent_id="", queue=3))
    assert letter.reason is Reason.INVALID_FIELD
    assert letter.detail == (
        "queue should be a valid string, but is 3; correct it at the source. "
        "Also wrong: agent_id, wait_ms."
    )


def test_a_missing_field_is_named_with_its_type() -> None:
    content = {name: value for name, value in ANSWERED.items() if name != "agent_id"}
    letter = dead(json.dumps(content).encode())
    assert letter.reason is Reason.MISSING_FIELD
    assert letter.detail == "agent_id is missing; call.answered cannot do without it."


def test_a_contradiction_is_not_one_fields_fault() -> None:
    times = {"from": "2026-03-02T08:00:00Z", "to": "2026-03-01T08:00:00Z"}
    letter = dead(answered(event_type="schedule.segment", **times))
    assert letter.reason is Reason.CONTRADICTION
    assert letter.detail.startswith("to (2026-03-01T08:00:00+00:00) should be later than from")


def test_a_row_that_an_adapter_could_not_read_is_named() -> None:
    row = {"row": 17, "problem": "ser_time is 'x', not a number of seconds", "content": "AA\t1"}
    letter = dead(answered(event_type="source.unreadable_row", **row))
    assert letter.reason is Reason.UNREADABLE_ROW
    assert letter.detail == (
        "Row 17 cannot be read: ser_time is 'x', not a number of seconds; "
        "correct it and send it again."
    )


def test_a_dead_letter_keeps_what_can_be_read_of_the_envelope() -> None:
    letter = dead(answered(wait_ms=-1))
    assert (letter.event_id, letter.event_type, letter.site, letter.source) == (
        *("e1", "call.answered", "demo", "pbx"),
    )
    assert letter.occurred_ms == INGEST_MS - 60_000


@pytest.mark.parametrize(
    ("skew_ms", "accepted"), [(-60_000, True), (300_000, True), (300_001, False)]
)
def test_events_may_be_five_minutes_ahead(skew_ms: int, accepted: bool) -> None:
    instant = EPOCH + timedelta(milliseconds=INGEST_MS + skew_ms)
    result = DECODER.decode(answered(occurred_at=instant.isoformat()), INGEST_MS)
    assert isinstance(result, DeadLetter) is not accepted


# --- What a person may see -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ring 13812345678 now", "ring <11 digits> now"),
        ("+86 138 1234 5678", "+<13 digits>"),
        ("(010) 6552-1234", "(<11 digits>"),
        ("ID 11010519491231002X.", "ID <17 digits>."),
        ("138 - 1234 - 5678", "<11 digits>"),
        ("card 6222-0212-3456-7890-123", "card <19 digits>"),
        ("１３８１２３４５６７８", "<11 digits>"),
        ("电话13812345678请回", "电话<11 digits>请回"),
        ("wang.li@example.com.cn!", "<e-mail>!"),
        ("at 2026-03-01T08:00:00.123Z", "at 2026-03-01T08:00:00.123Z"),
        ("from 2026-03-01 to 2026-03-31", "from 2026-03-01 to 2026-03-31"),
        ("123456 pieces", "123456 pieces"),
    ],
)
def test_numbers_and_addresses_are_masked(text: str, shown: str) -> None:
    assert mask_text(text) == shown


def test_details_quote_values_masked_and_shortened() -> None:
    assert "13812345678" not in dead(answered(agent_id=13812345678)).detail
    assert len(dead(answered(wait_ms="x" * 5000)).detail) < 200
    assert "13812345678" not in dead(answered(event_type="call.13812345678")).detail


def test_a_payload_is_shown_printable_and_bounded() -> None:
    assert masked(b'{"a":"\0\x1b[31m\xff"}') == '{"a":"␀␛[31m\ufffd"}'
    shown = masked("投诉".encode() * 2000)
    assert len(shown.encode()) < 4200
    assert shown.endswith("… (12,000 bytes in all)")


def test_a_number_at_the_cut_is_not_shown_in_half() -> None:
    # Of the eleven digits only the first five lie within the 4,096 bytes that are shown.
    payload = b"x " * 2045 + b" 13812345678"
    assert "138" not in masked(payload)
