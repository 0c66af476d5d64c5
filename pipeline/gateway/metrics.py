"""What the parts count flows in, Prometheus' text flows out: `GET /metrics`.

Names begin with `goldpan_`, and labels are words of ours: nothing that a source sends is in them.
Every bound of the process has a line in `goldpan_bound_used` and one in `goldpan_bound_limit`.
"""

from __future__ import annotations

import resource
import shutil
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pipeline.gateway.backend import Bound, counter, gauge
from pipeline.gateway.batch import RESULTS, Batch
from pipeline.gateway.health import Health
from pipeline.gateway.limits import Budget

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Counts:
    """What the gateway counts itself."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "goldpan_http_requests",
            "Requests by route and answer.",
            ("route", "status"),
            registry=self.registry,
        )
        self.request_seconds = Histogram(
            "goldpan_http_request_seconds",
            "From a request's headers to its answer.",
            ("route",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.events = Counter(
            "goldpan_events_received",
            "Events that came in by what became of them at the edge.",
            ("result",),
            registry=self.registry,
        )
        self.payload_bytes = Counter(
            "goldpan_log_payload_bytes",
            "Bytes of events that were put into the log.",
            registry=self.registry,
        )
        self.dropped_fields = Counter(
            "goldpan_fields_dropped",
            "Fields of events that no contract knows, which were not kept.",
            registry=self.registry,
        )
        self.flush_seconds = Histogram(
            "goldpan_flush_seconds",
            "How long flushes to the store took.",
            buckets=_SECONDS,
            registry=self.registry,
        )

        self._results = {result: self.events.labels(result) for result in RESULTS}
        # Looking a child up by its labels costs more than to count; routes and answers are few.
        self._requests: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def request(self, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        found = self._requests.get((route, status))
        if found is None:
            count = self.requests.labels(route, str(status))
            found = self._requests[route, status] = count, self.request_seconds.labels(route)
        found[0].inc()
        found[1].observe(seconds)

    def batch(self, batch: Batch) -> None:
        """Count what became of the events of a request."""
        for result, child in self._results.items():
            if batch.counts[result]:
                child.inc(batch.counts[result])
        if batch.payloads:
            self.payload_bytes.inc(sum(map(len, batch.payloads)))
        if batch.ignored:
            self.dropped_fields.inc(batch.ignored.total())

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self.registry)


class Vitals(Collector):
    """Asks every part when Prometheus asks."""

    def __init__(self, health: Health, budget: Budget) -> None:
        self._health = health
        self._budget = budget

    def collect(self) -> Iterator[Metric]:
        """Every gauge, and the counters that other parts keep."""
        health = self._health
        backend, subject_map = health.backend, health.backend.subjects
        yield gauge("ready", "1 if what comes in is counted and seen.", not health.reasons())
        yield from backend.metrics()
        yield counter("log_commits", "Groups of requests made durable.", health.intake.groups)
        yield gauge("subjects_unsaved", "Bindings in memory only.", subject_map.unsaved)
        subjects = GaugeMetricFamily(
            "goldpan_subject_bindings", "Identities that are bound to a subject.", labels=("kind",)
        )
        for kind, count in sorted(subject_map.entries.items()):
            subjects.add_metric((kind,), count)
        yield subjects
        yield from self._queue_logs()
        used = GaugeMetricFamily(
            "goldpan_bound_used", "How much there is of what is bounded.", labels=("bound",)
        )
        limit = GaugeMetricFamily(
            "goldpan_bound_limit", "How much there may be of it.", labels=("bound",)
        )
        for bound in (*backend.bounds(), *self._bounds()):
            used.add_metric((bound.name,), bound.used)
            limit.add_metric((bound.name,), bound.limit)
        yield used
        yield limit

    def _queue_logs(self) -> Iterator[Metric]:
        position = GaugeMetricFamily(
            "goldpan_queue_log_position_bytes", "Bytes of the file that are in.", labels=("file",)
        )
        lag = GaugeMetricFamily(
            "goldpan_queue_log_lag_bytes", "Bytes of the file that are not yet.", labels=("file",)
        )
        given_up = GaugeMetricFamily(
            "goldpan_queue_log_given_up",
            "1 where too much of the file is no queue_log, so that it is followed no further.",
            labels=("file",),
        )
        for reach in self._health.queue_logs.reaches():
            position.add_metric((reach.file,), reach.position)
            lag.add_metric((reach.file,), reach.lag)
            given_up.add_metric((reach.file,), reach.given_up)
        yield position
        yield lag
        yield given_up

    def _bounds(self) -> Iterator[Bound]:
        intake = self._health.intake
        yield Bound("requests_waiting_for_log", intake.waiting, intake.most)
        yield Bound("request_bodies_bytes", self._budget.used, self._budget.most)
        disk = shutil.disk_usage(self._health.directory)
        yield Bound("disk_bytes", disk.used, disk.total)
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        yield Bound("open_files", len(list(Path("/proc/self/fd").iterdir())), soft)
