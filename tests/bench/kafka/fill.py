"""A number of events flows in, two topics of one partition that have them flow out, one packed.

python -m tests.bench.kafka.fill DIRECTORY EVENTS
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

from pipeline.log.kafka import KafkaLog
from pipeline.runtimes.publisher import wall_clock_ms
from schemas.records import LIVE, RecordKind
from tests.bench.events import mixed_events
from tests.bench.kafka.deployment import PACK, deployed

GROUP = 10_000


def fill(directory: Path, count: int) -> dict[str, Any]:
    """Where the events are, and how many."""
    with (
        deployed(directory, "job", shards=1) as one,
        deployed(directory, "job_packed", shards=1) as other,
        KafkaLog(one.cluster) as plain,
        KafkaLog(other.cluster) as packed,
    ):
        events = mixed_events(count)
        while some := list(islice(events, GROUP)):
            _send(plain, some)
            _send(packed, (b"\n".join(some[at : at + PACK]) for at in range(0, GROUP, PACK)))
        topics = {"plain": plain.topic, "packed": packed.topic}
        return {"servers": one.cluster.servers, "topics": topics, "records": count}


def _send(log: KafkaLog, payloads: Iterable[bytes]) -> None:
    for payload in filter(None, payloads):
        log.append(0, RecordKind.EVENT, wall_clock_ms(), domain=LIVE, subject="s", payload=payload)
    log.commit()


if __name__ == "__main__":
    print(json.dumps(fill(Path(sys.argv[1]), int(sys.argv[2]))))
