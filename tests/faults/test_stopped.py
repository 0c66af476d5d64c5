"""Ctrl-C, SIGTERM, two at once: one sentence, the right status, and the same command goes on."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.support import Deployment, Views, assert_same
from tests.infra.support import wait_for

pytestmark = pytest.mark.faults


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_an_ingest_that_can_go_on(
    number: signal.Signals,
    status: int,
    day: Path,
    undisturbed: Callable[[Path], Views],
    deployment: Deployment,
) -> None:
    running = deployment.start_ingest(day)
    wait_for(lambda: any(deployment.log.glob("*.log")), timeout_s=60)
    running.process.send_signal(number)

    end = running.ended()

    assert end.status == status
    assert end.err == "goldpan: stopped; what was read is safe, run the command again\n"
    deployment.must_ingest(day)
    assert_same(deployment.views(), undisturbed(day))


def test_a_second_process_on_the_same_directory(deployment: Deployment, day: Path) -> None:
    first = deployment.start_ingest(day)
    wait_for(lambda: any(deployment.log.glob("*.log")), timeout_s=60)
    first.process.send_signal(signal.SIGSTOP)

    end = deployment.ingest(day)
    first.process.send_signal(signal.SIGCONT)

    assert end.status == 1
    assert end.err == (
        f"goldpan: {deployment.log} is in use by process {first.process.pid}: stop that process, "
        "or choose another data directory\n"
    )
    assert first.process.wait(timeout=60) == 0
