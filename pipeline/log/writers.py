"""The names in a topic's ticks flow in; who writes there besides this process flows out.

Who belongs to whom is known to one process, so one process at a time writes events. All its ticks
carry its name, which says how far the topic was when it began: of two that write, the later one has
read what the earlier one wrote, and the earlier one has to end.
"""

from __future__ import annotations

import os
import re
import secrets
import socket
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.errors import BrokerRefused
from pipeline.log.cluster import Cluster
from pipeline.log.kafka import KafkaReader

WATCH_S = 2.5
"""A process that lives writes a tick every second."""
_LOOK_S = 0.2
_NAME = re.compile(r"(\d{1,18}) ([0-9a-f]{8}) (\d{1,10}) (\S{1,255})")


@dataclass(frozen=True, order=True, slots=True)
class Writer:
    """A process that writes to a topic.

    Attributes:
        began_at: how many records the topic had ever had when it began.
        token: tells two apart that began at the same.
    """

    began_at: int
    token: str = field(default_factory=lambda: secrets.token_hex(4))
    pid: int = field(default_factory=os.getpid)
    host: str = field(default_factory=socket.gethostname)

    @property
    def name(self) -> str:
        """As its ticks carry it."""
        return f"{self.began_at} {self.token} {self.pid} {self.host}"

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def writers_of(names: Iterable[str]) -> list[Writer]:
    """The writers of these names, the latest last; what is no name is passed over."""
    found = [match.groups() for name in names if (match := _NAME.fullmatch(name))]
    return sorted(Writer(int(began), token, int(pid), host) for began, token, pid, host in found)


def refuse_live(reader: KafkaReader, after: Sequence[int], names: Iterable[str], who: str) -> None:
    """Watch whether any of these writers still writes.

    Args:
        reader: of the topic.
        after: the topic's ends, as they were after the last record that was read.
        names: of those who wrote.
        who: is about to write.

    Raises:
        BrokerRefused: one does.
    """
    if not (others := writers_of(names)):
        return
    pause, deadline = threading.Event(), time.monotonic() + WATCH_S
    while time.monotonic() < deadline:
        if reader.bounds()[1] != list(after):
            msg = (
                f"{others[-1]} takes events in for this deployment's topics already, and {who} was"
                " about to: who belongs to whom is known to one process. Send events to that one "
                "over HTTP, or stop it first; another deployment needs a topics.prefix of its own"
            )
            raise BrokerRefused(msg)
        pause.wait(_LOOK_S)


def refuse_successor(cluster: Cluster, gaps: Mapping[int, tuple[int, int]], own: Writer) -> None:
    """Look who wrote between this process' own records.

    Args:
        cluster: with the deployment's topics.
        gaps: by shard, offsets from the first to before the second.
        own: this process.

    Raises:
        BrokerRefused: one that began after this one, so what this one knows is out of date.
    """
    with KafkaReader(cluster) as reader:
        places = [gaps.get(shard, (0, 0)) for shard in range(cluster.topics.shards)]
        for _ in reader.read([begin for begin, _ in places], [end for _, end in places]):
            pass
        later = [writer for writer in writers_of(reader.writers) if writer > own]
    if later:
        msg = (
            f"{later[-1]} began to take events in for this deployment's topics after this process "
            f"({own}): one at a time knows who belongs to whom, so this one ends. What it has "
            "acknowledged is safe; let one of the two run"
        )
        raise BrokerRefused(msg)
