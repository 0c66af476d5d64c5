"""Mapping files with mistakes: each is named with its line and a remedy."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from schemas.documents import DocumentError, read_document
from schemas.mapping import TableMapping, kinds_of, mapping_problems
from tests.sources.tables import CALLS

QUEUED, ANSWERED = CALLS["events"]


def problems_of(content: dict[str, Any]) -> str:
    with pytest.raises(DocumentError) as caught:
        read_document("m.yaml", yaml.safe_dump(content), TableMapping, mapping_problems)
    return "\n".join(caught.value.problems)


def rule(base: dict[str, Any], **changes: Any) -> list[dict[str, Any]]:
    return [base | changes]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"key": []}, "key"),
        ({"time_zone": "Shanghai"}, "not an IANA time zone; did you mean 'Asia/Shanghai'?"),
        ({"encoding": "gbk2"}, "no encoding that is known; utf-8 and gb18030"),
        ({"colour": "red"}, "unknown key; known: "),
        ({"fields": {"contact": "No"}}, "has no field 'contact'; did you mean"),
        ({"fields": {}}, "call.queued cannot do without contact_id; add it to fields"),
        ({"events": rule(QUEUED, type="call.quued")}, "is no event; did you mean 'call.queued'"),
        ({"events": [QUEUED, QUEUED]}, "call.queued twice; give each a name of its own"),
        ({"events": rule(QUEUED, when={"column": "x"})}, "say what must hold: is: [...]"),
        ({"events": rule(QUEUED, at={"plus": []})}, "give one of column, columns, constant"),
        (
            {"events": rule(ANSWERED, fields={"agent_id": "Agent", "wait_ms": "Waited"})},
            "a duration; say its unit: ms, s, min, h, h:mm:ss",
        ),
        (
            {"events": rule(QUEUED, fields={"queue": {"column": "Q", "unit": "s"}})},
            "queue is no duration; leave out unit",
        ),
        (
            {"events": rule(QUEUED, fields={"queue": "Q", "queue.name": "Q"})},
            "queue of call.queued: it has no parts",
        ),
        ({"events": rule(QUEUED, at={"column": "In", "plus": {"column": "W"}})}, "say its unit"),
    ],
)
def test_mistakes_are_named(changes: dict[str, Any], words: str) -> None:
    found = problems_of(CALLS | changes)
    assert words in found
    assert found.startswith("m.yaml:")


def test_kinds_follow_from_the_contracts() -> None:
    kinds = kinds_of("ticket.resolved")
    assert {kinds[name] for name in ("ticket_id", "text", "phone")} == {"text"}
    assert (kinds["due_at"], kinds["category"], kinds["upheld"]) == ("instant", "list", "boolean")
    assert (kinds["seq"], kinds["compensation_amount"]) == ("integer", "number")
    assert kinds_of("survey.responded")["items"] == "object"
    assert kinds_of("customer.count")["as_of"] == "day"
    assert kinds_of("no.event") == {}
