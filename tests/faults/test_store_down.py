"""A store goes down and comes back, hangs, or was never right: nothing is lost, said plainly."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra import clickhouse
from tests.faults.support import Deployment, Running, Views, assert_same, views_of
from tests.infra.support import wait_for

pytestmark = pytest.mark.faults


@pytest.fixture
def external(tmp_path: Path) -> Iterator[clickhouse.Server]:
    """A server that keeps its port, as one that somebody else runs."""
    directory = tmp_path / "external"
    yield clickhouse.start(directory)
    clickhouse.stop(directory)


def begun(deployment: Deployment, day: Path, server: clickhouse.Server) -> Running:
    """An ingest into that server, on its way."""
    assert deployment.run("migrate", "--clickhouse", server.url).status == 0
    running = deployment.start_ingest(day, "--clickhouse", server.url)
    wait_for(lambda: any(deployment.log.glob("*.log")), timeout_s=60)
    return running


def test_a_server_that_is_stopped_and_started(
    day: Path,
    undisturbed: Callable[[Path], Views],
    deployment: Deployment,
    external: clickhouse.Server,
) -> None:
    running = begun(deployment, day, external)
    clickhouse.stop(external.path)
    wait_for(lambda: "waiting for it" in running.said, timeout_s=60)
    assert running.lives_on(2)
    clickhouse.start(external.path)

    end = running.ended()

    assert end.status == 0
    begin, over = end.err.splitlines()
    assert begin.startswith(f"ClickHouse at 127.0.0.1:{external.port}/goldpan")
    assert begin.endswith("; nothing is lost, waiting for it")
    assert over == "the store is back"
    assert_same(views_of(external.url), undisturbed(day))


@pytest.mark.torture
def test_waiting_for_a_server_ends_with_a_signal(
    day: Path,
    undisturbed: Callable[[Path], Views],
    deployment: Deployment,
    external: clickhouse.Server,
) -> None:
    running = begun(deployment, day, external)
    clickhouse.stop(external.path)
    wait_for(lambda: "waiting for it" in running.said, timeout_s=60)
    running.process.send_signal(signal.SIGTERM)

    end = running.ended()

    assert end.status == 143
    assert end.err.splitlines()[1:] == [
        "goldpan: stopped; what was read is safe, run the command again"
    ]
    clickhouse.start(external.path)
    deployment.must_ingest(day, "--clickhouse", external.url)
    assert_same(views_of(external.url), undisturbed(day))


@pytest.mark.torture
def test_an_embedded_store_that_hangs_for_a_moment(
    day: Path, undisturbed: Callable[[Path], Views], deployment: Deployment
) -> None:
    running = deployment.start_ingest(day)
    wait_for(lambda: any(deployment.log.glob("*.log")), timeout_s=60)
    server = clickhouse.status(deployment.store)
    assert server is not None
    os.kill(server.pid, signal.SIGSTOP)
    assert running.lives_on(2)
    os.kill(server.pid, signal.SIGCONT)

    end = running.ended()

    assert (end.status, end.err) == (0, "")
    assert_same(deployment.views(), undisturbed(day))


@pytest.mark.torture
def test_an_embedded_store_that_hangs_for_minutes(
    day: Path, undisturbed: Callable[[Path], Views], deployment: Deployment
) -> None:
    running = deployment.start_ingest(day)
    wait_for(lambda: any(deployment.log.glob("*.log")), timeout_s=60)
    server = clickhouse.status(deployment.store)
    assert server is not None
    os.kill(server.pid, signal.SIGSTOP)
    wait_for(lambda: "still waiting for the store after" in running.said, timeout_s=300)
    os.kill(server.pid, signal.SIGCONT)

    end = running.ended()

    assert end.status == 0, end.err
    assert end.err.splitlines()[-1] == "the store is back"
    assert_same(deployment.views(), undisturbed(day))
