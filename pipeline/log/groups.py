"""Who is in the consumer group of a deployment's workers flows in, whether all belong together out.

The workers of one deployment share one store. Each says in its Kafka client's id which one that is,
so that those of another deployment, which would take half of the partitions into another store, are
known from the group alone.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from pipeline.errors import BrokerRefused
from pipeline.log.cluster import Cluster, CoordinatorNotAvailableError

_WORD = "goldpan"
_FIRST_S = 20.0
_PAUSE_S = 0.1


@dataclass(frozen=True, slots=True)
class Member:
    """A worker as the group sees it.

    Attributes:
        group: the consumer group.
        store: what the store calls itself.
        place: where this worker reaches it, without a password.
    """

    group: str
    store: str
    place: str

    @classmethod
    def of(cls, cluster: Cluster, store: str, place: str) -> Member:
        """A worker of a deployment."""
        return cls(f"{cluster.topics.prefix}goldpan-workers", store, place)

    @property
    def client_id(self) -> str:
        """As Kafka is told."""
        return f"{_WORD} {self.store} {self.place}"


def _members(cluster: Cluster, group: str) -> list[dict[str, str]]:
    """Those in the group now; a cluster that never had one needs a moment to say so."""
    pause, deadline = threading.Event(), time.monotonic() + _FIRST_S
    with cluster.admin() as admin:
        while True:
            try:
                members: list[dict[str, str]] = admin.describe_groups([group])[group]["members"]
            except CoordinatorNotAvailableError:
                if time.monotonic() > deadline:
                    raise
                pause.wait(_PAUSE_S)
            else:
                return members


def refuse_others(cluster: Cluster, own: Member) -> None:
    """Look for workers of another store.

    Raises:
        BrokerRefused: there are some.
        BrokerUnavailable: the group cannot be looked at.
    """
    for member in _members(cluster, own.group):
        word, store, place = [*member["client_id"].split(" ", 2), "", ""][:3]
        if word == _WORD and store != own.store:
            host = member["client_host"].lstrip("/")
            msg = (
                f"consumer group {own.group} has workers of another store: {place}, from {host}; "
                f"this worker's is {own.place}. They would take half of the partitions each. Name "
                "one store for all workers with --clickhouse; or give one deployment another "
                "topics.prefix in its --kafka-config, and 'goldpan topics create'"
            )
            raise BrokerRefused(msg)
