"""Genesys Cloud's conversation details: a voice call written small here, and a chat of theirs."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from schemas.adapters import AdapterNames
from tests.sources.adapters.reading import PAYLOADS, brief, events_of, problem_of, readings_of

NAME = "genesys"


def metric(name: str, at: str, value: float = 1) -> dict[str, Any]:
    return {"name": name, "emitDate": f"2026-03-02T{at}Z", "value": value}


def segment(kind: str, start: str, end: str, disconnect: str = "transfer") -> dict[str, Any]:
    return {
        "segmentType": kind,
        "segmentStart": f"2026-03-02T{start}Z",
        "segmentEnd": f"2026-03-02T{end}Z",
        "disconnectType": disconnect,
        "queueId": None if kind == "ivr" else "q-1",
    }


def session(name: str, metrics: list[Any], segments: list[Any], **more: Any) -> dict[str, Any]:
    fields = {"sessionId": name, "mediaType": "voice", "metrics": metrics, "segments": segments}
    return fields | more


def participant(purpose: str, *sessions: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"purpose": purpose, "sessions": list(sessions)} | more


CUSTOMER = participant("customer", session("s-c", [], [], ani="tel:+4930123456", dnis="tel:+49800"))
FLOW = participant(
    "ivr",
    session(
        "s-i",
        [metric("nFlow", "09:00:00.000"), metric("tIvr", "09:00:30.000", 30_000)],
        [segment("ivr", "09:00:00.000", "09:00:30.000")],
    ),
)
QUEUE = participant(
    "acd",
    session(
        "s-q",
        [metric("nOffered", "09:00:30.100"), metric("tAcd", "09:00:42.100", 12_000)],
        [segment("interact", "09:00:30.100", "09:00:42.100")],
    ),
)
AGENT = participant(
    "agent",
    session(
        "s-a",
        [
            metric("tAnswered", "09:00:42.200", 12_100),
            metric("tTalk", "09:01:00.000", 17_800),
            metric("tHeldComplete", "09:01:47.500", 5_300),
            metric("tTalkComplete", "09:01:47.500", 60_000),
            metric("tAcw", "09:02:07.750", 20_250),
        ],
        [segment("interact", "09:00:42.200", "09:01:47.500", "client")],
    ),
    userId="u-1",
    teamId="t-1",
)


def conversation(*participants: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return deepcopy(
        {
            "conversationId": "g-1",
            "conversationStart": "2026-03-02T09:00:00.000Z",
            "conversationEnd": "2026-03-02T09:02:07.750Z",
            "originatingDirection": "inbound",
            "participants": [CUSTOMER, *participants],
        }
        | fields
    )


def test_a_call_through_flow_queue_and_agent() -> None:
    events = events_of(NAME, conversation(AGENT, QUEUE, FLOW))
    names = ("ivr_ms", "wait_ms", "talk_ms", "hold_ms", "acw_ms")
    assert brief(events, *names) == [
        ("ivr.started", "09:00:00", None, None, None, None, None),
        ("ivr.ended", "09:00:30", 30_000, None, None, None, None),
        ("call.queued", "09:00:30.100000", None, None, None, None, None),
        ("call.answered", "09:00:42.200000", None, 12_100, None, None, None),
        ("call.ended", "09:01:47.500000", None, None, 60_000, 5300, None),
        ("call.acw_ended", "09:02:07.750000", None, None, None, None, 20_250),
    ]
    assert {event["phone"] for event in events} == {"+4930123456"}
    assert {event["channel"] for event in events[2:]} == {"phone"}
    # The latest time in it: 2026-03-02T09:02:07.750Z.
    assert {event["version"] for event in events} == {1_772_442_127_750}


def test_a_conversation_that_goes_on_is_sent_again() -> None:
    early = conversation(QUEUE, FLOW, conversationEnd=None)
    first = {event["event_id"]: event["version"] for event in events_of(NAME, early)}
    whole = events_of(NAME, conversation(AGENT, QUEUE, FLOW))
    later = {event["event_id"]: event["version"] for event in whole}
    assert len(first) == 3
    assert set(first) < set(later)
    assert all(version < later[event_id] for event_id, version in first.items())
    assert events_of(NAME, conversation(AGENT, QUEUE, FLOW)) == whole


@pytest.mark.parametrize(
    ("told", "event"),
    [
        (metric("tAbandon", "09:01:15.100", 45_000), ("call.abandoned", 45_000, "queue")),
        (metric("tFlowOut", "09:01:15.100", 45_000), ("call.flow_out", 45_000, None)),
    ],
)
def test_ways_out_of_a_queue(told: dict[str, Any], event: tuple[object, ...]) -> None:
    queue = deepcopy(QUEUE)
    queue["sessions"][0]["metrics"].append(told)
    last = events_of(NAME, conversation(queue))[-1]
    assert (last["event_type"], last["wait_ms"], last.get("phase")) == event


@pytest.mark.parametrize(
    ("disconnect", "events"),
    [
        ("system", ["ivr.started", "ivr.ended"]),
        ("peer", ["ivr.started", "ivr.ended", "call.abandoned"]),
    ],
)
def test_a_conversation_that_ended_in_the_flow(disconnect: str, events: list[str]) -> None:
    flow = deepcopy(FLOW)
    flow["sessions"][0]["segments"][0]["disconnectType"] = disconnect
    found = events_of(NAME, conversation(flow))
    assert [event["event_type"] for event in found] == events
    assert found[1].get("contained") == (True if disconnect == "system" else None)
    if disconnect == "peer":
        assert (found[2]["phase"], found[2]["wait_ms"]) == ("ivr", 30_000)


def test_two_agents_in_a_row() -> None:
    second = deepcopy(AGENT)
    second["userId"] = "u-2"
    second["sessions"][0]["sessionId"] = "s-b"
    first = deepcopy(AGENT)
    first["sessions"][0]["metrics"].append(metric("nTransferred", "09:01:47.500"))
    events = events_of(NAME, conversation(QUEUE, first, second))
    assert len({event["event_id"] for event in events}) == len(events) == 8
    moved = [event for event in events if event["event_type"] == "call.transferred"]
    assert [event["agent_id"] for event in moved] == ["u-1"]


def test_an_agent_who_did_not_respond() -> None:
    silent = participant(
        "agent",
        session("s-n", [metric("tNotResponding", "09:00:38.100", 8000)], []),
        userId="u-9",
    )
    events = events_of(NAME, conversation(QUEUE, silent))
    assert brief(events, "agent_id", "ring_ms")[-1] == (
        "call.ringing",
        "09:00:38.100000",
        "u-9",
        8000,
    )


def test_a_call_that_the_centre_made() -> None:
    agent = deepcopy(AGENT)
    agent["sessions"][0]["metrics"].pop(0)
    events = events_of(NAME, conversation(agent, originatingDirection="outbound"))
    assert brief(events, "direction", "wait_ms")[:2] == [
        ("call.queued", "09:00:42.200000", "outbound", None),
        ("call.answered", "09:00:42.200000", None, 0),
    ]
    assert events[0]["phone"] == "+49800"


def test_the_sites_words_take_the_place_of_the_vendors() -> None:
    names = AdapterNames(
        queues={"q-1": "complaints"}, agents={"u-1": "li"}, departments={"t-1": "night"}
    )
    answered = events_of(NAME, conversation(AGENT, QUEUE, FLOW), names)[3]
    assert [answered[name] for name in ("queue", "agent_id", "team")] == [
        *("complaints", "li", "night")
    ]


def test_the_answer_of_a_query_is_unpacked() -> None:
    body = {"conversations": [conversation(QUEUE), conversation(QUEUE)], "totalHits": 2}
    assert len(readings_of(NAME, body)) == 2
    assert "conversations is not a list" in problem_of(NAME, {"conversations": 5})


def test_what_cannot_be_read_is_named() -> None:
    sent = conversation(QUEUE)
    del sent["conversationId"]
    assert problem_of(NAME, sent).startswith("conversationId is missing; ")
    sent = conversation(QUEUE)
    del sent["participants"][1]["sessions"][0]["sessionId"]
    assert problem_of(NAME, sent).startswith("participants.1.sessions.0.sessionId is missing; ")


@pytest.mark.real_data
def test_the_chat_of_genesys_own_documents() -> None:
    events = events_of(NAME, (PAYLOADS / "genesys_conversation_details.json").read_bytes())
    # It names a customer and nobody else: no queue, no agent, no sign of who ended it.
    assert brief(events, "contained") == [
        ("ivr.started", "16:17:13.638000", None),
        ("ivr.ended", "02:17:42.787000", None),
    ]
