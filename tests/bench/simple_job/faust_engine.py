"""Events on a topic flow in as they do in a worker, answers flow out of the product's core."""

from __future__ import annotations

import asyncio
import logging
import tempfile

import faust
from faust.types import StreamT

from pipeline.runtimes.engine import calm_the_collector
from tests.bench.simple_job import Answer
from tests.bench.simple_job.goldpan_engine import answer
from tests.bench.simple_job.topic import Topic, measure


def fetched(topic: Topic) -> list[bytes]:
    """Every value, through one of Faust's agents, with the settings of `goldpan worker`."""
    values: list[bytes] = []
    logging.disable()
    calm_the_collector()

    async def work(directory: str) -> None:
        done = asyncio.Event()
        app = faust.App(
            f"job-{topic.name}-{id(values)}",
            broker=f"kafka://{topic.servers}",
            datadir=directory,
            topic_disable_leader=True,
            stream_wait_empty=False,
            consumer_auto_offset_reset="earliest",
            web_enabled=False,
        )
        source = app.topic(
            topic.name,
            key_type=bytes,
            value_type=bytes,
            key_serializer="raw",
            value_serializer="raw",
        )

        async def take(stream: StreamT[bytes]) -> None:
            assert isinstance(stream, faust.Stream)
            async for event in stream.noack().events():
                values.append(event.value)
                event.ack()
                if len(values) == topic.records:
                    done.set()

        app.agent(source, concurrency=1)(take)
        await app.start()
        await done.wait()
        await app.stop()

    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(work(directory))
    return values


def goldpan(topic: Topic) -> Answer:
    """The core's job over what the agent was given."""
    return answer(topic.events(fetched(topic)))


if __name__ == "__main__":
    measure(goldpan)
