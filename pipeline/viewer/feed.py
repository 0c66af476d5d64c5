"""A board, its variables and a store flow in; one snapshot after another flows out to all viewers.

Each query runs once per refresh, however many look. Every viewer has one slot: a snapshot that was
not taken is replaced by the next, so a slow viewer skips some and holds nobody up.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from pipeline.errors import StoreRefused, StoreUnavailable
from pipeline.viewer.boards import Board, Choice, Query
from pipeline.viewer.macros import expand
from pipeline.viewer.timerange import moment, time_range
from pipeline.viewer.variables import interpolate

LINGER_S = 5.0
"""How long a feed goes on after its last viewer left: a page that is loaded again finds it warm."""
_SHORTEST_PAUSE_S = 0.2


class Answer(Protocol):
    """What a query gave: names and ClickHouse types of columns, and rows."""

    @property
    def columns(self) -> Sequence[tuple[str, str]]:
        """Names and types."""

    @property
    def rows(self) -> Sequence[Sequence[Any]]:
        """Values."""


Ask = Callable[[str], Awaitable[Answer]]


@dataclass(frozen=True)
class Look:
    """What one viewer wants to see: a board, the values chosen in its address, and from when."""

    board: Board
    wanted: tuple[tuple[str, str], ...]
    start: str


@dataclass(eq=False)
class Slot:
    """Room for one message to a viewer."""

    message: bytes = b""
    filled: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, message: bytes) -> None:
        """Leave a message, in place of one that was not taken."""
        self.message = message
        self.filled.set()

    async def take(self) -> bytes:
        """Wait for the next message; b"" means that the feed is over."""
        await self.filled.wait()
        self.filled.clear()
        return self.message


class Feed:
    """The snapshots of one look.

    Args:
        look: what to see.
        zone: the site's, in which days begin.
        ask: runs a query.
        clock: gives the time.
    """

    def __init__(self, look: Look, zone: ZoneInfo, ask: Ask, clock: Callable[[], datetime]) -> None:
        self._look = look
        self._zone = zone
        self._ask = ask
        self._clock = clock
        self._slots: set[Slot] = set()
        self._last = b""
        self._seen_ms = 0
        self._chosen: dict[str, str] = {}
        self._options: dict[str, list[tuple[str, str]]] = {}

    def join(self) -> Slot:
        """Let a viewer in; there is a message at once if there was one."""
        slot = Slot()
        self._slots.add(slot)
        if self._last:
            slot.put(self._last)
        return slot

    def leave(self, slot: Slot) -> None:
        """Let a viewer go."""
        self._slots.discard(slot)

    async def run(self) -> None:
        """Go on until nobody has looked for a while; then every slot is told that it is over."""
        loop = asyncio.get_running_loop()
        alone_since = loop.time()
        try:
            while self._slots or loop.time() - alone_since < LINGER_S:
                began = loop.time()
                if self._slots:
                    alone_since = began
                    self._tell(await self._snapshot())
                spent = loop.time() - began
                await asyncio.sleep(max(self._look.board.refresh_s - spent, _SHORTEST_PAUSE_S))
        finally:
            for slot in self._slots:
                slot.put(b"")

    def _tell(self, snapshot: Mapping[str, Any]) -> None:
        text = json.dumps(snapshot, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        self._last = b"data: " + text.encode() + b"\n\n"
        for slot in self._slots:
            slot.put(self._last)

    async def _snapshot(self) -> dict[str, Any]:
        """Return what the board shows now, or why it cannot."""
        now = self._clock()
        now_ms = round(now.timestamp() * 1000)
        try:
            await self._choose()
            beginning = moment(self._look.start, now, self._zone)
            panels = await self._panels(beginning, now)
        except StoreUnavailable:
            return {"stale": True, "at": now_ms, "seen": self._seen_ms}
        self._seen_ms = now_ms
        return {
            "at": now_ms,
            "from": round(beginning.timestamp() * 1000),
            "to": now_ms,
            "start": self._look.start,
            "variables": [
                {
                    "name": choice.name,
                    "label": choice.label,
                    "hidden": choice.hidden,
                    "value": self._chosen[choice.name],
                    "options": self._options[choice.name],
                }
                for choice in self._look.board.choices
            ],
            "panels": panels,
        }

    async def _panels(self, beginning: datetime, end: datetime) -> dict[str, Any]:
        values = {name: (value,) for name, value in self._chosen.items()}

        async def answered(sql: str) -> dict[str, Any]:
            try:
                return frame(await self._ask(sql))
            except StoreRefused as error:
                return {"error": str(error)}

        def text(query: Query) -> str:
            own = query.own_time
            start = beginning if own is None else moment(f"now-{own}", end, self._zone)
            time = time_range(start, end, query.least, query.points)
            return expand(interpolate(query.sql, values), time)

        queries = self._look.board.queries
        texts = [text(query) for query in queries]
        answers = await asyncio.gather(*map(answered, texts))
        return {str(q.panel): answer for q, answer in zip(queries, answers, strict=True)}

    async def _choose(self) -> None:
        """Resolve the variables, once they have something to choose from: wanted, else first."""
        wanted = dict(self._look.wanted)
        for choice in self._look.board.choices:
            if not self._options.get(choice.name):
                await self._resolve(choice, wanted.get(choice.name))

    async def _resolve(self, choice: Choice, wanted: str | None) -> None:
        values = {name: (value,) for name, value in self._chosen.items()}
        answer = await self._ask(interpolate(choice.sql, values))
        options = [(str(row[0]), str(row[-1])) for row in answer.rows]
        known = [value for value, _ in options]
        first = known[0] if known else ""
        self._options[choice.name] = options
        self._chosen[choice.name] = wanted if wanted in known and wanted is not None else first


def frame(answer: Answer) -> dict[str, Any]:
    """Return an answer as columns: names, kinds (time, number, text) and values."""
    kinds = [_kind(spec) for _, spec in answer.columns]
    columns = list(zip(*answer.rows, strict=True)) if answer.rows else [()] * len(kinds)
    return {
        "names": [name for name, _ in answer.columns],
        "kinds": kinds,
        "values": [[_plain(value) for value in column] for column in columns],
    }


def _kind(spec: str) -> str:
    plain = spec.removeprefix("LowCardinality(").removeprefix("Nullable(")
    if plain.startswith("Date"):
        return "time"
    return "number" if plain.startswith(("Int", "UInt", "Float", "Decimal")) else "text"


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: instants in epoch ms, and nothing for what is no number."""
    if isinstance(value, datetime):
        return round(value.timestamp() * 1000)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | None) else str(value)
