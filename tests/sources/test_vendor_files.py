"""Files of vendors' records: one a line, one behind another, a document, and broken ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest

from pipeline.errors import InputError
from pipeline.sources import vendor_files
from pipeline.sources.adapters import ADAPTERS, Sender
from pipeline.sources.vendor_files import VendorFile
from schemas.adapters import AdapterName
from tests.sources.adapters.test_asterisk import ANSWERED
from tests.sources.adapters.test_connect_records import record


def source_of(path: Path, name: str, content: str) -> VendorFile:
    path.write_text(content)
    return VendorFile(path, ADAPTERS[name], Sender("example", name))


def test_a_sites_configuration_knows_every_adapter() -> None:
    assert set(get_args(AdapterName)) == set(ADAPTERS)


RECORDS = [record(), record(ContactId="c-2")]


@pytest.mark.parametrize(
    "content",
    [
        "\n".join(json.dumps(each) for each in RECORDS),
        "".join(json.dumps(each) for each in RECORDS),
        json.dumps(RECORDS, indent=1),
        "\n\n".join(json.dumps(each, indent=1) for each in RECORDS),
    ],
    ids=["lines", "stream", "document", "documents"],
)
def test_however_records_are_written_their_events_are_the_same(
    tmp_path: Path, content: str
) -> None:
    source = source_of(tmp_path / "records", "connect-records", content)
    events = [json.loads(payload) for payload in source.events()]
    assert [event["contact_id"] for event in events] == ["c-1"] * 6 + ["c-2"] * 6
    assert source.position == source.size > 0


def test_bad_records_become_dead_letters_that_name_them(tmp_path: Path) -> None:
    lines = [json.dumps(RECORDS[0]), '{"ContactId": 5', json.dumps({"Channel": "VOICE"})]
    source = source_of(tmp_path / "records", "connect-records", "\n".join(lines))
    *events, torn, empty = (json.loads(payload) for payload in source.events())
    assert len(events) == 6
    assert (torn["row"], empty["row"]) == (2, 3)
    assert "begins no JSON value" in torn["problem"]
    assert empty["problem"].startswith("ContactId is missing; ")


def test_a_queue_log_and_what_of_it_says_nothing(tmp_path: Path) -> None:
    lines = f"1772441999|NONE|NONE|NONE|QUEUESTART|\n{ANSWERED}"
    source = source_of(tmp_path / "queue_log", "asterisk", lines)
    assert len([*source.events()]) == 4
    assert source.skipped == {"queue_log event QUEUESTART": 1}
    assert [*source.events()] == [*source.events()]


def test_an_empty_file(tmp_path: Path) -> None:
    assert [*source_of(tmp_path / "f", "genesys", "\n").events()] == []


def test_a_document_that_is_too_large_to_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vendor_files, "MAX_WHOLE", 1000)
    source = source_of(tmp_path / "f", "connect-records", json.dumps(RECORDS, indent=1))
    with pytest.raises(InputError, match="is not one record a line and larger than 1,000 bytes"):
        list(source.events())
