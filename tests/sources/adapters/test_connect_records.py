"""Amazon Connect's contact records: a record written small here, and the vendor's own."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest

from schemas.adapters import AdapterNames
from tests.sources.adapters.reading import PAYLOADS, brief, events_of, problem_of, readings_of

NAME = "connect-records"
ARN = "arn:aws:connect:eu-central-1:1:instance/i"


def record(**fields: Any) -> dict[str, Any]:
    """A call that went through the flow, waited 12 s, and was served for 60 s and 5 s of hold."""
    return deepcopy(
        {
            "ContactId": "c-1",
            "Channel": "VOICE",
            "InitiationMethod": "INBOUND",
            "InitiationTimestamp": "2026-03-02T09:00:00Z",
            "ConnectedToSystemTimestamp": "2026-03-02T09:00:01Z",
            "LastUpdateTimestamp": "2026-03-02T09:10:00Z",
            "DisconnectTimestamp": "2026-03-02T09:01:48Z",
            "DisconnectReason": "AGENT_DISCONNECT",
            "CustomerEndpoint": {"Address": "+4930123456", "Type": "TELEPHONE_NUMBER"},
            "Queue": {
                "ARN": f"{ARN}/queue/q-1",
                "Name": "Complaints",
                "EnqueueTimestamp": "2026-03-02T09:00:31Z",
                "DequeueTimestamp": "2026-03-02T09:00:43Z",
                "Duration": 12,
            },
            "Agent": {
                "ARN": f"{ARN}/agent/a-1",
                "ConnectedToAgentTimestamp": "2026-03-02T09:00:43Z",
                "AgentInteractionDuration": 60,
                "CustomerHoldDuration": 5,
                "AfterContactWorkDuration": 20,
                "AfterContactWorkEndTimestamp": "2026-03-02T09:02:08Z",
                "HierarchyGroups": {
                    "Level1": {"GroupName": "Berlin"},
                    "Level2": {"GroupName": "Desk"},
                    "Level3": None,
                },
            },
        }
        | fields
    )


def without_agent(reason: str, **fields: Any) -> dict[str, Any]:
    return record(Agent=None, DisconnectReason=reason, **fields)


def test_a_call_that_was_served() -> None:
    events = events_of(NAME, record())
    assert brief(events, "ivr_ms", "wait_ms", "talk_ms", "hold_ms", "acw_ms") == [
        ("ivr.started", "09:00:01", None, None, None, None, None),
        ("ivr.ended", "09:00:31", 30_000, None, None, None, None),
        ("call.queued", "09:00:31", None, None, None, None, None),
        ("call.answered", "09:00:43", None, 12_000, None, None, None),
        ("call.ended", "09:01:48", None, None, 60_000, 5000, None),
        ("call.acw_ended", "09:02:08", None, None, None, None, 20_000),
    ]
    assert {event["phone"] for event in events} == {"+4930123456"}
    assert events[2]["direction"] == "inbound"
    assert events[2]["channel"] == "phone"
    assert (events[3]["agent_id"], events[3]["team"]) == ("a-1", "Desk")
    assert events[4]["ended_by"] == "agent"


def test_a_record_that_is_sent_anew_has_the_same_ids_and_a_higher_version() -> None:
    first = events_of(NAME, record())
    later = record(LastUpdateTimestamp="2026-03-02T11:00:00.5Z")
    later["Agent"]["AfterContactWorkDuration"] = 25
    second = events_of(NAME, later)
    assert [event["event_id"] for event in first] == [event["event_id"] for event in second]
    # 2026-03-02T09:10:00Z, and an hour, 50 minutes and half a second later.
    assert {event["version"] for event in first} == {1_772_442_600_000}
    assert {event["version"] for event in second} == {1_772_442_600_000 + 6_600_500}
    assert events_of(NAME, record()) == first


@pytest.mark.parametrize(
    ("sent", "outcome"),
    [
        (without_agent("CUSTOMER_DISCONNECT"), ("call.abandoned", "09:00:43", 12_000, "queue")),
        (without_agent("CONTACT_FLOW_DISCONNECT"), ("call.flow_out", "09:00:43", 12_000, None)),
        (without_agent("OTHER", NextContactId="c-2"), ("call.flow_out", "09:00:43", 12_000, None)),
        (without_agent("TELECOM_PROBLEM"), ("call.failed", "09:00:43", 12_000, None)),
        # From the system's answer at 9:00:01 to the end at 9:01:48.
        (
            without_agent("CUSTOMER_DISCONNECT", Queue=None),
            ("call.abandoned", "09:01:48", 107_000, "ivr"),
        ),
    ],
)
def test_ways_to_end_without_an_agent(sent: object, outcome: tuple[object, ...]) -> None:
    assert brief(events_of(NAME, sent), "wait_ms", "phase")[-1] == outcome


def test_a_flow_that_needed_nobody() -> None:
    events = events_of(NAME, without_agent("CONTACT_FLOW_DISCONNECT", Queue=None))
    assert brief(events, "contained") == [
        ("ivr.started", "09:00:01", None),
        ("ivr.ended", "09:01:48", True),
    ]


def test_a_call_that_the_centre_made() -> None:
    sent = record(InitiationMethod="OUTBOUND")
    sent["Queue"] |= {"EnqueueTimestamp": None, "DequeueTimestamp": None, "Duration": None}
    assert brief(events_of(NAME, sent), "direction", "queue", "wait_ms")[:2] == [
        ("call.queued", "09:00:43", "outbound", "Complaints", None),
        ("call.answered", "09:00:43", None, "Complaints", 0),
    ]
    sent = without_agent("OUTBOUND_ATTEMPT_FAILED", InitiationMethod="OUTBOUND", Queue=None)
    assert brief(events_of(NAME, sent), "reason") == [
        ("call.failed", "09:01:48", "outbound attempt failed")
    ]


def test_a_transfer_is_told_and_its_parts_belong_together() -> None:
    first = record(TransferCompletedTimestamp="2026-03-02T09:01:30Z")
    assert ("call.transferred", "09:01:30") in brief(events_of(NAME, first))
    second = record(ContactId="c-2", InitialContactId="c-1", InitiationMethod="TRANSFER")
    events = events_of(NAME, second)
    assert events[0]["event_type"] == "call.queued"
    assert {event["root_contact_id"] for event in events} == {"c-1"}


def test_the_sites_words_take_the_place_of_the_vendors() -> None:
    names = AdapterNames(queues={"q-1": "complaints"}, agents={"a-1": "li"})
    answered = events_of(NAME, record(), names)[3]
    assert (answered["queue"], answered["agent_id"]) == ("complaints", "li")


def test_fields_that_nobody_reads_are_counted_by_name() -> None:
    sent = record(NewThing={"a": 1}, Attributes={"name": "secret"})
    sent["Agent"]["NewField"] = 1
    (reading,) = readings_of(NAME, sent)
    assert {"NewThing", "Attributes", "Agent.NewField"} <= set(reading.ignored)
    assert len(reading.events) == 6


def test_records_stand_behind_each_other_in_a_stream() -> None:
    text = json.dumps(record()) + json.dumps(record(ContactId="c-2"))
    assert len(readings_of(NAME, text)) == 2
    assert len(readings_of(NAME, [record(), record()])) == 2


def test_what_cannot_be_read_is_named() -> None:
    nameless = record()
    del nameless["ContactId"]
    assert problem_of(NAME, nameless).startswith("ContactId is missing; send the record whole")
    assert problem_of(NAME, record(InitiationTimestamp="09:00")) == (
        "InitiationTimestamp is '09:00', but should be a time with seconds and a zone, such as "
        "2026-03-01T08:00:00Z; correct it at the source"
    )
    assert "the record is 5" in problem_of(NAME, "5")
    assert "character 1 begins no JSON value" in problem_of(NAME, "oops")
    assert "byte 2 is not UTF-8" in problem_of(NAME, b"{\xff}")
    lines = "\n".join((json.dumps(record()), '{"ContactId": "c-2', json.dumps(record())))
    assert [len(reading.events) for reading in readings_of(NAME, lines)] == [6, 0, 6]
    bad, good = readings_of(NAME, [nameless, record()])
    assert bad.problem
    assert bad.content.startswith(b"{")
    assert len(good.events) == 6


@pytest.mark.real_data
def test_the_record_of_amazons_own_documents() -> None:
    events = events_of(NAME, (PAYLOADS / "aws_connect_ctr.json").read_bytes())
    assert brief(events, "wait_ms", "talk_ms", "acw_ms", "ivr_ms") == [
        ("ivr.started", "14:59:38", None, None, None, None),
        ("ivr.ended", "15:00:42", None, None, None, 64_000),
        ("call.queued", "15:00:42", None, None, None, None),
        ("call.answered", "15:00:49", 7000, None, None, None),
        ("call.ended", "15:01:22", None, 33_000, None, None),
        ("call.acw_ended", "15:01:54", None, None, 32_000, None),
    ]
