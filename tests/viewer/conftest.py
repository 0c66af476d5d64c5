"""What the tests of boards and viewer share: stores with and without a made-up day, and boards."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import clickhouse_driver
import pytest

from infra import clickhouse
from pipeline.commands.common import EXAMPLE_SITE
from pipeline.config import canonical_json, content_hash, load_site
from pipeline.runtimes.embedded import Embedded, EmbeddedSettings
from pipeline.runtimes.engine import Engine
from pipeline.runtimes.ingest import IngestLimits, ingest
from pipeline.runtimes.patience import Patience
from pipeline.sinks.clickhouse import ClickHouseStore
from pipeline.sinks.client import Client
from pipeline.sinks.migrate import migrate
from pipeline.topology import TopologySettings
from schemas.records import LIVE
from tests.simulator.conftest import simulated
from tests.viewer.live import event

SITE = load_site(EXAMPLE_SITE)
DAY = date(2026, 3, 2)


def _database(server: clickhouse.Server, name: str) -> str:
    with clickhouse_driver.Client(server.host, server.port, password=server.password) as client:
        client.execute(f"CREATE DATABASE `{name}` ENGINE = Atomic")
    url = f"{server.url.rpartition('/')[0]}/{name}"
    with Client(lambda: url) as client_:
        migrate(client_)
    return url


@pytest.fixture(scope="session")
def empty_store(server: clickhouse.Server) -> str:
    """The address of a store that has never seen an event."""
    return _database(server, "viewer_empty")


@pytest.fixture(scope="session")
def day_store(server: clickhouse.Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a store with one made-up day: 2026-03-02 in Shanghai."""
    url = _database(server, "viewer_day")
    with Client(lambda: url) as client:
        engine = Engine(
            TopologySettings(default_site=SITE.site), ClickHouseStore(client), Patience(print)
        )
        source = simulated(DAY.isoformat(), hours=24, seats=7, seed=7)
        directory = tmp_path_factory.mktemp("viewer-day")
        with Embedded(EmbeddedSettings(directory), engine) as pipeline:
            pipeline.start()
            pipeline.configure(SITE.site, content_hash(SITE), canonical_json(SITE), "test")
            ingest(pipeline, source, "simulated:7", IngestLimits(), lambda _: None)
            # Gauges show the present only: somebody is ready, and somebody waits.
            now = datetime.now(UTC)
            care = {"team": "care", "queues": ["vip"]}
            live = [
                event(now, "agent.state", agent_id="li", state="ready", **care),
                event(now, "agent.state", agent_id="wu", state="break", **care),
                event(now, "call.queued", contact_id="now", queue="vip"),
            ]
            pipeline.publish(LIVE, [json.dumps(one).encode() for one in live])
            pipeline.settle()
    return url


@pytest.fixture(scope="session")
def day() -> tuple[datetime, datetime]:
    """From the made-up day's first minute to its last."""
    begin = datetime(DAY.year, DAY.month, DAY.day, tzinfo=SITE.zone).astimezone(UTC)
    return begin, begin + timedelta(hours=24) - timedelta(seconds=1)


@pytest.fixture(scope="session")
def generated() -> Path:
    """Where the committed boards are."""
    return Path(__file__).parents[2] / "dashboards" / "generated"
