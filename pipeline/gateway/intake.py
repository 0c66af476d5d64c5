"""Requests' events flow in, from any number of them at once; groups of them flow to the log.

While one group becomes durable in the pipeline's process, the next requests gather, and go
together: one message and one flush to the disk for as many requests as there are (group commit).
Each request waits for its own group and no longer.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from pipeline.gateway.batch import Batch
from pipeline.gateway.problems import Refusal
from pipeline.gateway.wire import Group, Line, Settled

GROUP_BYTES = 8 << 20
"""A group is not filled further; what is over waits for the next."""
LINGER_S = 0.005
"""How long a group waits for company; as long as one flush to a disk."""


class _Request(NamedTuple):
    """The events of one request, and who waits for them."""

    batch: Batch
    done: asyncio.Future[None]


class Intake:
    """The way to the log. For one event loop.

    Args:
        line: to where groups become durable: see `commits`.
        most: requests that may wait; more are told to come back.
    """

    def __init__(self, line: Line, most: int) -> None:
        self.waiting = 0
        """Requests whose events are not durable yet."""
        self.most = most
        self._line = line
        self._queue: deque[_Request] = deque()
        self._sending: asyncio.Task[None] | None = None

    async def put(self, batch: Batch) -> None:
        """Return when the payloads of a batch are durable, and all of it is counted.

        Raises:
            Refusal: 503, nothing of them is kept for certain; the same may be sent again.
        """
        if self.waiting >= self.most:
            message = "too many requests wait for the log; send it again"
            raise Refusal(503, "busy", message, retry_s=1)
        loop = asyncio.get_running_loop()
        request = _Request(batch, loop.create_future())
        self._queue.append(request)
        if self._sending is None:
            self._sending = loop.create_task(self._send())
        self.waiting += 1
        try:
            await request.done
        finally:
            self.waiting -= 1

    async def _send(self) -> None:
        """Send group after group until nobody waits."""
        while self._queue:
            # Others follow within moments: to wait for them costs less than a group of each.
            await asyncio.sleep(LINGER_S)
            requests = self._gather()
            answer = await self._line.ask(msgspec.msgpack.encode(_group(requests)))
            settled = msgspec.msgpack.decode(answer, type=Settled)
            for request in requests:
                if request.done.done():
                    continue  # its client has gone
                if settled.refusal is None:
                    request.done.set_result(None)
                else:
                    status, code, message, retry_s = settled.refusal
                    refusal = Refusal(status, code, message, retry_s=retry_s)
                    request.done.set_exception(refusal)
        self._sending = None

    def _gather(self) -> list[_Request]:
        requests: list[_Request] = []
        size = 0
        while self._queue and size < GROUP_BYTES:
            request = self._queue.popleft()
            requests.append(request)
            size += request.batch.size
        return requests


def _group(requests: Sequence[_Request]) -> Group:
    counts: Counter[str] = Counter()
    for request in requests:
        counts.update(request.batch.tally())
    return Group([data for request in requests for data in request.batch.payloads], counts)
