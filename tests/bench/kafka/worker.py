"""Events on the topic flow in; what `goldpan worker` costs, how late it is, how it comes back, out.

The events go through the product's publisher; what is seen is what a reader of the store counts.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from schemas.records import LIVE
from tests.bench.call_path import CHUNK, OPEN_CONTACTS, waiting
from tests.bench.events import call_events
from tests.bench.kafka.deployment import PATIENCE_S, deployed
from tests.bench.live import Measured, cpu_s, delays, percentile, reading
from tests.infra.support import wait_for

WARM = 2_000
BEAT_S = 0.1
SECONDS = 15
DRAIN_S = 30


def core(directory: Path, events: str) -> dict[str, float]:
    """CPU time of one worker, its store and the broker for whole calls, µs per event."""
    source = call_events(int(events) * 10 // 37)
    with deployed(directory, "calls") as deployment, deployment.publisher() as publisher:
        pids = {
            "worker_us": deployment.start_worker().process.pid,
            "store_us": deployment.store_pid,
            "broker_us": deployment.broker_pid,
        }
        publisher.publish(LIVE, islice(source, WARM))
        deployment.wait_until_applied()
        before = {name: cpu_s(pid) for name, pid in pids.items()}
        count = 0
        while chunk := list(islice(source, CHUNK)):
            publisher.publish(LIVE, chunk)
            publisher.save_subjects()
            count += len(chunk)
        deployment.wait_until_applied()
        spent = {name: 1e6 * (cpu_s(pid) - before[name]) / count for name, pid in pids.items()}
        return {"events": count, **spent}


def delay(directory: Path, rate: str, workers: str) -> dict[str, float]:
    """From publishing to seeing, at a steady rate, ms; and the share of a core of each part."""
    batch, measured = round(int(rate) * BEAT_S), Measured()
    name = f"delay_{rate}_{workers}"
    with deployed(directory, name) as deployment, deployment.publisher() as publisher:
        pids = [deployment.start_worker().process.pid for _ in range(int(workers))]
        pids.append(deployment.store_pid)
        with reading(deployment.url, measured):
            publisher.publish(LIVE, waiting(range(WARM), publisher.now()))
            wait_for(lambda: bool(measured.seen) and measured.seen[-1][1] == WARM, PATIENCE_S)
            measured.seen.clear()
            before = list(map(cpu_s, pids))
            began, own_s = time.monotonic(), time.process_time()
            for turn in range(round(SECONDS / BEAT_S)):
                time.sleep(max(0.0, began + turn * BEAT_S - time.monotonic()))
                first = WARM + turn * batch
                events = waiting(range(first, first + batch), publisher.now())
                measured.sent.extend([began + turn * BEAT_S] * batch)
                publisher.publish(LIVE, events)
                publisher.tick()
                publisher.save_subjects()
            own_s = time.process_time() - own_s
            spent = [cpu_s(pid) - was for pid, was in zip(pids, before, strict=True)]
            took_s = time.monotonic() - began
            _drain(measured, WARM + len(measured.sent))
    measured.seen = [(at, count - WARM) for at, count in measured.seen]
    seen = list(delays(measured))
    return {
        "rate": len(seen) / took_s,
        "p50_ms": percentile(seen, 50),
        "p95_ms": percentile(seen, 95),
        "publisher_cpu": own_s / took_s,
        "workers_cpu": sum(spent[:-1]) / took_s,
        "store_cpu": spent[-1] / took_s,
    }


def _drain(measured: Measured, count: int) -> None:
    """Wait until all is seen; what is not by then counts as seen then."""
    deadline = time.monotonic() + DRAIN_S
    while measured.seen[-1][1] < count and time.monotonic() < deadline:
        time.sleep(BEAT_S)
    measured.seen.append((time.monotonic(), count))


def recovery(directory: Path) -> dict[str, float]:
    """How soon a worker that was killed with 100k callers waiting is up to date again, s."""
    with deployed(directory, "recovery") as deployment, deployment.publisher() as publisher:
        worker = deployment.start_worker()
        for start in range(0, OPEN_CONTACTS, CHUNK):
            publisher.publish(LIVE, waiting(range(start, start + CHUNK), publisher.now()))
            publisher.save_subjects()
        deployment.wait_until_applied()
        worker.kill()
        began = time.monotonic()
        more = range(OPEN_CONTACTS, OPEN_CONTACTS + WARM)
        publisher.publish(LIVE, waiting(more, publisher.now()))
        deployment.start_worker()
        assigned = time.monotonic()
        deployment.wait_until_applied()
        return {"assigned_s": assigned - began, "up_to_date_s": time.monotonic() - began}


PARTS: dict[str, Callable[..., dict[str, float]]] = {
    "core": core,
    "delay": delay,
    "recovery": recovery,
}


if __name__ == "__main__":
    part, place, *rest = sys.argv[1:]
    print(json.dumps(PARTS[part](Path(place), *rest)))
