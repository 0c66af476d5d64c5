"""A replay that is killed, or whose store is, goes on and comes out as history was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra import clickhouse
from tests.faults.support import Deployment, assert_same, views_of

pytestmark = pytest.mark.faults
INSERT = "pipeline.sinks.client:Client.insert"


@pytest.fixture(scope="module")
def history(hour: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """An hour that is in."""
    deployment = Deployment(tmp_path_factory.mktemp("history"))
    deployment.must_ingest(hour)
    yield deployment
    deployment.close()


@pytest.mark.parametrize(
    ("victim", "place", "number"),
    [
        ("pipeline", f"{INSERT}=contacts", 1),
        ("both", f"{INSERT}=checkpoint", 3),
        ("store", f"{INSERT}=callers", 1),
    ],
)
def test_killed_in_the_middle_it_goes_on(
    history: Deployment, victim: str, place: str, number: int
) -> None:
    prefix = ("-m", "tests.faults.dying", victim, place, "before", str(number), "--")
    struck = history.data / "struck"
    struck.unlink(missing_ok=True)

    killed = history.run("replay", "--into", victim, prefix=prefix)

    assert struck.exists()
    assert (killed.status == 0) == (victim == "store"), killed.err
    end = history.run("replay", "--into", victim)
    assert end.status == 0, end.err
    url = clickhouse.start(history.store).url
    found = views_of(f"{url.rpartition('/')[0]}/{victim}")
    assert_same(found, history.views())
    assert found["call_minutes"]
