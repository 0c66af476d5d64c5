"""Whole calls flow in through log, core and store; CPU time, memory and disk use flow out.

Run in a process of its own, so that its CPU time and memory are the pipeline's alone.
"""

from __future__ import annotations

import gc
import json
import resource
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from infra import clickhouse
from pipeline.commands.common import embedded_url, of_database
from pipeline.runtimes.embedded import Embedded, EmbeddedSettings
from pipeline.runtimes.engine import Engine
from pipeline.runtimes.history import Stored
from pipeline.runtimes.patience import Patience
from pipeline.runtimes.replay import replay
from pipeline.sinks.clickhouse import ClickHouseStore
from pipeline.sinks.client import Client
from pipeline.sinks.migrate import migrate
from pipeline.sinks.raw import RawEvents
from pipeline.sinks.replays import Window, prepare
from pipeline.sources.files import LineFile
from pipeline.topology import TopologySettings
from schemas.records import LIVE

CHUNK = 5_000
OPEN_CONTACTS = 100_000


def open_pipeline(directory: Path) -> Embedded:
    """The embedded pipeline on a directory, over the embedded store, not started yet."""
    client = Client(embedded_url(directory / "clickhouse"))
    migrate(client)
    engine = Engine(TopologySettings(), ClickHouseStore(client), Patience(print))
    return Embedded(EmbeddedSettings(directory), engine)


def full_path(directory: Path, file: Path) -> dict[str, float]:
    """Publish, apply and flush whole calls; what it took per event, and what it left on disk."""
    with open_pipeline(directory) as pipeline:
        pipeline.start()
        gc.collect()
        events = 0
        publish_s = apply_s = 0.0
        chunk: list[bytes] = []
        for event in LineFile(file).lines():
            chunk.append(event)
            if len(chunk) == CHUNK:
                publish_s += _timed(lambda: pipeline.publish(LIVE, chunk))
                publish_s += _timed(pipeline.save_subjects)  # as every runtime does each second
                apply_s += _timed(pipeline.catch_up)
                events += len(chunk)
                chunk.clear()
        apply_s += _timed(pipeline.flush)
        server = clickhouse.status(directory / "clickhouse")
        return {
            "events": events,
            "publish_us": 1e6 * publish_s / events,
            "apply_us": 1e6 * apply_s / events,
            "pipeline_rss": _rss_of("self"),
            "store_rss": _rss_of(str(server.pid)) if server else 0,
            "log_bytes_per_event": _size(directory / "log") / events,
            "store_bytes_per_event": _size(directory / "clickhouse") / events,
        }


def again(directory: Path) -> dict[str, float]:
    """Replay all that is in, into another database; what it took per record."""
    url = embedded_url(directory / "clickhouse")
    patience = Patience(print)
    with Client(url) as live, Client(of_database(url, "again")) as into:
        what = prepare(live, into, "goldpan", "again", Window())
        gc.collect()
        store = ClickHouseStore(into)
        started = time.process_time()
        history = [Stored(what, RawEvents(into, what.selection()), patience)]
        done = replay(what, "example", store, history, patience, progress=lambda *_: None)
        spent_s = time.process_time() - started
        return {"apply_us": 1e6 * spent_s / done.records, "pipeline_rss": _rss_of("self")}


def open_contacts(directory: Path) -> dict[str, float]:
    """Leave 100k callers waiting at a checkpoint."""
    with open_pipeline(directory) as pipeline:
        pipeline.start()
        now = pipeline.now()
        for start in range(0, OPEN_CONTACTS, CHUNK):
            pipeline.publish(LIVE, waiting(range(start, start + CHUNK), now))
            pipeline.catch_up()
        pipeline.flush()
        pipeline.save_subjects()  # as every runtime does now and then
    return {}


def restart(directory: Path) -> dict[str, float]:
    """How long a start takes with 100k callers waiting, the store's own start not counted."""
    started = time.perf_counter()
    with open_pipeline(directory) as pipeline:
        connected = time.perf_counter()
        pipeline.start()
        ready = time.perf_counter()
        contacts = sum(len(shard.entities) for shard in pipeline.engine.stage1.shards.values())
        return {"open_s": connected - started, "start_s": ready - connected, "contacts": contacts}


def waiting(numbers: Iterable[int], now_ms: int) -> list[bytes]:
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now_ms // 1000))
    return [
        json.dumps(
            {
                "event_id": f"waiting-{number}",
                "event_type": "call.queued",
                "site": "example",
                "source": "acd-1",
                "occurred_at": stamp,
                "contact_id": f"waiting-{number:07d}",
                "customer_id": f"customer-{number:07d}",
                "queue": "general",
                "channel": "voice",
            }
        ).encode()
        for number in numbers
    ]


def _timed(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def _rss_of(process: str) -> float:
    if process == "self":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    status = Path("/proc", process, "status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def _size(directory: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in directory.rglob("*") if path.is_file())


PARTS: dict[str, Callable[..., dict[str, float]]] = {
    "full_path": full_path,
    "again": again,
    "open_contacts": open_contacts,
    "restart": restart,
}


if __name__ == "__main__":
    part, directory, *rest = sys.argv[1:]
    print(json.dumps(PARTS[part](Path(directory), *map(Path, rest))))
