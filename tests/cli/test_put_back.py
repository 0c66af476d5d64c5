"""Dead letters whose cause was mended are put back, keep their event id, and count once."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Goldpan
from tests.cli.events import event, queued


def test_replayed_once_they_are_events_and_counted_once(goldpan: Goldpan, tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    lines = [
        queued("1"),
        event("call.entered", "2", queue="general"),
        event("call.entered", "3", queue="general"),
        queued("4", queue=7),
    ]
    file.write_bytes(b"".join(line + b"\n" for line in lines))
    assert goldpan("ingest", file, "--format", "jsonl", "--max-bad-share", "1").status == 0
    offered = ("report", "offered", "--format", "csv")
    assert goldpan(*offered).out.splitlines()[1].endswith(",1")

    words = ("dead-letters", "replay", "--set", "event_type=call.queued")
    first, second = goldpan(*words), goldpan(*words)

    assert first.out.splitlines()[0] == "2 dead letters were put back and are counted"
    assert first.out.splitlines()[1].startswith("still bad: 1 invalid_field; the first: queue")
    assert second.out.splitlines()[0] == "0 dead letters were put back and are counted"
    assert goldpan(*offered).out.splitlines()[1].endswith(",3")
    assert goldpan("parity").status == 0
    mended = goldpan(
        "dead-letters", "replay", "--reason", "invalid_field", "--set", "queue=general"
    )
    assert mended.out == "1 dead letters were put back and are counted\n"
    assert goldpan(*offered).out.splitlines()[1].endswith(",4")


def test_an_assignment_that_is_none(goldpan: Goldpan) -> None:
    said = goldpan("dead-letters", "replay", "--set", "queue")
    assert said.status == 2
    assert "is not FIELD=VALUE" in said.err
