"""A file of events flows in, the same two answers flow out of each engine, with CPU time and RSS.

The job: per queue and minute the count, sum and maximum of waits; and the customers with three or
more complaints on one topic within seven days. Every engine but polars decodes with the product's
own validating decoder, so what differs is the engine. Each runs in a process of its own:

    python -m tests.bench.simple_job.bytewax_engine FILE

Those that read the same events from a Kafka topic are told which one: see `topic`.
"""

from __future__ import annotations

import hashlib
import json
import resource
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from pipeline.decode import Decoder

WEEK_MS = 7 * 24 * 3_600_000
INGEST_MS = 1_800_000_000_000  # later than every event: nothing is from the future

Waits = dict[tuple[str, int], tuple[int, int, int]]
Answer = tuple[Waits, set[tuple[str, str]]]


def lines(path: Path) -> Iterator[bytes]:
    """The events as they lie in the file."""
    with path.open("rb") as file:
        yield from file


def decoded(payloads: Iterable[bytes]) -> Iterator[Any]:
    """The events as the product's decoder gives them."""
    decode = Decoder().decode
    for payload in payloads:
        yield decode(payload, INGEST_MS)


def is_third(times: deque[int], at: int) -> bool:
    """Whether the complaint at `at` is the third within seven days."""
    times.append(at)
    while times[0] <= at - WEEK_MS:
        times.popleft()
    return len(times) >= 3


def measure(engine: Callable[[Path], Answer]) -> None:
    """Run an engine on the file named in the command; print what it took, as JSON."""
    measured(lambda: engine(Path(sys.argv[1])))


def measured(engine: Callable[[], Answer]) -> None:
    """Run an engine; print what it took, as JSON."""
    started = time.process_time()
    waits, repeats = engine()
    cpu = time.process_time() - started
    answer = repr((sorted(waits.items()), sorted(repeats)))
    taken = {
        "cpu_s": cpu,
        "rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "digest": hashlib.sha256(answer.encode()).hexdigest(),
        "windows": len(waits),
        "repeats": len(repeats),
    }
    print(json.dumps(taken))
