"""What all laws share: samples so small that a made-up morning has alerts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from infra import clickhouse
from pipeline.alerts import service_level
from pipeline.sinks.client import Client
from pipeline.sinks.migrate import migrate


@pytest.fixture(autouse=True)
def small_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let three contacts be enough for an alert."""
    monkeypatch.setattr(service_level, "MIN_SAMPLE", 3)


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    directory = tmp_path_factory.mktemp("laws")
    server = clickhouse.start(directory)
    client = Client(lambda: server.url)
    migrate(client)
    yield client
    client.close()
    clickhouse.stop(directory)
