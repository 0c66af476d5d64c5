"""What a test tells flows in, at once: one shard's log, written record by record."""

from __future__ import annotations

from typing import Any

from pipeline.runtimes.engine import Engine
from pipeline.sinks.memory import MemoryStore
from schemas.records import LIVE, LogRecord, RecordKind
from schemas.rows import CONTACTS
from tests.laws.driving import engine_on
from tests.laws.scenario import START, encode, event
from tests.laws.views import views

MINUTE = 60_000
LATENESS_MS = 2_000
OUTCOME = [name for name in CONTACTS.columns if name != "revision"].index("outcome")


class Line:
    """One shard's log, written record by record and applied at once."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.engine: Engine = engine_on(self.store, [], 1)
        self.offset = 0
        self.now = START

    def put(self, kind: RecordKind, payload: bytes = b"", domain: str = LIVE) -> None:
        self.engine.process(
            [LogRecord(0, self.offset, kind, self.now, domain, "contact:c", payload)]
        )
        self.offset += 1

    def tell(self, event_type: str, contact_id: str = "c", domain: str = LIVE, **more: Any) -> None:
        content = event(event_type, self.now, contact_id, customer_id="k", **more)
        self.put(RecordKind.EVENT, encode(content), domain)

    def tick(self, at: int) -> None:
        """Let the watermark reach `at`."""
        self.now = at + LATENESS_MS
        self.put(RecordKind.TICK)

    def flush(self) -> None:
        self.engine.flush([self.offset], self.now)

    def site(self, measure: str, family: str = "calls") -> dict[int, int]:
        """The measure of the whole site by minute after the start."""
        self.flush()
        return {
            (key.minute - START) // MINUTE: row[measure]
            for key, row in views(self.store).merged(family).items()
            if key.dims == "site" and measure in row
        }

    def outcome(self, contact_id: str = "c") -> str:
        self.flush()
        return str(views(self.store).entities["contact", "demo", contact_id][OUTCOME])

    def held(self, family: str) -> list[str]:
        """The keys of a family that the checkpoint holds."""
        self.flush()
        return [key for _, name, key in self.store.checkpoint if name == family]
