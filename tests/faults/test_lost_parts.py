"""A part of a deployment is deleted or cut by hand: what is left makes it whole again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from infra import clickhouse
from tests.faults.conftest import Deploy
from tests.faults.support import Deployment, Views, assert_same, letters_once, only, views_of
from tests.infra.support import wait_for

pytestmark = pytest.mark.faults
Undisturbed = Callable[[Path], Views]


def log_bytes(deployment: Deployment) -> int:
    return sum(path.stat().st_size for path in deployment.log.glob("*.log"))


def killed_in_the_middle(deployment: Deployment, file: Path) -> None:
    """Begin an ingest and kill it when some of the file is in the log."""
    running = deployment.start_ingest(file)
    wait_for(lambda: log_bytes(deployment) > 300_000, timeout_s=60)
    running.kill()


def test_a_log_whose_end_was_cut_after_a_kill(
    day: Path, undisturbed: Undisturbed, deployment: Deployment
) -> None:
    killed_in_the_middle(deployment, day)
    last = max(deployment.log.glob("*.log"))
    os.truncate(last, last.stat().st_size - 7)

    deployment.must_ingest(day)

    assert_same(letters_once(deployment.views()), letters_once(undisturbed(day)))


def test_a_store_that_was_deleted_is_built_again_from_the_log(
    hour: Path, undisturbed: Undisturbed, deployment: Deployment
) -> None:
    deployment.must_ingest(hour)
    clickhouse.stop(deployment.store)
    shutil.rmtree(deployment.store)

    end = deployment.must_ingest(hour)

    assert "the same content is in already" in end.out
    assert_same(deployment.views(), undisturbed(hour))


@pytest.mark.torture
def test_a_store_that_was_deleted_in_the_middle(
    day: Path, undisturbed: Undisturbed, deployment: Deployment
) -> None:
    killed_in_the_middle(deployment, day)
    clickhouse.stop(deployment.store)
    shutil.rmtree(deployment.store)

    deployment.must_ingest(day)

    assert_same(deployment.views(), undisturbed(day))


def test_a_log_that_was_deleted_goes_on_in_a_new_generation(
    hour: Path, day: Path, deployment: Deployment
) -> None:
    deployment.must_ingest(hour)
    before = deployment.views()
    shutil.rmtree(deployment.log)

    end = deployment.must_ingest(hour)

    assert "the same content is in already" in end.out
    assert_same(deployment.views(), before)
    deployment.must_ingest(day)
    url = clickhouse.start(deployment.store).url
    assert only(url, "SELECT max(generation) FROM raw_events") == 2


def test_all_but_the_store_was_deleted_and_the_file_comes_again(
    hour: Path, deployment: Deployment
) -> None:
    deployment.must_ingest(hour)
    before = deployment.views()
    shutil.rmtree(deployment.log)
    for path in deployment.data.glob("subjects.sqlite*"):
        path.unlink()

    end = deployment.must_ingest(hour)

    assert "the same content is in already" not in end.out
    assert_same(letters_once(deployment.views()), letters_once(before))


@pytest.mark.torture
def test_a_log_that_was_deleted_in_the_middle(
    day: Path, undisturbed: Undisturbed, deployment: Deployment
) -> None:
    """What was in the log alone is gone with it, so the file is read from its beginning."""
    killed_in_the_middle(deployment, day)
    shutil.rmtree(deployment.log)

    deployment.must_ingest(day)

    assert_same(letters_once(deployment.views()), letters_once(undisturbed(day)))


@pytest.mark.parametrize("whole", [True, False])
def test_a_subject_map_that_was_deleted_is_made_again_from_the_log(
    whole: bool, hour: Path, day: Path, undisturbed: Undisturbed, deployment: Deployment
) -> None:
    file = hour if whole else day
    if whole:
        deployment.must_ingest(file)
    else:
        killed_in_the_middle(deployment, file)
    for path in deployment.data.glob("subjects.sqlite*"):
        path.unlink()

    end = deployment.must_ingest(file)

    assert ("the same content is in already" in end.out) == whole
    assert_same(deployment.views(), undisturbed(file))


def test_another_store_under_the_same_log_gets_everything(
    hour: Path, undisturbed: Undisturbed, deploy: Deploy, database: str
) -> None:
    deployment = deploy()
    deployment.must_ingest(hour)
    assert deployment.run("migrate", "--clickhouse", database).status == 0

    deployment.must_ingest(hour, "--clickhouse", database)

    assert_same(views_of(database), undisturbed(hour))
