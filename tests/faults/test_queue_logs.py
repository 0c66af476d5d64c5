"""kill -9 while a queue_log is followed and rotated: every call is counted, and none twice."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from infra import clickhouse
from tests.faults.support import Deployment, only
from tests.infra.support import wait_for
from tests.sources.queue_log import lines_of

pytestmark = pytest.mark.faults

PLACES = (
    ("pipeline.gateway.queue_logs:QueueLogs._reached", "before", 2),
    ("pipeline.runtimes.embedded:Embedded.publish", "before", 1),
    ("pipeline.sinks.client:Client.insert=checkpoint", "before", 1),
)
CALLS = 40
"""Between one death and the next."""


def test_what_was_written_while_it_died_counts_once(deployment: Deployment, tmp_path: Path) -> None:
    log = tmp_path / "queue_log"
    run = ("run", "--port", "0", "--queue-log", log)
    for number, (place, when, times) in enumerate(PLACES):
        with log.open("ab") as file:
            file.write(lines_of(range(number * CALLS, (number + 1) * CALLS)))
        doom = ("-m", "tests.faults.dying", "pipeline", place, when, str(times), "--")
        end = deployment.run(*run, prefix=doom)
        assert end.status == -signal.SIGKILL, end.err
        if number % 2:
            log.rename(log.with_name(f"queue_log.{number}"))
    log.touch()
    last = deployment.start(*run)
    url = clickhouse.start(deployment.store).url
    calls = len(PLACES) * CALLS
    ended = "SELECT count() FROM contacts FINAL WHERE ended_at IS NOT NULL"
    wait_for(lambda: only(url, ended) == calls, 60)
    last.process.terminate()
    assert last.ended().status == 0

    url = clickhouse.start(deployment.store).url
    sums = "sum(offered), sum(answered), sum(handled), sum(wait_answered_ms), sum(talk_ms)"
    counted = only(url, f"SELECT tuple({sums}) FROM call_minutes FINAL WHERE dims = 'site'")
    assert counted == (calls, calls, calls, 12_000 * calls, 30_000 * calls)
    parity = deployment.run("parity")
    assert parity.status == 0, parity.out
