"""A topic flows in, the simple job's answers flow out of an engine: see `tests.bench.simple_job`.

python -m tests.bench.simple_job.faust_engine SERVERS TOPIC RECORDS plain
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from tests.bench.simple_job import Answer, measured


@dataclass(frozen=True)
class Topic:
    """A topic of one partition with so many records, each an event or a pack of lines."""

    servers: str
    name: str
    records: int
    packed: bool

    def events(self, values: Iterable[bytes]) -> Iterator[bytes]:
        """The events in records."""
        if not self.packed:
            yield from values
            return
        for value in values:
            yield from value.split(b"\n")


def measure(engine: Callable[[Topic], Answer]) -> None:
    """Run an engine on the topic named in the command; print what it took, as JSON."""
    servers, name, records, form = sys.argv[1:]
    topic = Topic(servers, name, int(records), form == "packed")
    measured(lambda: engine(topic))
