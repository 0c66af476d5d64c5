"""Asterisk's queue_log, line by line; 1,772,442,000 is 2026-03-02T09:00:00Z."""

from __future__ import annotations

import pytest

from schemas.adapters import AdapterNames
from tests.sources.adapters.reading import PAYLOADS, brief, events_of, problem_of, readings_of

ANSWERED = """\
1772442000|1772442000.1|600|NONE|ENTERQUEUE||+8613800001111|1
1772442012|1772442000.1|600|SIP/li|RINGNOANSWER|10000
1772442020|1772442000.1|600|SIP/wang|CONNECT|20|1772442013.7|6
1772442080|1772442000.1|600|SIP/wang|COMPLETECALLER|20|60|1
"""


def test_a_call_that_was_answered_at_the_second_set() -> None:
    events = events_of("asterisk", ANSWERED)
    assert brief(events, "agent_id", "wait_ms", "talk_ms", "ring_ms") == [
        ("call.queued", "09:00:00", None, None, None, None),
        ("call.ringing", "09:00:12", "SIP/li", None, None, 10_000),
        ("call.answered", "09:00:20", "SIP/wang", 20_000, None, None),
        ("call.ended", "09:01:20", "SIP/wang", None, 60_000, None),
    ]
    assert {event["contact_id"] for event in events} == {"1772442000.1"}
    assert {event["queue"] for event in events} == {"600"}
    assert events[0]["phone"] == "+8613800001111"
    assert events[3]["ended_by"] == "customer"


def test_ids_follow_from_the_lines() -> None:
    once = [event["event_id"] for event in events_of("asterisk", ANSWERED)]
    again = [event["event_id"] for event in events_of("asterisk", ANSWERED.replace("\n", "\r\n"))]
    assert once == again
    assert len(set(once)) == 4


@pytest.mark.parametrize(
    ("line", "event"),
    [
        ("NONE|ABANDON|1|3|45", ("call.abandoned", "09:00:00", 45_000, None)),
        ("NONE|EXITWITHTIMEOUT|1|1|30", ("call.flow_out", "09:00:00", 30_000, "timeout")),
        ("NONE|EXITWITHTIMEOUT|1", ("call.flow_out", "09:00:00", None, "timeout")),
        ("NONE|EXITEMPTY|1|1|5", ("call.flow_out", "09:00:00", 5_000, "no agents")),
        ("NONE|EXITWITHKEY|9|2|2|7", ("call.flow_out", "09:00:00", 7_000, "key pressed")),
        ("SIP/li|SYSCOMPAT", ("call.failed", "09:00:00", None, "incompatible channels")),
    ],
)
def test_ways_out_of_a_queue(line: str, event: tuple[object, ...]) -> None:
    events = events_of("asterisk", f"1772442000|1772441950.1|600|{line}")
    assert brief(events, "wait_ms", "reason") == [event]


@pytest.mark.parametrize(
    "line",
    [
        "BLINDTRANSFER|700|internal|20|60|1",
        "TRANSFER|700|internal|20|60",
        "ATTENDEDTRANSFER|BRIDGE|x|20|60|1",
        "ATTENDEDTRANSFER|LINK|x|y|20|60|1",
    ],
)
def test_a_transfer_ends_the_agents_part(line: str) -> None:
    events = events_of("asterisk", f"1772442080|1772442000.1|600|SIP/wang|{line}")
    assert brief(events, "agent_id", "talk_ms") == [
        ("call.transferred", "09:01:20", "SIP/wang", None),
        ("call.ended", "09:01:20", "SIP/wang", 60_000),
    ]
    assert events[0]["event_id"] != events[1]["event_id"]


def test_agents_come_pause_and_go() -> None:
    lines = """\
1772442000|NONE|NONE|li|ADDMEMBER|
1772442060|NONE|NONE|li|PAUSEALL|lunch
1772442120|NONE|600|li|UNPAUSE|
1772442180|1772442180.9|NONE|li|AGENTLOGOFF|SIP/li|180
"""
    assert brief(events_of("asterisk", lines), "agent_id", "state", "reason", "queues") == [
        ("agent.state", "09:00:00", "li", "ready", None, None),
        ("agent.state", "09:01:00", "li", "not_ready", "lunch", None),
        ("agent.state", "09:02:00", "li", "ready", None, ["600"]),
        ("agent.state", "09:03:00", "li", "offline", None, None),
    ]


def test_the_sites_words_take_the_place_of_the_switchs() -> None:
    names = AdapterNames(queues={"600": "complaints"}, agents={"SIP/wang": "wang"})
    events = events_of("asterisk", ANSWERED, names)
    assert {event["queue"] for event in events} == {"complaints"}
    assert events[2]["agent_id"] == "wang"


@pytest.mark.parametrize("caller", ["anonymous", "unknown", ""])
def test_a_hidden_number_is_no_number(caller: str) -> None:
    (event,) = events_of("asterisk", f"1772442000|1.1|600|NONE|ENTERQUEUE||{caller}|1")
    assert "phone" not in event


def test_events_that_say_nothing_of_a_call_are_counted_by_name() -> None:
    lines = "1772442000|NONE|NONE|NONE|CONFIGRELOAD|\n1772442000|1.1|600|NONE|NEWTHING|1\n"
    assert [reading.skipped for reading in readings_of("asterisk", lines)] == [
        "queue_log event CONFIGRELOAD",
        "queue_log event NEWTHING",
    ]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("some text", "the line has 1 fields, not time|uniqueid|queue|member|event"),
        ("9 o'clock|1.1|600|NONE|ENTERQUEUE", 'first field is "9 o\'clock", not a Unix time'),
        ("1772442000000|1.1|600|NONE|ENTERQUEUE", "not a Unix time in seconds"),
        ("1772442000|NONE|600|li|CONNECT|5", "second field, the call's unique id"),
        ("1772442000||600|li|CONNECT|5", "second field, the call's unique id"),
        ("1772442000|1.1|600||CONNECT|5", "names no member in its fourth field"),
        ("1772442000|1.1|600|li|CONNECT|soon", "'soon' as its parameter 1, the seconds waited"),
        ("1772442000|1.1|600|li|COMPLETEAGENT|5", "nothing as its parameter 2"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(line: str, words: str) -> None:
    assert words in problem_of("asterisk", line)


@pytest.mark.real_data
def test_the_log_of_asterisks_own_documents() -> None:
    events = events_of("asterisk", (PAYLOADS / "asterisk_queue_log.txt").read_bytes())
    assert [event["event_type"].removeprefix("call.") for event in events] == [
        *("queued", "answered", "ended", "ringing", "answered", "ended"),
        *("ringing", "answered", "ended", "queued", "answered", "ended"),
    ]
    answered = [event for event in events if event["event_type"] == "call.answered"]
    # Seconds waited, as the lines say: 1, 2, 36 and 6.
    assert [event["wait_ms"] for event in answered] == [1000, 2000, 36_000, 6000]
    ended = [event["talk_ms"] for event in events if event["event_type"] == "call.ended"]
    assert ended == [3000, 4000, 8000, 25_000]
