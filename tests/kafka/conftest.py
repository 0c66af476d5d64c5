"""The shared broker, with topics of each test alone."""

from __future__ import annotations

import gc
import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra import kafka
from pipeline.log.cluster import Cluster
from pipeline.log.topics import create
from schemas.kafka import KafkaConfig

Configure = Callable[..., Cluster]
_NUMBERS = itertools.count(1)


@pytest.fixture
def configured(broker: kafka.Broker) -> Configure:
    """Give the shared broker, configured; its topics have a prefix of this test alone."""
    prefix = f"t{os.getpid()}-{next(_NUMBERS)}-"

    def configure(**topics: object) -> Cluster:
        config = {"format": 1, "topics": {"prefix": prefix, **topics}}
        return Cluster(broker.address, KafkaConfig.model_validate(config))

    return configure


@pytest.fixture
def cluster(configured: Configure) -> Cluster:
    """The shared broker with topics of two partitions."""
    cluster = configured(shards=2)
    create(cluster)
    return cluster


@pytest.fixture
def config_file(tmp_path: Path) -> Callable[[Cluster], Path]:
    """Write a cluster's configuration as `--kafka-config` takes it."""

    def write(cluster: Cluster) -> Path:
        file = tmp_path / "kafka.yaml"
        file.write_text(cluster.config.model_dump_json(by_alias=True))
        return file

    return write


@pytest.fixture
def refusals() -> Iterator[None]:
    """For tests whose connections are refused: the client forgets to close their sockets.

    They are collected here, where the test's own filter passes over it, and not in a later test.
    """
    yield
    gc.collect()
