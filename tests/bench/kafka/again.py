"""What a worker has applied flows in, what its replay from the topic costs flows out.

From the topic as it is, and from the same records packed, many in one of Kafka's.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import islice
from pathlib import Path

import msgspec

from pipeline.log.kafka import KafkaLog, KafkaReader
from pipeline.log.topics import identity_of
from pipeline.runtimes.again import Moment, Page
from pipeline.runtimes.engine import calm_the_collector
from pipeline.runtimes.history import AT_ONCE, History, OnTopic, Reached
from pipeline.runtimes.patience import Patience
from pipeline.runtimes.replay import replay
from pipeline.sinks.clickhouse import ClickHouseStore
from pipeline.sinks.client import Client
from pipeline.sinks.replays import Kept, Window, prepare
from schemas.records import LIVE, LogRecord, RecordKind
from tests.bench.kafka.deployment import PACK, deployed
from tests.faults.support import only

NAMES = {"plain": "calls", "packed": "calls_packed"}
"""The deployments that have the records, by the form that they have them in."""
_pack = msgspec.msgpack.encode
_unpack = msgspec.msgpack.Decoder(list[LogRecord]).decode


class OnPacks:
    """Packed records as a source of a replay."""

    def __init__(self, reader: KafkaReader, records: int) -> None:
        self._reader = reader
        self._records = records

    def generations(self) -> Collection[int]:
        """See `History.generations`."""
        return {1}

    def left(self, reached: Reached) -> int:
        """See `History.left`."""
        del reached
        return self._records

    def pages(self, generation: int, reached: Reached) -> Iterator[Page]:
        """See `History.pages`."""
        del reached
        records = unpacked(self._reader)
        while page := list(islice(records, AT_ONCE)):
            yield Moment(generation, max(record.ingest_ms for record in page)), page


def unpacked(reader: KafkaReader) -> Iterator[LogRecord]:
    """The records of every pack."""
    for pack in reader.read(*reader.bounds()):
        yield from _unpack(pack.payload)


def pack(directory: Path) -> dict[str, float]:
    """Put all records of the topic of events on another topic, packed."""
    with (
        deployed(directory, NAMES["plain"]) as deployment,
        deployed(directory, NAMES["packed"]) as other,
        KafkaReader(deployment.cluster) as reader,
    ):
        waiting: dict[int, list[LogRecord]] = {}
        with KafkaLog(other.cluster) as log:

            def send(records: Sequence[LogRecord]) -> None:
                where = {"domain": LIVE, "subject": ""}
                at, shard = records[-1].ingest_ms, records[-1].shard
                log.append(shard, RecordKind.EVENT, at, payload=_pack(records), **where)

            for record in reader.read(*reader.bounds()):
                records = waiting.setdefault(record.shard, [])
                records.append(record)
                if len(records) == PACK:
                    send(records)
                    records.clear()
            for records in filter(None, waiting.values()):
                send(records)
            log.commit()
    return {}


def fetch(directory: Path, form: str) -> dict[str, float]:
    """Only read them; µs of CPU time per record."""
    with deployed(directory, NAMES[form]) as deployment, KafkaReader(deployment.cluster) as reader:
        started = time.process_time()
        records = reader.read(*reader.bounds()) if form == "plain" else unpacked(reader)
        count = sum(1 for _ in records)
        return {"us": 1e6 * (time.process_time() - started) / count}


def again(directory: Path, form: str) -> dict[str, float]:
    """Replay into another database; µs of CPU time per record."""
    name = f"again_{form}"
    with (
        deployed(directory, NAMES["plain"]) as deployment,
        deployed(directory, NAMES[form]) as place,
        Client(lambda: deployment.url) as live,
        Client(lambda: f"{deployment.url.rpartition('/')[0]}/{name}") as into,
        KafkaReader(deployment.cluster) as events,
        KafkaReader(place.cluster) as reader,
    ):
        kept = Kept("events", identity_of(deployment.cluster, "events"), events.bounds()[0])
        what = prepare(live, into, NAMES["plain"], name, Window(), kept=kept)
        records = sum(events.bounds()[1])
        source: History = OnTopic(what, reader) if form == "plain" else OnPacks(reader, records)
        store, patience = ClickHouseStore(into), Patience(print)
        gc.collect()
        started = time.process_time()
        done = replay(what, "example", store, [source], patience, progress=lambda *_: None)
        spent_s = time.process_time() - started
        count = "SELECT sum(offered) FROM call_minutes FINAL WHERE dims = 'site'"
        address = deployment.url.rpartition("/")[0]
        same = only(f"{address}/{name}", count) == only(deployment.url, count)
    assert done.records == records
    return {"us": 1e6 * spent_s / done.records, "same": same}


PARTS: dict[str, Callable[..., dict[str, float]]] = {"pack": pack, "fetch": fetch, "again": again}


if __name__ == "__main__":
    calm_the_collector()
    part, place, *rest = sys.argv[1:]
    print(json.dumps(PARTS[part](Path(place), *rest)))
