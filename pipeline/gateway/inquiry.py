"""Nothing flows in, the pipeline's status flows out, to however many want to know it at once."""

from __future__ import annotations

import asyncio

import msgspec

from pipeline.gateway.wire import Line, Status

PATIENCE_S = 2.0
"""How long an answer is waited for: it takes milliseconds while the pipeline's process lives."""
_SILENT = Status(["the pipeline's process does not answer"], [], b"")


class Inquiry:
    """Asks how the pipeline's process is. For one event loop."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._asked: asyncio.Task[bytes] | None = None

    async def status(self) -> Status:
        """The status, at most as old as a question that was under way already."""
        if self._asked is None or self._asked.done():
            self._asked = asyncio.create_task(self._line.ask(b""))
        try:
            answer = await asyncio.wait_for(asyncio.shield(self._asked), PATIENCE_S)
        except (TimeoutError, ConnectionError):
            return _SILENT
        return msgspec.msgpack.decode(answer, type=Status)
