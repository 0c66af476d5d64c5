"""Partitions of Kafka flow in, the same store as the embedded runtime's flows out: a Faust worker.

Faust has the consumer group: who owns which partition, the fetching, the commits. The core is
hosted beside it, in one thread of its own, so that waiting for the store stops neither heartbeats
nor rebalances. Agents only pass events on, and never raise; an event is acknowledged, and so
committed, once the checkpoint that holds it is written. When partitions are taken away, what is
applied is flushed, and everything is let go of; what comes next is loaded from the checkpoint.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import faust
from faust.types import EventT, StreamT
from mode.types.signals import BaseSignalT

from pipeline.errors import BrokerRefused, BrokerUnavailable, GoldpanError
from pipeline.log.cluster import Cluster, secret
from pipeline.log.groups import Member, refuse_others
from pipeline.log.kafka import KafkaLog, KafkaReader, check_format, record_of
from pipeline.log.topics import identity_of
from pipeline.runtimes.assigned import Assigned, LogBounds, Published
from pipeline.runtimes.lease import Lease
from pipeline.runtimes.patience import Patience
from pipeline.runtimes.publisher import make_directory
from schemas.kafka import TopicName
from schemas.records import LIVE, LogRecord, RecordKind

FLUSH_S = 1.0
_BATCH = 5_000
"""Events that are applied at once, and that wait for it at most."""
_IDLE_S = 0.1
_RELEASE_S = 20.0
"""How long partitions that are taken away are held for a last flush; then the process ends."""
_BEATS = 5
"""Heartbeats in a session."""
AWAKE = 0.6
"""The part of a session that it may stand still and go on writing: all, less the fifth of it that
the last heartbeat may be ago, and less a margin."""
_BEAT_S = 0.5
_SILENT_S = 15.0
"""Without a record for so long, it looks whether Kafka still lets it in: Faust would not say."""


class KafkaTopics:
    """What the core's host asks of Kafka; see `assigned.Topics`. An outage is waited for.

    Raises:
        BrokerError: see `look`.
    """

    def __init__(self, cluster: Cluster, member: Member, patience: Patience) -> None:
        self._cluster = cluster
        self._member = member
        self._patience = patience
        self.look()
        self._partials = KafkaLog(cluster, "partials")

    def look(self) -> None:
        """Look at what may have changed since the last assignment: the topics and the group.

        Raises:
            BrokerRefused: a topic is missing or has other partitions, or the group has workers of
                another store.
            BrokerUnavailable: no broker answers.
        """
        self._identities = [identity_of(self._cluster, t) for t in ("events", "partials")]
        refuse_others(self._cluster, self._member)

    def events(self) -> LogBounds:
        """See `Topics.events`."""
        return self._patience.insist(partial(self._bounds, "events", self._identities[0]))

    def partials(self) -> LogBounds:
        """See `Topics.partials`."""
        return self._patience.insist(partial(self._bounds, "partials", self._identities[1]))

    def _bounds(self, topic: TopicName, identity: str) -> LogBounds:
        with KafkaReader(self._cluster, topic) as reader:
            return LogBounds(identity, *reader.bounds())

    def publish(self, messages: Sequence[tuple[int, int, bytes]]) -> None:
        """See `Topics.publish`.

        What was in already when a broker went away is known by the records that it goes up to.
        """
        self._patience.insist(partial(self._publish, messages))

    def _publish(self, messages: Sequence[tuple[int, int, bytes]]) -> None:
        now_ms = time.time_ns() // 1_000_000
        for _, partition, content in messages:
            self._partials.append(
                partition, RecordKind.EVENT, now_ms, domain=LIVE, subject="", payload=content
            )
        self._partials.commit()

    def close(self) -> None:
        """Let go of the broker."""
        self._partials.close()


class Host(Protocol):
    """Makes the core's host anew, for another assignment."""

    def __call__(self, topics: KafkaTopics) -> Assigned:
        """With nothing loaded."""


