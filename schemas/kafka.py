"""How a deployment uses Kafka, as people write it, checked: login, encryption, topics.

Secrets are named by file, so that this file may be shown to anybody.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from schemas.measures import Strict

Line = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
Days = Annotated[int, Field(strict=True, ge=1, le=3650)]
TopicName = Literal["events", "partials", "alerts", "replay", "dead-letters"]


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
    alerts: Days = 30
    replay: Days = 1
    dead_letters: Annotated[Days, Field(alias="dead-letters")] = 30


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
        for topic, days in self.retention_days.model_dump(by_alias=True).items():
            yield self.prefix + topic, days * 86_400_000


class KafkaConfig(Strict):
    """The whole file."""

    format: Literal[1]
    login: KafkaLogin | None = None
    tls: KafkaTls | None = None
    topics: KafkaTopics = KafkaTopics()
