"""How a deployment uses Kafka, as people write it, checked: login, encryption, workers, topics.

Secrets are named by file, so that this file may be shown to anybody.

There are two topics: what came in, and what shards publish for the rules of whole sites. What comes
of it, alerts and dead letters too, is in the store alone, where each is written once under its
identity: a topic would have those of a killed worker twice. Nor is there one with events packed for
replays: a record costs 4 us to read from a pack and 11 alone, but some 85 to apply, and packing
reads each alone first (measured by `make bench ARGS="--only kafka"`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from schemas.measures import Strict

Line = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
Days = Annotated[int, Field(strict=True, ge=1, le=3650)]
TopicName = Literal["events", "partials"]


class KafkaLogin(Strict):
    """Who logs in, by SASL."""

    user: Line
    password_file: Line
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"


class KafkaTls(Strict):
    """TLS; without files, the machine's own certificate authorities decide."""

    ca_file: Line | None = None
    cert_file: Line | None = None
    key_file: Line | None = None


class RetentionDays(Strict):
    """How long Kafka keeps the records of each topic."""

    events: Days = 7
    partials: Days = 7


class KafkaTopics(Strict):
    """The topics of one deployment.

    `prefix` sets deployments on one cluster apart. `shards` is the number of partitions of every
    topic, for the life of the deployment: it decides where each customer's events lie.
    """

    prefix: Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9._-]{0,100}$")] = ""
    shards: Annotated[int, Field(strict=True, ge=1, le=1024)] = 8
    replication: Annotated[int, Field(strict=True, ge=1, le=9)] = 1
    retention_days: RetentionDays = RetentionDays()
    compression: Literal["gzip", "uncompressed"] = "gzip"

    def name_of(self, topic: TopicName) -> str:
        """A topic's name on the cluster."""
        return self.prefix + topic

    def retentions(self) -> Iterator[tuple[str, int]]:
        """Every topic's name on the cluster with its retention in ms."""
        for topic, days in self.retention_days.model_dump().items():
            yield self.prefix + topic, days * 86_400_000


class KafkaWorkers(Strict):
    """The consumer group.

    `session_seconds` is how long a worker may be silent before its partitions go to the others: so
    long those of a killed one wait. Less than 6 a broker does not take, unless it is told to. One
    that was only slow costs a moment, and no event: take more where machines stand still for long.
    """

    session_seconds: Annotated[int, Field(strict=True, ge=6, le=300)] = 6


class KafkaConfig(Strict):
    """The whole file."""

    format: Literal[1]
    login: KafkaLogin | None = None
    tls: KafkaTls | None = None
    workers: KafkaWorkers = KafkaWorkers()
    topics: KafkaTopics = KafkaTopics()
