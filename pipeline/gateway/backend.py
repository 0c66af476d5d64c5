"""A runtime flows in, what the gateway must know of it flows out: does it take events, and why not.

The gateway is one; what is behind it is the embedded pipeline, or the way to Kafka and its workers.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from pipeline.gateway.problems import Refusal
from pipeline.sources.subjects import SubjectMap

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""Buckets of every histogram of a time."""


class Bound(NamedTuple):
    """Something that is bounded, how much of it there is, and how much there may be."""

    name: str
    used: float
    limit: float


class Backend(Protocol):
    """What is behind the gateway. Any thread may ask; nothing is changed by it."""

    @property
    def subjects(self) -> SubjectMap:
        """Who belongs to whom."""

    def now(self) -> int:
        """The ingest time, epoch ms."""

    def refusal(self) -> Refusal | None:
        """Why no request is let in now, and when to come back; None while they are."""

    def reasons(self) -> list[str]:
        """Why what comes in is not counted and seen within seconds; empty if it is."""

    def metrics(self) -> Iterator[Metric]:
        """What it says of itself."""

    def bounds(self) -> Iterator[Bound]:
        """All that is bounded in it."""


def gauge(name: str, meaning: str, value: float) -> Metric:
    """A metric that goes up and down."""
    return GaugeMetricFamily(f"goldpan_{name}", meaning, value=float(value))


def counter(name: str, meaning: str, value: float) -> Metric:
    """A metric that only grows."""
    return CounterMetricFamily(f"goldpan_{name}", meaning, value=float(value))


def open_files(name: str) -> Bound:
    """The descriptors of this process, and how many it may have."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return Bound(name, len(list(Path("/proc/self/fd").iterdir())), soft)