class Worker:
    """One worker of a deployment.

    Args:
        cluster: with the deployment's topics.
        member: who joins the group.
        host: makes the core's host.
        stop: set, ends waiting for the store.
        lease: is kept alive here, and asked wherever something is written.
        directory: where Faust keeps what it keeps: nothing of value.
        tell: is given a sentence when something happens.
    """

    def __init__(
        self,
        cluster: Cluster,
        member: Member,
        host: Host,
        stop: threading.Event,
        *,
        lease: Lease,
        directory: Path,
        tell: Callable[[str], None],
    ) -> None:
        make_directory(directory)
        self._events = cluster.topics.name_of("events")
        self._stop = stop
        self._lease = lease
        self._tell = tell
        self._host = host
        self._kafka = KafkaTopics(cluster, member, Patience(tell, stop, what="Kafka"))
        self._assigned = host(self._kafka)
        self._waiting: list[EventT[Any]] = []
        self._applied: list[EventT[Any]] = []
        self._room = asyncio.Condition()
        self._alone = asyncio.Lock()
        self._rebalancing = False
        self._looked = False
        self._heard_at = self._flushed_at = 0.0
        # One thread, so that the core and its connections are used by one at a time.
        self._thread = ThreadPoolExecutor(1, "core")
        self.app = _app(cluster, member, directory)
        topics = [self._events, cluster.topics.name_of("partials")]
        for name in topics:
            topic = self.app.topic(
                name,
                key_type=bytes,
                value_type=bytes,
                key_serializer="raw",
                value_serializer="raw",
            )
            self.app.agent(topic, concurrency=1, name=f"take_in-{name}")(self._take_in)
        self.app.on_partitions_revoked.connect(self._on_revoked)
        self.app.on_partitions_assigned.connect(self._on_assigned)

    async def run(self) -> None:
        """Work until a signal; then flush and leave the group.

        Raises:
            GoldpanError: the store or Kafka refuses to go on.
        """
        threading.excepthook = _tell_of_faults_only
        ended = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        self._lease.renew()
        beating = asyncio.create_task(self._beat())
        await self.app.start()
        work = asyncio.create_task(self._work())
        waiting = asyncio.create_task(ended.wait())
        try:
            await asyncio.wait({work, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                await work
            work.cancel()
            async with self._alone:
                self._rebalancing = True
                with suppress(TimeoutError):
                    async with asyncio.timeout(_RELEASE_S):
                        await self._flush()
        finally:
            waiting.cancel()
            beating.cancel()
            self._stop.set()
            with suppress(TimeoutError):  # without a broker that lets it in Faust would not end
                async with asyncio.timeout(_RELEASE_S):
                    await self.app.stop()
            # What it was doing when the work was cancelled still uses the store's connection.
            self._thread.shutdown()
            self._kafka.close()

    # -- called by Faust ------------------------------------------------------------------------

    async def _take_in(self, stream: StreamT[bytes]) -> None:
        assert isinstance(stream, faust.Stream)
        async for event in stream.noack().events():
            async with self._room:
                await self._room.wait_for(lambda: len(self._waiting) < _BATCH)
                self._waiting.append(event)

    async def _on_revoked(self, *_: Any, signal: BaseSignalT[Any], **_more: Any) -> None:
        del signal
        self._rebalancing = True
        try:
            async with asyncio.timeout(_RELEASE_S), self._alone:
                if self._applied and (why := self._lease.lost):
                    self._tell(why)
                else:
                    await self._flush()
        except (TimeoutError, GoldpanError) as error:
            # The core may be in the middle of a call that waits for the store: it cannot be let go
            # of here, and its partitions belong to others now. They start from the checkpoint.
            why = str(error) or "the store is away"
            self._tell(f"partitions are taken away, and what is applied is not written: {why}")
            os._exit(1)
        self._lease.renew()
        self._assigned = self._host(self._kafka)
        self._waiting.clear()
        self._applied.clear()

    async def _on_assigned(self, *values: Any, signal: BaseSignalT[Any], **_more: Any) -> None:
        del signal
        _, assigned = values
        shards = sorted(tp.partition for tp in assigned if tp.topic == self._events)
        self._tell(f"assigned shards: {', '.join(map(str, shards)) or 'none'}")
        self._looked = self._rebalancing = False

    async def _beat(self) -> None:
        while True:
            self._lease.beat()
            await asyncio.sleep(_BEAT_S)

    # -- the core's side ------------------------------------------------------------------------

    async def _work(self) -> None:
        while True:
            if self.app.should_stop:
                await self._in_thread(self._kafka.look)  # which may say why
                msg = "the consumer has ended by itself; start the worker again"
                raise BrokerUnavailable(msg)
            async with self._alone:
                done = 0 if self._rebalancing else await self._round()
            if not done:
                await asyncio.sleep(_IDLE_S)

    async def _round(self) -> int:
        """Apply what waits and flush if it is time; returns how many there were."""
        if not self._looked or time.monotonic() - self._heard_at > _SILENT_S:
            self._looked = False
            with suppress(BrokerUnavailable):  # the next round looks again
                await self._in_thread(self._kafka.look)
                self._looked, self._heard_at = True, time.monotonic()
            if not self._looked:
                return 0
        async with self._room:
            batch, self._waiting = self._waiting, []
            self._room.notify_all()
        # One that was fetched before a rebalance is fetched again after it.
        current = self.app.consumer_generation_id
        batch = [event for event in batch if event.message.generation_id == current]
        if batch:
            self._heard_at = time.monotonic()
            await self._in_thread(self._apply, batch)
            self._applied.extend(batch)
        if self._applied and time.monotonic() - self._flushed_at >= FLUSH_S:
            await self._flush()
        return len(batch)

    def _apply(self, batch: Sequence[EventT[Any]]) -> None:
        """Apply a batch; where it holds what a later version wrote, keep what comes before."""
        records: list[LogRecord] = []
        published: list[Published] = []
        refused: BrokerRefused | None = None
        for event in batch:
            message = event.message
            try:
                check_format(message)
            except BrokerRefused as error:
                refused = error
                break
            if message.topic == self._events:
                records.append(record_of(message, round(message.timestamp * 1000)))
            else:
                content = message.value or b""
                published.append(Published(message.partition, message.offset, content))
        self._assigned.take(published)
        self._assigned.apply(records)
        if refused is not None:
            self._assigned.flush()
            raise refused

    async def _flush(self) -> None:
        if self._applied and await self._in_thread(self._assigned.flush):
            for event in self._applied:
                event.ack()
            self._applied.clear()
        self._flushed_at = time.monotonic()

    async def _in_thread(self, call: Callable[..., Any], *arguments: object) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *arguments)


def _tell_of_faults_only(end: threading.ExceptHookArgs) -> None:
    """Say nothing of a thread that was cancelled: Faust's is, which stops while Kafka is away."""
    if not issubclass(end.exc_type, asyncio.CancelledError):
        threading.__excepthook__(end)


def _app(cluster: Cluster, member: Member, directory: Path) -> faust.App:
    session_s = cluster.config.workers.session_seconds
    # Outages and rebalances are told by the worker; the clients tell of each in many lines.
    for name in ("faust", "mode", "aiokafka"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return faust.App(
        member.group,
        broker=[f"kafka://{server}" for server in cluster.servers.split(",")],
        broker_credentials=_credentials(cluster),
        broker_client_id=member.client_id,
        datadir=str(directory),
        topic_disable_leader=True,
        stream_wait_empty=False,
        consumer_auto_offset_reset="earliest",
        web_enabled=False,
        broker_session_timeout=session_s,
        broker_heartbeat_interval=session_s / _BEATS,
    )


def _credentials(cluster: Cluster) -> Any:
    login, tls = cluster.config.login, cluster.config.tls
    context = None
    if tls:
        context = ssl.create_default_context(cafile=tls.ca_file)
        if tls.cert_file:
            context.load_cert_chain(tls.cert_file, tls.key_file)
    if login:
        return faust.SASLCredentials(
            username=login.user,
            password=secret(login.password_file),
            ssl_context=context,
            mechanism=login.mechanism,
        )
    return faust.SSLCredentials(context) if context else None
