"""Groups of requests flow in from HTTP's process, durable groups of the log flow out."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from pipeline.errors import BrokerRefused, BrokerUnavailable, GoldpanError, LogError, LogFull
from pipeline.gateway.backend import Backend
from pipeline.gateway.problems import Refusal
from pipeline.gateway.wire import Group, Settled, receive, send
from schemas.records import LIVE

SAVE_EVERY_S = 1.0
_DISK_RETRY_S = 10.0
_BROKER_RETRY_S = 5.0


class Log(Protocol):
    """Where events become durable: see `runtimes.embedded.Embedded` and `runtimes.kafka`."""

    def publish(self, domain: str, payloads: Sequence[bytes]) -> None:
        """Put payloads into the log; they are safe when this returns."""

    def save_subjects(self) -> None:
        """Make durable who belongs to whom."""


class Commits:
    """The way into the log, for one thread.

    Args:
        log: takes what comes.
        backend: while it refuses events, none is put into the log.
        counted: is given what there is to count of what was taken: see `Counts.add`.
        failed: is given the error after which the log takes nothing more.
    """

    def __init__(
        self,
        log: Log,
        backend: Backend,
        counted: Callable[[Mapping[str, int]], None],
        failed: Callable[[GoldpanError], None],
    ) -> None:
        self.groups = 0
        """Commits there have been."""
        self.full = ""
        """Why the disk took nothing the last time; empty while it does."""
        self._log = log
        self._backend = backend
        self._counted = counted
        self._failed = failed

    def serve(self, link: socket.socket) -> None:
        """Make durable what comes over a socket, until its other side has gone."""
        poller = select.poll()
        poller.register(link, select.POLLIN)
        saved = time.monotonic()
        while True:
            if poller.poll(SAVE_EVERY_S * 1000):
                message = receive(link)
                if message is None:
                    return
                refusal = self._take(msgspec.msgpack.decode(message, type=Group))
                try:
                    send(link, msgspec.msgpack.encode(Settled(_said(refusal))))
                except OSError:
                    return
            if time.monotonic() - saved >= SAVE_EVERY_S:
                self.save()
                saved = time.monotonic()

    def save(self) -> None:
        """Make durable who belongs to whom."""
        try:
            self._log.save_subjects()
        except LogFull as error:
            self.full = str(error)
        except LogError as error:
            self._failed(error)

    def _take(self, group: Group) -> Refusal | None:
        refusal = self._backend.refusal()
        if refusal is None and group.payloads:
            refusal = self._publish(group.payloads)
        if refusal is None:
            self._counted(group.counts)
        return refusal

    def _publish(self, payloads: Sequence[bytes]) -> Refusal | None:
        try:
            self._log.publish(LIVE, payloads)
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


def _said(refusal: Refusal | None) -> tuple[int, str, str, float] | None:
    if refusal is None:
        return None
    return refusal.status, refusal.code, refusal.message, refusal.retry_s
