"""A cluster goes in; its topics, made or compared with what the configuration says, come out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.errors import BrokerRefused
from pipeline.log.cluster import MAX_RECORD, Cluster, ConfigResource, ConfigResourceType
from schemas.kafka import KafkaTopics, TopicName


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it is on the cluster, or as it should be.

    `identity` is the one that Kafka gave it: a topic that was deleted and made again has another.
    """

    partitions: int
    settings: Mapping[str, str]
    identity: str = ""


@dataclass(slots=True)
class Findings:
    """What `compare` found, by topic.

    Attributes:
        missing: topics that are not there.
        counts: partitions found, where they are not as many as configured.
        settings: what should be set and is not.
    """

    missing: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    settings: dict[str, dict[str, str]] = field(default_factory=dict)

    def sentences(self, shards: int) -> list[str]:
        """One sentence for each."""
        return [
            *(
                f"topic {name} is missing: 'goldpan topics create' makes it"
                for name in self.missing
            ),
            *(_count_differs(name, found, shards) for name, found in self.counts.items()),
            *(
                f"topic {name} has not {_listed(wanted)}: 'goldpan topics create' sets it"
                for name, wanted in self.settings.items()
            ),
        ]


def wanted(topics: KafkaTopics) -> dict[str, Topic]:
    """The topics as the configuration says; every record is acknowledged by all but one replica."""
    settings = {
        "compression.type": topics.compression,
        "max.message.bytes": str(MAX_RECORD),
        "min.insync.replicas": str(max(1, topics.replication - 1)),
        "cleanup.policy": "delete",
    }
    return {
        name: Topic(topics.shards, settings | {"retention.ms": str(retention)})
        for name, retention in topics.retentions()
    }


def existing(cluster: Cluster) -> dict[str, Topic]:
    """Those of the deployment's topics that are there.

    Raises:
        BrokerError: the cluster cannot be asked.
    """
    names = list(wanted(cluster.topics))
    with cluster.admin() as admin:
        there = {t["name"]: t for t in admin.describe_topics(names) if not t["error_code"]}
        if not there:
            return {}
        configs = admin.describe_configs(_resources(dict.fromkeys(there)), config_filter="all")
    return {
        name: Topic(
            len(topic["partitions"]),
            {key: entry["value"] for key, entry in configs["topic"][name].items()},
            str(topic["topic_id"]),
        )
        for name, topic in there.items()
    }


def identity_of(cluster: Cluster, topic: TopicName) -> str:
    """The identity of one of the deployment's topics, as it is now.

    Raises:
        BrokerRefused: it is missing, or has another number of partitions.
        BrokerUnavailable: no broker answers.
    """
    name, shards = cluster.topics.name_of(topic), cluster.topics.shards
    there = existing(cluster).get(name)
    if there is None or there.partitions != shards:
        found = "is missing" if there is None else f"has {there.partitions} partitions"
        msg = f"topic {name} {found}, and {shards} are configured: see 'goldpan topics check'"
        raise BrokerRefused(msg)
    return there.identity


def compare(cluster: Cluster) -> Findings:
    """What is not as it should be.

    Raises:
        BrokerError: the cluster cannot be asked.
    """
    found = existing(cluster)
    findings = Findings()
    for name, topic in wanted(cluster.topics).items():
        if name not in found:
            findings.missing.append(name)
            continue
        if found[name].partitions != topic.partitions:
            findings.counts[name] = found[name].partitions
        settings = found[name].settings
        differing = {k: v for k, v in topic.settings.items() if settings.get(k) != v}
        if differing:
            findings.settings[name] = differing
    return findings


def create(cluster: Cluster) -> list[str]:
    """Make the topics that are missing and set what is not set; returns what was done, in words.

    Raises:
        BrokerRefused: a topic has another number of partitions; then nothing was done.
        BrokerError: the cluster cannot be asked, or answers no.
    """
    findings, shards = compare(cluster), cluster.topics.shards
    for name, found in findings.counts.items():
        raise BrokerRefused(_count_differs(name, found, shards))
    topics = wanted(cluster.topics)
    with cluster.admin() as admin:
        if findings.missing:
            new = {
                name: {
                    "num_partitions": shards,
                    "replication_factor": cluster.topics.replication,
                    "configs": dict(topics[name].settings),
                }
                for name in findings.missing
            }
            admin.create_topics(new, wait_for_metadata=True)
        if findings.settings:
            admin.alter_configs(_resources(findings.settings))
    return [
        *(f"created {name} with {shards} partitions" for name in findings.missing),
        *(f"set {_listed(what)} of {name}" for name, what in findings.settings.items()),
    ]


def _resources(settings: Mapping[str, Mapping[str, str] | None]) -> list[object]:
    return [ConfigResource(ConfigResourceType.TOPIC, n, s) for n, s in settings.items()]


def _count_differs(name: str, found: int, shards: int) -> str:
    return (
        f"topic {name} has {found} partitions, and topics.shards is {shards}: the number decides "
        "on which shard a customer lies, so it cannot change under state. Set topics.shards to "
        f"{found}; or begin a deployment beside this one, with another topics.prefix and another "
        "database, take its sources in again, and then switch over"
    )


def _listed(settings: Mapping[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(settings.items()))
