"""A centre that lives as long as a test wants: its own store, the real pipeline, and the viewer."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import web

from infra import clickhouse
from pipeline.commands.common import EXAMPLE_SITE
from pipeline.config import canonical_json, content_hash, load_site
from pipeline.errors import StoreUnavailable
from pipeline.gateway.limits import Limits
from pipeline.gateway.listener import listen, url_of
from pipeline.gateway.server import HttpServer
from pipeline.runtimes.embedded import Embedded, EmbeddedSettings
from pipeline.runtimes.engine import Engine
from pipeline.runtimes.patience import Patience
from pipeline.runtimes.publisher import wall_clock_ms
from pipeline.sinks.clickhouse import ClickHouseStore
from pipeline.sinks.client import Client
from pipeline.sinks.migrate import migrate
from pipeline.sinks.reader import Reader
from pipeline.topology import TopologySettings
from pipeline.viewer.app import Viewer
from schemas.records import LIVE

SITE = load_site(EXAMPLE_SITE)
_NUMBERS = itertools.count(1)


class LiveCentre:
    """What a test does to a centre. `url` is the viewer's address."""

    def __init__(self, directory: Path, clock: Callable[[], int] = wall_clock_ms) -> None:
        self.directory = directory
        self._path = directory / "clickhouse"
        self._server = clickhouse.start(self._path)
        with Client(self.store_url) as client:
            migrate(client)
        self._client = Client(self.store_url)
        engine = Engine(
            TopologySettings(default_site=SITE.site),
            ClickHouseStore(self._client),
            Patience(print),
        )
        self.pipeline = Embedded(EmbeddedSettings(directory), engine, clock)
        self.pipeline.start()
        self.pipeline.configure(SITE.site, content_hash(SITE), canonical_json(SITE), "test")
        app = web.Application()
        self._readers = [Reader(self.store_url, 5) for _ in range(2)]
        Viewer(self._readers, SITE.zone).add_to(app)
        listener = listen("127.0.0.1", 0)
        self._http = HttpServer(app, listener, Limits(), tell=print)
        self.url = url_of(listener)

    def store_url(self) -> str:
        """Where the store is; unlike the product's own, it stays down until the test starts it."""
        server = clickhouse.status(self._path)
        if server is None:
            msg = "the test has stopped the store"
            raise StoreUnavailable(msg)
        return server.url

    def stop_store(self) -> None:
        assert clickhouse.stop(self._path)

    def start_store(self) -> None:
        clickhouse.start(self._path)

    def calls(self, count: int, *, wait_s: int, queue: str = "billing", talk_s: int = 60) -> None:
        """Have this many calls answered after a wait, some minutes ago, and all of it stored."""
        events = []
        for _ in range(count):
            number = next(_NUMBERS)
            at = datetime.now(UTC) - timedelta(minutes=4)
            answered = at + timedelta(seconds=wait_s)
            common = {"contact_id": f"c{number}", "queue": queue, "agent_id": "a1"}
            events += [
                event(at, "call.queued", **common),
                event(answered, "call.answered", wait_ms=wait_s * 1000, **common),
                event(
                    answered + timedelta(seconds=talk_s),
                    "call.ended",
                    talk_ms=talk_s * 1000,
                    **common,
                ),
            ]
        self.publish(events)

    def abandon(self, count: int, *, wait_s: int, queue: str = "billing") -> None:
        """Have this many callers give up after a wait."""
        events = []
        for _ in range(count):
            number = next(_NUMBERS)
            at = datetime.now(UTC) - timedelta(minutes=4)
            common = {"contact_id": f"c{number}", "queue": queue, "phase": "queue"}
            gone = at + timedelta(seconds=wait_s)
            events += [
                event(at, "call.queued", **common),
                event(gone, "call.abandoned", wait_ms=wait_s * 1000, **common),
            ]
        self.publish(events)

    def waiting(self, count: int, *, queue: str = "general") -> None:
        """Have this many callers enter a queue now."""
        now = datetime.now(UTC)
        self.publish(
            [
                event(now, "call.queued", contact_id=f"w{next(_NUMBERS)}", queue=queue)
                for _ in range(count)
            ]
        )

    def agents(self, *, team: str = "", **states: str) -> None:
        """Let agents be in these states from now on."""
        now = datetime.now(UTC)
        common = {"queues": ["general"], **({"team": team} if team else {})}
        self.publish(
            [
                event(now, "agent.state", agent_id=agent, state=state, **common)
                for agent, state in states.items()
            ]
        )

    def alerts(self, count: int, *, queue: str) -> None:
        """Have so many alerts be open, as the pipeline writes them."""
        self._client.execute(
            "INSERT INTO alert_transitions (site, alert_id, transition, rule, group_key, state, "
            "severity, domain, window_end, value) "
            f"SELECT '{SITE.site}', toString(number), 1, 'SL_LOW', '{queue}', 'firing', 'P2', "
            f"'live', now64(3) - 86400, 61 FROM numbers({count})"
        )

    def ticket(self, opened: timedelta, due: timedelta, **fields: Any) -> str:
        """Register a ticket so long ago, due so long from now; returns its id."""
        one = registered(opened, due, **fields)
        self.publish([one])
        return str(one["ticket_id"])

    def resolve(self, ticket_id: str) -> None:
        """Have it settled now."""
        self.publish([event(datetime.now(UTC), "ticket.resolved", ticket_id=ticket_id)])

    def publish(self, events: list[dict[str, Any]]) -> None:
        """Take events in and store what follows from them."""
        self.pipeline.publish(LIVE, [json.dumps(one).encode() for one in events])
        self.pipeline.settle()

    def passes(self) -> None:
        """Let the second pass, if it is over, and store what follows from that."""
        self.pipeline.tick()
        self.pipeline.settle()

    def close(self) -> None:
        self._http.close()
        for reader in self._readers:
            reader.close()
        self.pipeline.close()
        self._client.close()
        clickhouse.stop(self._path)


def event(at: datetime, event_type: str, **fields: Any) -> dict[str, Any]:
    return {
        "event_id": f"e{next(_NUMBERS)}",
        "event_type": event_type,
        "site": SITE.site,
        "source": "pbx",
        "occurred_at": at.isoformat(timespec="milliseconds"),
        **fields,
    }


def registered(opened: timedelta, due: timedelta, **fields: Any) -> dict[str, Any]:
    """A ticket that was registered so long ago, due so long from now."""
    now = datetime.now(UTC)
    due_at = (now + due).isoformat(timespec="milliseconds")
    ticket_id = f"t{next(_NUMBERS)}"
    return event(now - opened, "ticket.registered", ticket_id=ticket_id, due_at=due_at, **fields)


@contextmanager
def live_centre(directory: Path, clock: Callable[[], int] = wall_clock_ms) -> Iterator[LiveCentre]:
    """A centre that is closed at the end, whatever happens."""
    centre = LiveCentre(directory, clock)
    try:
        yield centre
    finally:
        centre.close()
