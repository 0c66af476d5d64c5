"""One day of calls, what it comes to when nothing goes wrong, and places to let things go wrong."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.calls import write_calls
from tests.faults.support import Deployment, Views

Deploy = Callable[[], Deployment]


@pytest.fixture(scope="session")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some thousand events, with all that sources do wrong."""
    return write_calls(tmp_path_factory.mktemp("day") / "day.jsonl", seed=19990101, calls=2000)


@pytest.fixture(scope="session")
def hour(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A smaller file, for faults that do not depend on load."""
    return write_calls(tmp_path_factory.mktemp("hour") / "hour.jsonl", seed=5, calls=250)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Views]:
    """What a file comes to when nothing goes wrong; computed once per file."""
    known: dict[Path, Views] = {}

    def views(file: Path) -> Views:
        if file not in known:
            deployment = Deployment(tmp_path_factory.mktemp("undisturbed"))
            deployment.must_ingest(file)
            known[file] = deployment.views()
            deployment.close()
        return known[file]

    return views


@pytest.fixture
def deploy(tmp_path: Path) -> Iterator[Deploy]:
    """Make deployments of this test alone; their stores are stopped afterwards."""
    made: list[Deployment] = []

    def make() -> Deployment:
        made.append(Deployment(tmp_path / str(len(made))))
        return made[-1]

    yield make
    for deployment in made:
        deployment.close()
        shutil.rmtree(deployment.directory)


@pytest.fixture
def deployment(deploy: Deploy) -> Deployment:
    """One deployment of this test alone."""
    return deploy()
