"""What HTTP's process counts, and the pipeline's status, flow in; one Prometheus text flows out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pipeline.gateway.backend import SECONDS, Bound, gauge


class HttpCounts:
    """What is counted of requests."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "goldpan_http_requests",
            "Requests by route and answer.",
            ("route", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "goldpan_http_request_seconds",
            "From a request's headers to its answer.",
            ("route",),
            buckets=SECONDS,
            registry=self._registry,
        )
        # Looking a child up by its labels costs more than to count; routes and answers are few.
        self._children: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def request(self, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        found = self._children.get((route, status))
        if found is None:
            count = self._requests.labels(route, str(status))
            found = self._children[route, status] = count, self._seconds.labels(route)
        found[0].inc()
        found[1].observe(seconds)

    def text(self, ready: bool, bounds: Iterable[Bound], others: bytes) -> bytes:
        """All that is counted, in both processes.

        Args:
            ready: whether what comes in is counted and seen.
            bounds: of both processes.
            others: what the pipeline's process counts.
        """
        now = CollectorRegistry()
        now.register(_Now(ready, bounds))
        return generate_latest(self._registry) + generate_latest(now) + others


class _Now(Collector):
    def __init__(self, ready: bool, bounds: Iterable[Bound]) -> None:
        self._ready = ready
        self._bounds = bounds

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        yield gauge("ready", "1 if what comes in is counted and seen.", self._ready)
        used = GaugeMetricFamily(
            "goldpan_bound_used", "How much there is of what is bounded.", labels=("bound",)
        )
        limit = GaugeMetricFamily(
            "goldpan_bound_limit", "How much there may be of it.", labels=("bound",)
        )
        for bound in self._bounds:
            used.add_metric((bound.name,), bound.used)
            limit.add_metric((bound.name,), bound.limit)
        yield used
        yield limit
