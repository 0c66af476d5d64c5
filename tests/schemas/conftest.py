"""The real engine, inside the test process, with the tables as the migrations make them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from chdb.session import Session

from schemas.migrations import migrations

Ask = Callable[[str], list[list[Any]]]


@pytest.fixture(scope="session")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """Run a statement on a migrated database of its own and return its rows."""
    directory: Path = tmp_path_factory.mktemp("engine")
    engine: Any = Session  # chdb is not typed
    session = engine(str(directory))
    session.query("CREATE DATABASE goldpan ENGINE = Atomic")
    session.query("USE goldpan")
    for migration in migrations():
        for statement in migration.statements:
            session.query(statement)

    def run(sql: str) -> list[list[Any]]:
        answer = str(session.query(sql, "JSONCompactEachRow"))
        return [json.loads(line) for line in answer.splitlines()]

    yield run
    session.close()
