"""`goldpan`, typed in: words go in, status and both streams come out, with a store of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.__main__ import main


@dataclass(frozen=True)
class Said:
    """How a command ended and what it said."""

    status: int
    out: str
    err: str


Goldpan = Callable[..., Said]


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str]) -> Goldpan:
    """Run a command; an exception that is no answer to a person fails the test."""

    def run(*words: str | Path) -> Said:
        capsys.readouterr()
        try:
            status = main([str(word) for word in words])
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
        out, err = capsys.readouterr()
        return Said(status, out, err)

    return run


@pytest.fixture
def goldpan(typed: Goldpan, database: str, tmp_path: Path) -> Goldpan:
    """Run a command on a store and a directory of this test alone."""
    place = ("--data-dir", tmp_path / "data", "--clickhouse", database)
    assert typed("migrate", *place).status == 0
    return lambda *words: typed(*words, *place)
