"""Requests' events flow in, from any number of them at once; durable groups of the log flow out.

One thread publishes. While the disk makes one group safe, the next requests gather, and go
together: one flush to the disk for as many requests as there are (group commit). Each request waits
for its own group and no longer.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from pipeline.errors import BrokerRefused, BrokerUnavailable, GoldpanError, LogError, LogFull
from pipeline.gateway.problems import Refusal
from schemas.records import LIVE

GROUP_BYTES = 8 << 20
"""A group is not filled further; what is over waits for the next."""
LINGER_S = 0.005
"""How long a group waits for company; as long as one flush to a disk."""
SAVE_EVERY_S = 1.0
_DISK_RETRY_S = 10.0
_BROKER_RETRY_S = 5.0


class Log(Protocol):
    """Where events become durable: see `runtimes.embedded.Embedded` and `runtimes.kafka`."""

    def publish(self, domain: str, payloads: Sequence[bytes]) -> None:
        """Put payloads into the log; they are safe when this returns."""

    def save_subjects(self) -> None:
        """Make durable who belongs to whom."""


class _Request:
    """The events of one request, and who waits for them."""

    __slots__ = ("done", "loop", "payloads")

    def __init__(self, payloads: Sequence[bytes], loop: asyncio.AbstractEventLoop) -> None:
        self.payloads = payloads
        self.loop = loop
        self.done: asyncio.Future[None] = loop.create_future()


class Intake:
    """The way into the log.

    Args:
        log: used by this thread alone for publishing, until `close`.
        most: requests that may wait; more are told to come back.
        failed: is given the error after which the log takes nothing more.
    """

    def __init__(self, log: Log, most: int, failed: Callable[[GoldpanError], None]) -> None:
        self.waiting = 0
        """Requests whose events are not durable yet."""
        self.most = most
        self.groups = 0
        """Commits there have been."""
        self.full = ""
        """Why the disk took nothing the last time; empty while it does."""
        self._log = log
        self._failed = failed
        self._queue: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="intake")
        self._thread.start()

    async def put(self, payloads: Sequence[bytes]) -> None:
        """Return when the payloads are durable.

        Raises:
            Refusal: 503, nothing of them is kept for certain; the same may be sent again.
        """
        if self.waiting >= self.most:
            message = "too many requests wait for the log; send it again"
            raise Refusal(503, "busy", message, retry_s=1)
        request = _Request(payloads, asyncio.get_running_loop())
        self.waiting += 1
        try:
            self._queue.put(request)
            await request.done
        finally:
            self.waiting -= 1

    def close(self) -> None:
        """Publish what waits, and end."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        saved = time.monotonic()
        open_ = True
        while open_:
            group, open_ = self._gather()
            if group:
                _settle(group, self._publish(group))
            if time.monotonic() - saved >= SAVE_EVERY_S or not open_:
                self._save()
                saved = time.monotonic()

    def _gather(self) -> tuple[list[_Request], bool]:
        """The next group, after a wait if there is none yet; False when it is the last."""
        group: list[_Request] = []
        size = 0
        try:
            request = self._queue.get(timeout=SAVE_EVERY_S)
            # Others follow within moments: to wait for them costs less than a group of each.
            time.sleep(LINGER_S)
            while request is not None:
                group.append(request)
                size += sum(map(len, request.payloads))
                if size >= GROUP_BYTES:
                    return group, True
                request = self._queue.get_nowait()
        except queue.Empty:
            return group, True
        return group, False

    def _publish(self, group: Sequence[_Request]) -> Refusal | None:
        try:
            self._log.publish(LIVE, [data for request in group for data in request.payloads])
        except LogFull as error:
            self.full = str(error)
            message = "the gateway's disk is full; nothing of this request was kept"
            return Refusal(503, "disk_full", message, retry_s=_DISK_RETRY_S)
        except BrokerUnavailable:
            message = (
                "Kafka does not answer; what of this request it has is not known: send it again"
            )
            return Refusal(503, "broker_away", message, retry_s=_BROKER_RETRY_S)
        except (LogError, BrokerRefused) as error:
            self._failed(error)
            message = "the gateway's log has failed; the same may be sent again after its restart"
            return Refusal(503, "log_failed", message, retry_s=_DISK_RETRY_S)
        self.full = ""
        self.groups += 1
        return None

    def _save(self) -> None:
        try:
            self._log.save_subjects()
        except LogFull as error:
            self.full = str(error)
        except LogError as error:
            self._failed(error)


def _settle(group: Sequence[_Request], refusal: Refusal | None) -> None:
    """Tell every request of a group how it went, in its own loop."""
    loops = {request.loop: None for request in group}
    for loop in loops:
        futures = [request.done for request in group if request.loop is loop]
        loop.call_soon_threadsafe(_resolve, futures, refusal)


def _resolve(futures: Sequence[asyncio.Future[None]], refusal: Refusal | None) -> None:
    for future in futures:
        if future.done():
            continue  # its client has gone
        if refusal is None:
            future.set_result(None)
        else:
            future.set_exception(refusal)
