"""Amazon Connect's agent events: snapshots before and after, and what follows from both."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.adapters import AdapterNames
from tests.sources.adapters.reading import PAYLOADS, brief, events_of, problem_of
from tests.sources.adapters.test_connect_records import record

NAME = "connect-agent-events"
ARN = "arn:aws:connect:eu-central-1:1:instance/i"


def contact(state: str, since: str, **fields: Any) -> dict[str, Any]:
    connected = "2026-03-02T09:00:43.000Z"
    return {
        "ContactId": "c-1",
        "State": state,
        "StateStartTimestamp": f"2026-03-02T{since}Z",
        "Channel": "VOICE",
        "InitiationMethod": "INBOUND",
        "Queue": {"ARN": f"{ARN}/queue/q-1", "Name": "Complaints"},
        "QueueTimestamp": "2026-03-02T09:00:31.500Z",
        "ConnectedToAgentTimestamp": None if state == "CONNECTING" else connected,
    } | fields


def snapshot(*contacts: dict[str, Any], status: str = "Available", **fields: Any) -> dict[str, Any]:
    return {
        "AgentStatus": {"Name": status, "StartTimestamp": "2026-03-02T08:00:00Z"} | fields,
        "Contacts": list(contacts),
        "Configuration": {
            "AgentHierarchyGroups": {"Level1": {"Name": "Berlin"}},
            "RoutingProfile": {
                "InboundQueues": [{"ARN": f"{ARN}/queue/q-1", "Name": "Complaints"}]
            },
        },
    }


def event(at: str, before: object, after: object, kind: str = "STATE_CHANGE") -> dict[str, Any]:
    return {
        "EventId": f"{kind}-{at}",
        "EventTimestamp": f"2026-03-02T{at}Z",
        "EventType": kind,
        "AgentARN": f"{ARN}/agent/a-1",
        "CurrentAgentSnapshot": after,
        "PreviousAgentSnapshot": before,
    }


RINGING = contact("CONNECTING", "09:00:35.000")
TALKING = contact("CONNECTED", "09:00:43.000")
AFTER = contact("ENDED", "09:01:48.250")


def test_a_contact_is_told_as_it_goes() -> None:
    sent = [
        event("09:00:35.000", snapshot(), snapshot(RINGING)),
        event("09:00:43.000", snapshot(RINGING), snapshot(TALKING)),
        event("09:01:48.250", snapshot(TALKING), snapshot(AFTER)),
        event("09:02:08.500", snapshot(AFTER), snapshot()),
    ]
    events = events_of(NAME, sent)
    # 9:00:31.5 to 9:00:43 are 11.5 s, to 9:01:48.25 65.25 s, to 9:02:08.5 20.25 s.
    assert brief(events, "state", "wait_ms", "talk_ms", "acw_ms") == [
        ("agent.state", "09:00:35", "ringing", None, None, None),
        ("agent.state", "09:00:43", "talking", None, None, None),
        ("call.queued", "09:00:31.500000", None, None, None, None),
        ("call.answered", "09:00:43", None, 11_500, None, None),
        ("agent.state", "09:01:48.250000", "acw", None, None, None),
        ("call.ended", "09:01:48.250000", None, None, 65_250, None),
        ("agent.state", "09:02:08.500000", "ready", None, None, None),
        ("call.acw_ended", "09:02:08.500000", None, None, None, 20_250),
    ]
    assert {event["agent_id"] for event in events if "agent_id" in event} == {"a-1"}
    assert (events[0]["team"], events[0]["queues"]) == ("Berlin", ["Complaints"])
    # Each is understood alone, so their order does not matter.
    assert sorted(map(str, events_of(NAME, sent[::-1]))) == sorted(map(str, events))


def test_the_contacts_record_has_the_last_word() -> None:
    sent = [
        event("09:00:43.000", snapshot(RINGING), snapshot(TALKING)),
        event("09:01:48.250", snapshot(TALKING), snapshot(AFTER)),
        event("09:02:08.500", snapshot(AFTER), snapshot()),
    ]
    versions = {e["event_id"]: e["version"] for e in events_of(NAME, sent) if "version" in e}
    later = {e["event_id"]: e["version"] for e in events_of("connect-records", record())}
    assert len(versions) == 4
    assert set(versions) < set(later)
    assert all(version < later[event_id] for event_id, version in versions.items())


def test_a_heartbeat_repeats_the_state_and_nothing_else() -> None:
    same = snapshot(TALKING)
    (state,) = events_of(NAME, event("09:01:00.000", same, same, "HEART_BEAT"))
    assert state["state"] == "talking"
    assert state["since"] == "2026-03-02T09:00:43+00:00"
    idle = snapshot()
    (state,) = events_of(NAME, event("09:05:00.000", idle, idle, "HEART_BEAT"))
    assert state["state"] == "ready"
    assert "since" not in state


@pytest.mark.parametrize(
    ("status", "more", "state", "reason"),
    [
        ("Available", {}, "ready", None),
        ("Verfügbar", {"Type": "ROUTABLE"}, "ready", None),
        ("Lunch", {"Type": "CUSTOM"}, "not_ready", "Lunch"),
        ("Lunch", {}, "not_ready", "Lunch"),
        ("Offline", {"Type": "OFFLINE"}, "offline", None),
        ("Outbound list", {"Type": "CUSTOM"}, "ready", None),
    ],
)
def test_the_status_that_an_agent_chose(
    status: str, more: dict[str, str], state: str, reason: str | None
) -> None:
    names = AdapterNames(states={"Outbound list": "ready"})
    sent = event("09:00:00.000", None, snapshot(status=status, **more), "LOGIN")
    (ours,) = events_of(NAME, sent, names)
    assert (ours["state"], ours.get("reason")) == (state, reason)
    assert ours["since"] == "2026-03-02T09:00:00+00:00"


def test_a_logout_is_offline_whatever_the_status_says() -> None:
    (state,) = events_of(NAME, event("18:00:00.000", snapshot(), snapshot(), "LOGOUT"))
    assert state["state"] == "offline"


def test_a_missed_call_rang() -> None:
    missed = contact("MISSED", "09:00:55.000", ConnectedToAgentTimestamp=None)
    events = events_of(NAME, event("09:00:55.000", snapshot(RINGING), snapshot(missed)))
    assert brief(events, "ring_ms")[1:] == [("call.ringing", "09:00:55", 20_000)]


def test_hold_is_a_state_and_no_second_answer() -> None:
    held = contact("CONNECTED_ONHOLD", "09:01:00.000")
    sent = [
        event("09:01:00.000", snapshot(TALKING), snapshot(held)),
        event("09:01:10.000", snapshot(held), snapshot(TALKING)),
    ]
    assert brief(events_of(NAME, sent), "state") == [
        ("agent.state", "09:01:00", "holding"),
        ("agent.state", "09:01:10", "talking"),
    ]


def test_what_cannot_be_read_is_named() -> None:
    sent = event("09:01:00.000", snapshot(), snapshot(TALKING))
    del sent["EventId"]
    assert problem_of(NAME, sent).startswith("EventId is missing; ")
    nameless = contact("CONNECTED", "09:00:43.000")
    del nameless["ContactId"]
    sent = event("09:01:00.000", snapshot(), snapshot(nameless))
    assert problem_of(NAME, sent).startswith(
        "CurrentAgentSnapshot.Contacts.0.ContactId is missing; "
    )


@pytest.mark.real_data
def test_the_pair_of_amazons_own_documents() -> None:
    events = events_of(NAME, (PAYLOADS / "aws_connect_agent_events.jsonl").read_bytes())
    # Talk 18:55:21.021 to 18:55:27.027, after-call work from then to 18:55:32.032: 5.005 s.
    assert brief(events, "state", "talk_ms", "acw_ms") == [
        ("agent.state", "18:55:27.027000", "acw", None, None),
        ("call.ended", "18:55:27.027000", None, 6006, None),
        ("agent.state", "18:55:32.032000", "ready", None, None),
        ("call.acw_ended", "18:55:32.032000", None, None, 5005),
    ]
