"""Payloads go in through the real pipeline, a store to be checked comes out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from pipeline.commands.common import EXAMPLE_SITE
from pipeline.config import canonical_json, content_hash, load_site
from pipeline.runtimes.embedded import Embedded, EmbeddedSettings
from pipeline.runtimes.engine import Engine
from pipeline.runtimes.ingest import IngestLimits, ingest
from pipeline.runtimes.patience import Patience
from pipeline.sinks.clickhouse import ClickHouseStore
from pipeline.sinks.client import Client
from pipeline.sinks.migrate import migrate
from pipeline.sources.source import Source
from pipeline.topology import TopologySettings
from schemas.site import SiteConfig

SITE = load_site(EXAMPLE_SITE)


class Payloads:
    """A file whose lines are these payloads."""

    name = "payloads"
    position = size = 0

    def __init__(self, payloads: Iterable[bytes], allowed_lateness_ms: int = 0) -> None:
        self.allowed_lateness_ms = allowed_lateness_ms
        self.repairs: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()
        self._payloads = list(payloads)

    def events(self) -> Iterator[bytes]:
        yield from self._payloads


class Ingest(Protocol):
    """Takes a source in as a file of a centre, the example one unless told otherwise."""

    def __call__(self, source: Source, site: SiteConfig = SITE) -> Client: ...


@pytest.fixture
def ingested(database: str, tmp_path: Path) -> Iterator[Ingest]:
    """Take a source in; gives a connection to the store."""
    client = Client(lambda: database)
    migrate(client)

    def take(source: Source, site: SiteConfig = SITE) -> Client:
        engine = Engine(
            TopologySettings(default_site=site.site), ClickHouseStore(client), Patience(print)
        )
        with Embedded(EmbeddedSettings(tmp_path / "data"), engine) as pipeline:
            pipeline.start()
            pipeline.configure(site.site, content_hash(site), canonical_json(site), "test")
            ingest(pipeline, source, f"file:{source.name}", IngestLimits(), lambda _: None)
        return client

    yield take
    client.close()
