"""Events on a topic flow in, answers flow out of Quix Streams in its documented form.

It runs in an environment of its own, because it cannot share one with the product's pydantic.
"""

from __future__ import annotations

import tempfile
from collections import deque
from datetime import timedelta
from importlib import import_module
from typing import Any

from pipeline.decode import Decoder
from tests.bench.simple_job import INGEST_MS, Answer, Waits, is_third
from tests.bench.simple_job.topic import Topic, measure

IDLE_S = 3.0
"""It ends when nothing has come for so long."""


def quix(topic: Topic) -> Answer:
    """Branches, `group_by`, a tumbling window and a stateful `apply`; no changelog topics."""
    streams = import_module("quixstreams")
    over = import_module("quixstreams.dataframe.windows.aggregations")
    decode = Decoder().decode
    waits: Waits = {}
    repeats: set[tuple[str, str]] = set()

    def told(line: bytes) -> tuple[int, str, int | None]:
        event: Any = decode(line, INGEST_MS)  # branches copy what goes through them: so not whole
        if event.event_type == "call.answered":
            return event.occurred_ms, event.queue, event.wait_ms
        return event.occurred_ms, f"{event.customer_id}\t{event.topic}", None

    def repeat(told: tuple[int, str, None], state: Any) -> None:
        times = deque(state.get("times", []))
        if is_third(times, told[0]):
            customer, _, topic = told[1].partition("\t")
            repeats.add((customer, topic))
        state.set("times", list(times))

    def keep(window: Any, key: bytes | str, *_: object) -> None:
        queue = key.decode() if isinstance(key, bytes) else key
        waits[queue, window["start"]] = (window["count"], window["sum"], window["max"])

    with tempfile.TemporaryDirectory() as directory:
        app = streams.Application(
            topic.servers,
            consumer_group=f"job-{topic.name}-{id(waits)}",
            auto_offset_reset="earliest",
            use_changelog_topics=False,
            state_dir=directory,
            loglevel="ERROR",
        )
        source = app.topic(topic.name, value_deserializer="bytes", key_deserializer="bytes")
        frame = app.dataframe(source)
        if topic.packed:
            frame = frame.apply(lambda pack: pack.split(b"\n"), expand=True)
        frame = frame.apply(told).set_timestamp(lambda told, *_: told[0])
        (
            frame.filter(lambda told: told[2] is not None)
            .group_by(lambda told: told[1], name="queue")
            .apply(lambda told: told[2])
            .tumbling_window(timedelta(minutes=1))
            .agg(count=over.Count(), sum=over.Sum(), max=over.Max())
            .current()
            .update(keep, metadata=True)
        )
        (
            frame.filter(lambda told: told[2] is None)
            .group_by(lambda told: told[1], name="customer")
            .apply(repeat, stateful=True)
        )
        app.run(timeout=IDLE_S, collect=False)
    return waits, repeats


if __name__ == "__main__":
    measure(quix)
