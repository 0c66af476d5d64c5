"""Events on a topic flow in as they do in a replay, answers flow out of the product's core."""

from __future__ import annotations

from pipeline.log.cluster import Cluster
from pipeline.log.kafka import KafkaReader
from schemas.kafka import KafkaConfig, KafkaTopics
from tests.bench.simple_job import Answer
from tests.bench.simple_job.goldpan_engine import answer
from tests.bench.simple_job.topic import Topic, measure


def goldpan(topic: Topic) -> Answer:
    """The core's job over what the reader gives."""
    topics = KafkaTopics(prefix=topic.name.removesuffix("events"), shards=1)
    cluster = Cluster(topic.servers, KafkaConfig(format=1, topics=topics))
    with KafkaReader(cluster) as reader:
        records = reader.read(*reader.bounds())
        return answer(topic.events(record.payload for record in records))


if __name__ == "__main__":
    measure(goldpan)
