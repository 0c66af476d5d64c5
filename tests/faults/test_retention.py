"""A log that keeps only what it must: it stays small, and what it no longer has is not claimed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.config import canonical_json, content_hash, load_site
from pipeline.runtimes.embedded import Embedded, EmbeddedSettings
from pipeline.runtimes.engine import Engine
from pipeline.runtimes.ingest import IngestLimits, IngestResult, ingest
from pipeline.runtimes.patience import Patience
from pipeline.sinks.clickhouse import ClickHouseStore
from pipeline.sinks.client import Client
from pipeline.sinks.migrate import migrate
from pipeline.sources.jsonl import JsonLines
from pipeline.topology import TopologySettings
from tests.faults.support import assert_same, letters_once, views_of

ROOT = Path(__file__).resolve().parents[2]
SITE = load_site(ROOT / "infra" / "site" / "site.yaml")


@contextmanager
def pipeline(directory: Path, database: str) -> Iterator[Embedded]:
    """A pipeline whose log keeps nothing that the store has."""
    settings = EmbeddedSettings(directory, retention_ms=-1, segment_bytes=100_000)
    with Client(lambda: database) as client:
        migrate(client)
        store = ClickHouseStore(client)
        engine = Engine(TopologySettings(default_site=SITE.site), store, Patience(print))
        with Embedded(settings, engine) as embedded:
            embedded.start()
            embedded.configure(SITE.site, content_hash(SITE), canonical_json(SITE), "test")
            yield embedded


def take_in(embedded: Embedded, file: Path, domain: str) -> IngestResult:
    return ingest(embedded, JsonLines(file), domain, IngestLimits(), lambda _: None)


@pytest.mark.faults
def test_a_log_without_its_beginning(hour: Path, database: str, tmp_path: Path) -> None:
    with pipeline(tmp_path / "data", database) as embedded:
        take_in(embedded, hour, "file:1")
        embedded.tick()
        embedded.settle()
        assert embedded.log.kept_bytes < 200_000
        assert any(embedded.log.first_offsets)
    before = views_of(database)

    with pipeline(tmp_path / "data", database) as embedded:
        assert take_in(embedded, hour, "file:1").known
    assert_same(views_of(database), before)

    with Client(lambda: database) as client:
        for (table,) in client.execute("SHOW TABLES"):
            client.execute(f"DROP TABLE {table} SYNC")
    with pipeline(tmp_path / "data", database) as embedded:
        again = take_in(embedded, hour, "file:1")
    assert not again.known, "the store is new and the log no longer has the file"
    assert_same(letters_once(views_of(database)), letters_once(before))
