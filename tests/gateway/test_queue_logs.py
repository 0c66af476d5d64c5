"""`goldpan run --queue-log`: a file that grows, is not there, is rotated and emptied."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from clickhouse_driver import Client
from prometheus_client.parser import text_string_to_metric_families

from pipeline.__main__ import main
from tests.gateway.support import Gateway, queued
from tests.infra.support import wait_for
from tests.sources.queue_log import lines_of

Start = Callable[..., Gateway]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "asterisk" / "queue_log"


def add(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)


def answered(database: str) -> int:
    with Client.from_url(database) as client:
        sql = "SELECT count() FROM contacts FINAL WHERE answered_at IS NOT NULL"
        return int(client.execute(sql)[0][0])


def gauge(gateway: Gateway, name: str) -> float:
    text = gateway.ask("GET", "/metrics").body.decode()
    return next(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    )


def gauges(gateway: Gateway, name: str) -> dict[str, float]:
    """By file."""
    text = gateway.ask("GET", "/metrics").body.decode()
    return {
        sample.labels["file"]: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


def offered(database: str) -> int:
    with Client.from_url(database) as client:
        return int(client.execute("SELECT count() FROM contacts FINAL")[0][0])


def reasons(gateway: Gateway) -> list[str]:
    return list(gateway.ask("GET", "/readyz").json["reasons"])


def test_a_file_that_is_waited_for_grows_and_is_rotated_and_emptied(
    start: Start, database_of_its_own: str, log: Path
) -> None:
    gateway = start("--queue-log", log)
    missing = f"{log} is not there; it is waited for: check the path, and its writer"
    wait_for(lambda: reasons(gateway) == [missing])

    log.parent.mkdir()
    add(log, lines_of(range(20)) + b"1772442000|half a")
    wait_for(lambda: answered(database_of_its_own) == 20)
    assert reasons(gateway) == []
    assert gauge(gateway, "goldpan_queue_log_lag_bytes") == len(b"1772442000|half a")

    old = log.rename(log.with_name("queue_log.0"))
    add(old, b" line\n" + lines_of([20]))  # the writer still has it open
    add(log, lines_of([21]))
    wait_for(lambda: answered(database_of_its_own) == 22)
    assert gauge(gateway, "goldpan_queue_log_position_bytes") == log.stat().st_size
    assert gauge(gateway, "goldpan_queue_log_lag_bytes") == 0

    log.write_bytes(b"")
    add(log, lines_of(range(22, 30)))
    wait_for(lambda: answered(database_of_its_own) == 30)
    with Client.from_url(database_of_its_own) as client:
        details = client.execute("SELECT detail FROM dead_letters FINAL")
        assert client.execute("SELECT count() FROM raw_events WHERE payload LIKE '%1391234%'") == [
            (0,)
        ]
    assert len(details) == 1
    assert "the line has 2 fields" in details[0][0]
    assert gateway.stop() == 0
    assert gateway.said.splitlines() == [missing, f"{log} is read", "stopped"]


def test_a_second_file_and_a_restart(
    start: Start, database_of_its_own: str, log: Path, tmp_path: Path
) -> None:
    log.parent.mkdir()
    other = tmp_path / "second" / "queue_log"
    other.parent.mkdir()
    add(log, lines_of(range(3)))
    add(other, lines_of(range(3, 5)))
    gateway = start("--queue-log", log, "--queue-log", other)
    wait_for(lambda: answered(database_of_its_own) == 5)
    assert gateway.stop() == 0

    log.rename(log.with_name("queue_log.1"))
    add(log.with_name("queue_log.1"), lines_of([5]))
    add(log, lines_of([6]))
    gateway = start("--queue-log", log, "--queue-log", other)
    wait_for(lambda: answered(database_of_its_own) == 7)
    # Two calls of three lines; what was in before was not read again.
    assert gauge(gateway, "goldpan_events_received_total") == 6
    assert gateway.stop() == 0


def test_a_file_that_is_no_queue_log_is_given_up_and_nothing_else_is(
    start: Start, database_of_its_own: str, log: Path
) -> None:
    log.parent.mkdir()
    wrong = log.with_name("full")
    add(log, lines_of(range(20)))
    add(wrong, b'{"caller": "13912345678", "seconds": 12}\n' * 300)
    gateway = start("--queue-log", log, "--queue-log", wrong)
    wait_for(lambda: answered(database_of_its_own) == 20)
    wait_for(lambda: bool(reasons(gateway)))
    (reason,) = reasons(gateway)
    assert reason.startswith(
        f"{wrong} is no longer followed: 300 of its last 300 lines are no queue_log's, more than "
        "the allowed 5%; the first: '{"
    )
    assert "13912345678" not in reason
    assert "The last 300 were not taken in. Name the right file with --queue-log, or" in reason
    assert gauges(gateway, "goldpan_queue_log_given_up") == {str(log): 0, str(wrong): 1}

    # Ten bad lines of the last 70 may be; more are a file that has become another.
    add(log, b"half a line\n" * 10)
    with Client.from_url(database_of_its_own) as client:
        letters = "SELECT count() FROM dead_letters FINAL"
        wait_for(lambda: client.execute(letters) == [(10,)])
        add(log, b"another\n" + lines_of([20]))
        wait_for(lambda: len(reasons(gateway)) == 2)
        assert f"{log} is no longer followed: 11 of its last 74 lines" in reasons(gateway)[0]
        assert "the first: 'another': the line has 1 fields" in reasons(gateway)[0]
        assert gateway.send(queued("still")).status == 202
        wait_for(lambda: offered(database_of_its_own) == 21)
        assert client.execute(letters) == [(10,)]
    assert answered(database_of_its_own) == 20
    assert gateway.stop() == 0
    assert [line.partition(": ")[0] for line in gateway.said.splitlines()] == [
        f"{wrong} is no longer followed",
        f"{log} is no longer followed",
        "stopped",
    ]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("{here}",), "--queue-log {here} is a directory; name the file in it"),
        (("{here}/a", "{here}/a"), "--queue-log {here}/a is given twice; give it once"),
    ],
)
def test_a_path_that_cannot_be_followed(
    database_of_its_own: str,
    tmp_path: Path,
    names: tuple[str, ...],
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = [word for name in names for word in ("--queue-log", name.format(here=tmp_path))]
    place = ("--data-dir", str(tmp_path / "data"), "--clickhouse", database_of_its_own)
    assert main(["run", "--port", "0", *place, *words]) == 1
    assert said.format(here=tmp_path) in capsys.readouterr().err


def test_positions_that_are_damaged(
    database_of_its_own: str, log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    positions = tmp_path / "data" / "queue_logs.json"
    positions.parent.mkdir()
    positions.write_text('{"log": 1}')
    place = ("--data-dir", str(tmp_path / "data"), "--clickhouse", database_of_its_own)
    assert main(["run", "--port", "0", *place, "--queue-log", str(log)]) == 1
    assert f"{positions}: Expected" in capsys.readouterr().err
