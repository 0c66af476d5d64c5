"""Records in, the same records on a Kafka topic out: acknowledged by every replica in step.

A shard is a partition of the topic, and the record's timestamp is its ingest time, so whoever reads
the topic finds what a reader of the embedded log finds. Kind and domain are in headers, where they
are not those of a live event, and so is the format, where it is not the first.
"""

from __future__ import annotations

import gc
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol, Self

from pipeline.errors import BrokerRefused, BrokerUnavailable
from pipeline.log.cluster import (
    MAX_RECORD,
    Cluster,
    KafkaConsumer,
    KafkaProducer,
    KafkaTimeoutError,
    TopicPartition,
)
from pipeline.log.topics import identity_of
from pipeline.masking import quoted
from schemas.kafka import TopicName
from schemas.records import LIVE, LogRecord, RecordKind

PATIENT_MS = 60_000
"""How long a record is offered to a broker that does not take it."""
_GRACE_S = 1.0
"""What the client itself may take to say that a record was not delivered in time."""
_OUTAGE_S = 1.0
"""Until another record is offered to a broker that has just not answered."""
_AROUND = 4 << 10
"""More than what a record has besides its key and its payload."""
_READ_MS = 500
_KIND, _DOMAIN, _FORMAT, _WRITER = "kind", "domain", "format", "writer"
FORMAT = 1
"""What key, value and headers mean. Whoever changes that raises it, and writes it into a header."""
_TIME = re.compile(rb"-?[0-9]{1,18}")

Headers = list[tuple[str, bytes]]


class Message(Protocol):
    """A record as a Kafka client gives it."""

    partition: int
    offset: int
    timestamp: Any
    key: Any
    value: Any
    headers: Any


def headers_of(kind: RecordKind, domain: str) -> Headers:
    """The headers of a record; none for a live event."""
    headers: Headers = []
    if kind != RecordKind.EVENT:
        headers.append((_KIND, kind.name.encode()))
    if domain != LIVE:
        headers.append((_DOMAIN, domain.encode()))
    return headers


def record_of(message: Message, ingest_ms: int) -> LogRecord:
    """A message as a record, whoever wrote it: what its headers do not say is that of a live event.

    A kind that this version does not know, or a file's tick without a time in it, is read as an
    event, and decode says what is wrong.
    """
    said: Mapping[str, bytes] = dict(message.headers or ())
    name = said.get(_KIND, b"EVENT").decode(errors="replace")
    kind = RecordKind.__members__.get(name, RecordKind.EVENT)
    domain = said.get(_DOMAIN, LIVE.encode()).decode(errors="replace")
    payload: bytes = message.value or b""
    if kind == RecordKind.TICK and domain != LIVE and not _TIME.fullmatch(payload):
        kind = RecordKind.EVENT
    subject = (message.key or b"").decode("utf-8", "replace")
    return LogRecord(message.partition, message.offset, kind, ingest_ms, domain, subject, payload)


def check_format(message: Message) -> None:
    """Refuse a record whose format this version does not know: it could only be misread.

    Raises:
        BrokerRefused: it has one.
    """
    for name, value in message.headers or ():
        if name == _FORMAT and value != b"%d" % FORMAT:
            msg = (
                f"partition {message.partition}, offset {message.offset:,}: the record has format "
                f"{quoted(value.decode(errors='replace'))}, and this Goldpan knows {FORMAT}: a "
                "later version wrote it. Install that version for every process of this deployment;"
                " nothing was taken in from there on, and nothing is lost"
            )
            raise BrokerRefused(msg)


