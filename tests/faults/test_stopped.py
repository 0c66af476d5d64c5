"""Ctrl-C, SIGTERM, two at once: one sentence, the right status, and the same command goes on."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from infra import clickhouse
from tests.faults.support import ROOT, Deployment, Views, assert_same
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


def test_a_signal_before_the_command_has_begun(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pipeline", "demo", "--data-dir", str(tmp_path)]
    running = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_for(lambda: catches(running.pid, signal.SIGTERM), timeout_s=60)
    running.send_signal(signal.SIGINT)

    out, err = running.communicate(timeout=60)

    assert (running.returncode, out) == (130, "")
    assert err == "goldpan: stopped; what was read is safe, run the command again\n"


def catches(pid: int, number: signal.Signals) -> bool:
    """Whether a process has a handler for a signal."""
    status = Path(f"/proc/{pid}/status").read_text()
    mask = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(mask, 16) >> (number - 1) & 1)


def test_a_second_process_on_the_same_directory(deployment: Deployment, day: Path) -> None:
    first = deployment.start_ingest(day)
    wait_for(lambda: any(deployment.log.glob("*.log")), timeout_s=60)
    first.process.send_signal(signal.SIGSTOP)

    end = deployment.ingest(day)
    first.process.send_signal(signal.SIGCONT)

    assert end.status == 1
    assert end.err == (
        f"goldpan: {deployment.log} is in use by process {first.process.pid}: stop that process, "
        "and run this again; or, if it is 'goldpan run', send it the file, up to 8 MB at a time: "
        "curl http://127.0.0.1:8400/v1/events -H 'Authorization: Bearer KEY' "
        "-H 'Content-Type: application/x-ndjson' --data-binary @FILE\n"
    )
    assert first.process.wait(timeout=60) == 0


def test_the_port_that_the_store_had_is_taken(hour: Path, deployment: Deployment) -> None:
    server = clickhouse.start(deployment.store)
    clickhouse.stop(deployment.store)
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((server.host, server.port))
        taken.listen()

        deployment.must_ingest(hour)

        now = clickhouse.status(deployment.store)
    assert now is not None
    assert now.port != server.port


def test_a_reader_that_has_enough(hour: Path, deployment: Deployment) -> None:
    deployment.must_ingest(hour)
    command = [sys.executable, "-m", "pipeline", "report", "offered", "--by", "minute"]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*command, "--data-dir", deployment.data],
        stdout=writing,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        check=False,
    )
    os.close(writing)

    assert (done.returncode, done.stderr) == (141, b"")
