"""`goldpan` as a person runs it: a process of its own on a data directory, and what it left."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clickhouse_driver import Client

from infra import clickhouse
from schemas.rows import FACTS, NOW, QUEUES_NOW, row_families

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 180.0
_NUMBERS = itertools.count(1)
Views = dict[str, list[tuple[Any, ...]]]


@dataclass(frozen=True)
class Ended:
    """How a process ended and what it said."""

    status: int
    out: str
    err: str


class Running:
    """A process that was started; what it says goes to files, so that it never waits for us."""

    def __init__(self, command: Sequence[str], directory: Path, **options: Any) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        number = next(_NUMBERS)
        self._out, self._err = directory / f"out-{number}", directory / f"err-{number}"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                command, stdout=out, stderr=err, stdin=subprocess.DEVNULL, cwd=ROOT, **options
            )

    @property
    def out(self) -> str:
        """What it has said on its output so far."""
        return self._out.read_text()

    @property
    def said(self) -> str:
        """What it has said on its error stream so far."""
        return self._err.read_text()

    def lives_on(self, seconds: float) -> bool:
        """Give it so long to end; whether it still runs then."""
        try:
            self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return True
        return False

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def ended(self, patience_s: float = PATIENCE_S) -> Ended:
        """Wait for its end. It may be refused or killed, but it never shows a traceback."""
        try:
            status = self.process.wait(timeout=patience_s)
        finally:
            self.process.kill()
        end = Ended(status, self._out.read_text(), self.said)
        assert "Traceback" not in end.out + end.err, end.err
        return end


class Deployment:
    """A data directory with its embedded store."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.store = directory / "data" / "clickhouse"
        self.log = directory / "data" / "log"
        self.data = directory / "data"

    def start(self, *words: str | Path, prefix: Sequence[str] = (), **options: Any) -> Running:
        """Start a command on this directory."""
        program = prefix or ("-m", "pipeline")
        command = [sys.executable, *program, *map(str, words), "--data-dir", str(self.data)]
        return Running(command, self.directory, **options)

    def run(self, *words: str | Path, **options: Any) -> Ended:
        """Run a command to its end."""
        return self.start(*words, **options).ended()

    def start_ingest(self, file: Path, *more: str, **options: Any) -> Running:
        return self.start("ingest", file, "--format", "jsonl", *more, **options)

    def ingest(self, file: Path, *more: str) -> Ended:
        return self.start_ingest(file, *more).ended()

    def must_ingest(self, file: Path, *more: str) -> Ended:
        end = self.ingest(file, *more)
        assert end.status == 0, end.err
        return end

    def kill_store(self) -> bool:
        """Kill the store; False if none runs."""
        server = clickhouse.status(self.store)
        if server is None:
            return False
        os.kill(server.pid, signal.SIGKILL)
        return True

    def views(self) -> Views:
        """All that readers see, from the embedded store."""
        return views_of(clickhouse.start(self.store).url)

    def close(self) -> None:
        clickhouse.stop(self.store)


def views_of(url: str) -> Views:
    """Every final view, with what may differ between two runs left out: see the queries."""
    with Client.from_url(url) as client:
        return {name: read(client) for name, read in _VIEWS.items()}


def only(url: str, sql: str) -> Any:
    """The single value that a query gives."""
    with Client.from_url(url) as client:
        return client.execute(sql)[0][0]


def _minutes(name: str) -> Callable[[Client], list[tuple[Any, ...]]]:
    """Shards merged; rows that were withdrawn to zero are the same as none."""
    family = row_families()[name]
    key = ("site", "dims", "minute", *family.dimensions)
    sums = [
        f"{'sumMap' if name in family.histograms else 'sum'}({name})" for name in family.measures
    ]
    sql = f"SELECT {', '.join((*key, *sums))} FROM {family.table} FINAL GROUP BY {', '.join(key)}"

    def read(client: Client) -> list[tuple[Any, ...]]:
        rows = []
        for row in client.execute(sql):
            values = [
                tuple(sorted((bin_, n) for bin_, n in value.items() if n))
                if isinstance(value, dict)
                else value
                for value in row[len(key) :]
            ]
            if any(values):
                rows.append((*row[: len(key)], *values))
        return sorted(rows)

    return read


def _rows_of(sql: str) -> Callable[[Client], list[tuple[Any, ...]]]:
    return lambda client: list(client.execute(sql))


def _callers(client: Client) -> list[tuple[Any, ...]]:
    rows = client.execute(
        "SELECT * EXCEPT (revision, stored_at, state), state FROM callers FINAL "
        "WHERE contacts > 0 ORDER BY site, day, caller"
    )
    return [(*row[:-1], sorted(json.loads(row[-1]).items())) for row in rows]


_ALL_OF = "SELECT * EXCEPT (revision, stored_at) FROM"
_VIEWS: dict[str, Callable[[Client], list[tuple[Any, ...]]]] = {
    "call_minutes": _minutes("calls"),
    "agent_minutes": _minutes("agents"),
    "ticket_minutes": _minutes("tickets"),
    "ticket_levels": _minutes("ticket_levels"),
    **{
        table.name: _rows_of(f"{_ALL_OF} {table.name} FINAL WHERE events > 0 ORDER BY ALL")
        for table in FACTS.values()
    },
    **{
        table.name: _rows_of(f"{_ALL_OF} {table.name} FINAL ORDER BY ALL")
        for table in (*NOW.values(), QUEUES_NOW)
    },
    "callers": _callers,
    "dead_letters": _rows_of(
        # How far ahead something is depends on when it arrived.
        "SELECT site, shard, domain, source, event_type, event_id, reason, "
        "if(reason = 'from_the_future', '', detail), payload "
        "FROM dead_letters FINAL ORDER BY ALL"
    ),
    "alert_transitions": _rows_of(
        "SELECT * EXCEPT (stored_at) FROM alert_transitions FINAL ORDER BY ALL"
    ),
    "raw_events": _rows_of(
        "SELECT DISTINCT site, shard, domain, event_type, event_id, version, source, subject, "
        "payload FROM raw_events FINAL WHERE kind = 'event' AND event_type != 'config.changed' "
        "ORDER BY ALL"
    ),
}


def letters_once(views: Views) -> Views:
    """The views with equal dead letters as one.

    Where a log is read again in a new generation, a broken line has no identity by which it could
    be known, so it may stand there twice.
    """
    return views | {"dead_letters": sorted(set(views["dead_letters"]))}


def assert_same(found: Views, expected: Views) -> None:
    """Compare view by view, and name rows where they differ."""
    for name, rows in expected.items():
        if found[name] != rows:
            missing = [row for row in rows if row not in found[name]][:3]
            added = [row for row in found[name] if row not in rows][:3]
            sizes = f"{len(found[name])} rows, expected {len(rows)}"
            message = f"{name}: {sizes}\nmissing {missing}\nadded {added}"
            raise AssertionError(message)
