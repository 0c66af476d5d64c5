"""Tables and vendors' files, typed in: what goes in, what is said, and what must not be kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from clickhouse_driver import Client

from tests.cli.conftest import Goldpan
from tests.sources.adapters.test_asterisk import ANSWERED as QUEUE_LOG
from tests.sources.tables import ANSWERED, HEADER, LOST, csv_file, mapping_file, xlsx_file

PHONE = "13800001111"


def everything_in(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in directory.rglob("*") if path.is_file())


def test_a_table_with_odd_headers_goes_in_by_its_mapping(
    goldpan: Goldpan, database: str, tmp_path: Path
) -> None:
    file, mapping = csv_file(tmp_path, HEADER, ANSWERED, LOST), mapping_file(tmp_path)
    command = ("ingest", file, "--format", "csv", "--mapping", mapping)

    assert goldpan(*command).out == "calls.csv: 3 events are in\n"
    assert goldpan(*command).out == "calls.csv: the same content is in already (3 events)\n"
    # The same rows in another file: known by the events' ids.
    again = xlsx_file(tmp_path, HEADER, ANSWERED, LOST)
    sheet = mapping_file(tmp_path, sheet="Calls")
    said = goldpan("ingest", again, "--format", "xlsx", "--mapping", sheet)
    assert (said.status, said.err) == (0, "")

    report = goldpan("report", "offered", "answered", "--by", "total", "--format", "csv")
    assert report.out == "period,offered,answered\ntotal,2,1\n"
    with Client.from_url(database) as client:
        stored = str(client.execute("SELECT payload FROM raw_events"))
    assert '"phone_hash":"h' in stored
    assert PHONE not in stored
    assert PHONE.encode() not in everything_in(tmp_path / "data")


def test_a_vendors_file(goldpan: Goldpan, tmp_path: Path) -> None:
    file, site = tmp_path / "queue_log", tmp_path / "site.yaml"
    file.write_text(QUEUE_LOG)
    site.write_text(
        "{format: 1, site: example, name: {zh: 示例, en: Example}, time_zone: Asia/Shanghai,\n"
        "adapters: {asterisk: {queues: {'600': complaints}}}}\n"
    )

    said = goldpan("ingest", file, "--format", "asterisk", "--site", site)

    assert (said.status, said.out) == (0, "queue_log: 4 events are in\n")
    report = goldpan("report", "answered", "--by", "total", "--group", "queue", "--format", "csv")
    assert report.out == "period,queue,answered\ntotal,complaints,1\n"
    assert PHONE.encode() not in everything_in(tmp_path / "data")


def test_what_a_source_sends_along_goes_no_further(goldpan: Goldpan, tmp_path: Path) -> None:
    event = {
        "event_id": "e1",
        "event_type": "call.queued",
        "site": "example",
        "source": "pbx",
        "occurred_at": "2026-03-02T09:00:00Z",
        "contact_id": "c1",
        "queue": "vip",
        "phone": PHONE,
        "caller_name": "Wang Xiaoming",
    }
    bad = event | {"event_id": "e2", "queue": None, "contact_id": int(PHONE)}
    file = tmp_path / "calls.jsonl"
    file.write_text(f'{json.dumps(event)}\n{json.dumps(bad)}\n{{"phone": "{PHONE}", oops\n')

    said = goldpan("ingest", file, "--format", "jsonl", "--max-bad-share", "1")

    assert said.status == 0
    assert "passed over: 2 x field 'caller_name', which no event has: dropped\n" in said.out
    kept = everything_in(tmp_path / "data") + goldpan("dead-letters", "list").out.encode()
    assert PHONE.encode() not in kept
    assert b"Xiaoming" not in kept


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--format", "csv"), "--format csv needs --mapping FILE; docs/examples has one to copy"),
        (("--format", "jsonl", "--mapping", "m"), "--mapping is for --format csv and xlsx; leave"),
        (("--format", "csv", "--mapping", "none.yaml"), "none.yaml: no such file"),
    ],
)
def test_options_that_do_not_fit(
    words: tuple[str, ...], problem: str, goldpan: Goldpan, tmp_path: Path
) -> None:
    said = goldpan("ingest", csv_file(tmp_path, HEADER, ANSWERED), *words)
    assert said.status == 1
    assert said.err.startswith(f"goldpan: {problem}")


def test_a_mapping_is_tried_before_it_is_used(typed: Goldpan, tmp_path: Path) -> None:
    file, mapping = csv_file(tmp_path, HEADER, ANSWERED, LOST), mapping_file(tmp_path)

    said = typed("mapping", "check", file, mapping, "--rows", "1")

    assert (said.status, said.err) == (0, "")
    assert said.out == (
        "row 2\n"
        "  2026-03-02T01:00:00+00:00 call.queued: event_id='export:a1:call.queued', "
        "contact_id='a1', phone=(its keyed hash), queue='vip'\n"
        "  2026-03-02T01:00:12+00:00 call.answered: event_id='export:a1:call.answered', "
        "contact_id='a1', agent_id='li', wait_ms=12000\n"
        "calls.csv: 2 rows; events: 1 x call.answered, 2 x call.queued\n"
    )


def test_a_mapping_that_does_not_fit_its_table(typed: Goldpan, tmp_path: Path) -> None:
    bad = ["a3", "soon", *ANSWERED[2:]]
    long = ["a4", *ANSWERED[1:5], "99999999", "li"]
    file = csv_file(tmp_path, HEADER, ANSWERED, bad, long)
    said = typed("mapping", "check", file, mapping_file(tmp_path), "--rows", "0")
    assert said.status == 1
    assert said.out == (
        "calls.csv: 3 rows; events: 1 x call.answered, 2 x call.queued\n"
        "  rows that are not right: 2\n"
        "  row 3: column 'In' is 'soon', not a time as 2026-03-01 08:00:00 (ISO 8601); correct the "
        "cell or time_formats\n"
        "  row 4: call.answered: wait_ms should be less than or equal to 604800000, but is "
        "<11 digits>; correct it at the source.\n"
    )
    wrong = mapping_file(tmp_path, key=["Nr"])
    said = typed("mapping", "check", file, wrong)
    assert (said.status, said.out) == (1, "")
    assert said.err.startswith(f"goldpan: {file} has no column 'Nr' in row 1, which the mapping")
