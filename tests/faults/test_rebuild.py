"""Everything is computed again from the raw events, and comes out as it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from clickhouse_driver import Client

from infra import clickhouse
from tests.faults.calls import write_calls
from tests.faults.support import Deployment, Views, assert_same, only
from tests.infra.support import wait_for

pytestmark = pytest.mark.faults
Undisturbed = Callable[[Path], Views]


def execute(deployment: Deployment, sql: str) -> None:
    with Client.from_url(clickhouse.start(deployment.store).url) as client:
        client.execute(sql)


def test_a_damaged_table_is_computed_again(
    day: Path, undisturbed: Undisturbed, deployment: Deployment
) -> None:
    deployment.must_ingest(day)
    execute(deployment, "TRUNCATE TABLE contacts")
    execute(deployment, "ALTER TABLE call_minutes DELETE WHERE dims = 'queue'")

    end = deployment.run("rebuild")

    assert end.status == 0, end.err
    assert "records applied again" in end.out
    assert_same(deployment.views(), undisturbed(day))


def test_what_comes_after_a_rebuild_goes_on_from_it(
    hour: Path, undisturbed: Undisturbed, deployment: Deployment, tmp_path: Path
) -> None:
    more = write_calls(tmp_path / "more.jsonl", seed=6, calls=100)
    deployment.must_ingest(hour)
    deployment.run("rebuild")

    again = deployment.must_ingest(hour)
    deployment.must_ingest(more)

    assert "the same content is in already" in again.out
    other = Deployment(tmp_path / "other")
    other.must_ingest(hour)
    other.must_ingest(more)
    expected = other.views()
    other.close()
    assert_same(deployment.views(), expected)


def test_a_rebuild_that_is_killed_is_run_again(
    day: Path, undisturbed: Undisturbed, deployment: Deployment
) -> None:
    deployment.must_ingest(day)
    url = clickhouse.start(deployment.store).url
    running = deployment.start("rebuild")
    wait_for(lambda: only(url, "SELECT count() FROM checkpoint") == 0, timeout_s=60)
    wait_for(lambda: only(url, "SELECT count() FROM call_minutes") > 0, timeout_s=60)
    running.kill()

    end = deployment.run("rebuild")

    assert end.status == 0, end.err
    assert_same(deployment.views(), undisturbed(day))