class KafkaLog:
    """The writing side of a topic, and its end. One thread at a time.

    While no broker answers nothing is held for it: a group that is not acknowledged is given up,
    and what follows within a second is refused at once. Then another producer is made, because one
    whose broker was killed while it asked for its number never goes on.

    Args:
        cluster: with the deployment's topics.
        topic: to write to.
        delivery_ms: how long a record is offered to a broker that does not take it.

    Raises:
        BrokerRefused: the topic is missing, or has another number of partitions.
        BrokerUnavailable: no broker answers.
    """

    def __init__(
        self, cluster: Cluster, topic: TopicName = "events", *, delivery_ms: int = PATIENT_MS
    ) -> None:
        self.topic = cluster.topics.name_of(topic)
        self.shards = cluster.topics.shards
        self._cluster = cluster
        self.writer = ""
        """The name that ticks carry; see `log.writers`."""
        self.gaps: dict[int, tuple[int, int]] = {}
        """By shard, where records that this log has not seen acknowledged lie between its own."""
        self._delivery_ms = delivery_ms
        self._group: list[dict[str, Any]] = []
        self._bytes = 0
        self._outage, self._outage_until = "", 0.0
        self.identity = identity_of(cluster, topic)
        """The topic's own: another one is another log."""
        self.ends = [0] * self.shards
        """Per shard, the offset after the last record that this log has written."""
        self._producer: KafkaProducer | None = self._connected()

    @property
    def uncommitted_bytes(self) -> int:
        """Bytes of the group that awaits `commit`, or its end."""
        return self._bytes

    def append(
        self,
        shard: int,
        kind: RecordKind,
        ingest_ms: int,
        *,
        domain: str,
        subject: str,
        payload: bytes,
    ) -> None:
        """Add a record to the group; it is sent and safe after `commit`.

        Raises:
            BrokerRefused: it is larger than the topic takes; the group is as it was.
        """
        key = subject.encode("utf-8", "surrogatepass")
        size = len(key) + len(payload)
        if size > MAX_RECORD - _AROUND:
            msg = f"a record has {size:,} bytes, which is larger than topic {self.topic} takes"
            raise BrokerRefused(msg)
        self._group.append(
            {
                "value": payload,
                "key": key or None,
                "partition": shard,
                "timestamp_ms": ingest_ms,
                "headers": self._headers(kind, domain),
            }
        )
        self._bytes += size

    def _headers(self, kind: RecordKind, domain: str) -> Headers:
        headers = headers_of(kind, domain)
        if self.writer and kind == RecordKind.TICK:
            headers.append((_WRITER, self.writer.encode()))
        return headers

    def commit(self) -> None:
        """Return when every record of the group is acknowledged by the replicas in step.

        Raises:
            BrokerUnavailable: not all are. Some may be in the log: send all again, those that are
                there twice are recognised by their ids.
            BrokerRefused: the broker refuses one of them.
        """
        group, self._group = self._group, []
        try:
            if group:
                self._send(group)
        finally:
            self._bytes = 0

    def _send(self, group: Sequence[dict[str, Any]]) -> None:
        if time.monotonic() < self._outage_until:
            raise BrokerUnavailable(self._outage)
        try:
            self._deliver(group)
        except BrokerUnavailable as outage:
            self._outage, self._outage_until = str(outage), time.monotonic() + _OUTAGE_S
            self._abandon()
            raise

    def _deliver(self, group: Sequence[dict[str, Any]]) -> None:
        if self._producer is None:
            self._producer = self._connected()
        with self._cluster.plainly():
            sent = [self._producer.send(self.topic, **record) for record in group]
            # Without a bound, one that has no number yet would wait for ever.
            self._producer.flush(self._delivery_ms / 1000 + _GRACE_S)
            for future in sent:
                at = future.get(timeout=_GRACE_S)
                self._acknowledged(at.partition, at.offset)

    def _acknowledged(self, shard: int, offset: int) -> None:
        end = self.ends[shard]
        if offset > end:
            self.gaps[shard] = (self.gaps.get(shard, (end, end))[0], offset)
        self.ends[shard] = max(end, offset + 1)  # one that was there already may have no offset

    def _connected(self) -> KafkaProducer:
        gc.collect()  # a client that could not begin forgets to close its sockets
        options = self._cluster.options()
        longest_ms = min(options.pop("bootstrap_timeout_ms"), self._delivery_ms)
        with self._cluster.plainly():
            return KafkaProducer(
                **options,
                bootstrap_timeout_ms=longest_ms,
                acks="all",
                enable_idempotence=True,
                compression_type="gzip" if self._cluster.topics.compression == "gzip" else None,
                linger_ms=5,
                batch_size=256 << 10,
                max_request_size=MAX_RECORD,
                request_timeout_ms=self._delivery_ms // 2,
                delivery_timeout_ms=self._delivery_ms,
                max_block_ms=self._delivery_ms,
                allow_auto_create_topics=False,
            )

    def _abandon(self) -> None:
        """Let go of the producer and of what it holds: `close` alone would wait for that."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer._sender.force_close()
            producer._sender.join(_GRACE_S)
            with suppress(KafkaTimeoutError):
                producer.close(timeout=0)

    def close(self) -> None:
        """Let go of the broker; what is not committed may be lost."""
        self._abandon()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class KafkaReader:
    """Reads a topic outside any consumer group: for recovery and for tools.

    `writers` collects who wrote the ticks among what was read.
    """

    def __init__(self, cluster: Cluster, topic: TopicName = "events") -> None:
        self._cluster = cluster
        self._topic = cluster.topics.name_of(topic)
        self.writers: set[str] = set()
        self._partitions = [TopicPartition(self._topic, s) for s in range(cluster.topics.shards)]
        with cluster.plainly():
            self._consumer = KafkaConsumer(
                **cluster.options(), enable_auto_commit=False, fetch_max_bytes=50 << 20
            )

    def bounds(self) -> tuple[list[int], list[int]]:
        """Per shard, the offset of the oldest record that is kept, and of the next one."""
        with self._cluster.plainly():
            first = self._consumer.beginning_offsets(self._partitions)
            after = self._consumer.end_offsets(self._partitions)
        return [first[p] for p in self._partitions], [after[p] for p in self._partitions]

    def read(self, begin: Sequence[int], end: Sequence[int]) -> Iterator[LogRecord]:
        """The records of every shard from `begin` up to, not including, `end`.

        Each shard's come in its order, those of several shards as they are fetched.

        Raises:
            BrokerUnavailable: no broker answers for a minute.
            BrokerRefused: see `check_format`.
        """
        left = {p for p, b, e in zip(self._partitions, begin, end, strict=True) if b < e}
        self._consumer.assign(sorted(left))
        for partition in left:
            self._consumer.seek(partition, begin[partition.partition])
        idle_ms = 0
        while left:
            with self._cluster.plainly():
                fetched = self._consumer.poll(timeout_ms=_READ_MS)
            idle_ms = 0 if fetched else idle_ms + _READ_MS
            if idle_ms > PATIENT_MS:
                msg = f"Kafka at {self._cluster.servers} gives no records of {self._topic}"
                raise BrokerUnavailable(msg)
            for partition, messages in fetched.items():
                last = end[partition.partition]
                yield from self._records(m for m in messages if m.offset < last)
                if messages[-1].offset >= last - 1:
                    left.discard(partition)

    def _records(self, messages: Iterable[Message]) -> Iterator[LogRecord]:
        for message in messages:
            for name, value in message.headers or ():
                if name == _WRITER:
                    self.writers.add(value.decode(errors="replace"))
            check_format(message)
            yield record_of(message, message.timestamp)

    def close(self) -> None:
        """Let go of the broker."""
        self._consumer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
