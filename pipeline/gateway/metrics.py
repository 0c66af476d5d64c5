"""What the parts of the pipeline's process count flows in, Prometheus' text flows out.

Names begin with `goldpan_`, and labels are words of ours: nothing that a source sends is in them.
Every bound has a line in `goldpan_bound_used` and one in `goldpan_bound_limit`: see `http_metrics`,
which puts these numbers and those of HTTP's process together.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pipeline.gateway.backend import SECONDS, Bound, counter, gauge, open_files
from pipeline.gateway.batch import RESULTS
from pipeline.gateway.health import Health


class Counts:
    """What is counted as it happens."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
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
            buckets=SECONDS,
            registry=self.registry,
        )
        # Looking a child up by its label costs more than to count.
        self._by_name = {result: self.events.labels(result) for result in RESULTS} | {
            "payload_bytes": self.payload_bytes,
            "dropped_fields": self.dropped_fields,
        }

    def add(self, tally: Mapping[str, int]) -> None:
        """Count what became of events: see `Batch.tally`."""
        for name, count in tally.items():
            self._by_name[name].inc(count)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self.registry)


class Vitals(Collector):
    """Asks every part when Prometheus asks."""

    def __init__(self, health: Health) -> None:
        self._health = health

    def collect(self) -> Iterator[Metric]:
        """Every gauge, and the counters that other parts keep."""
        health = self._health
        backend, subject_map = health.backend, health.backend.subjects
        yield from backend.metrics()
        yield counter("log_commits", "Groups of requests made durable.", health.commits.groups)
        yield gauge("subjects_unsaved", "Bindings in memory only.", subject_map.unsaved)
        subjects = GaugeMetricFamily(
            "goldpan_subject_bindings", "Identities that are bound to a subject.", labels=("kind",)
        )
        for kind, count in sorted(subject_map.entries.items()):
            subjects.add_metric((kind,), count)
        yield subjects
        yield from self._queue_logs()

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


def bounds(health: Health, directory: Path) -> Iterator[Bound]:
    """All that is bounded in the pipeline's process; the data lies in `directory`."""
    yield from health.backend.bounds()
    disk = shutil.disk_usage(directory)
    yield Bound("disk_bytes", disk.used, disk.total)
    yield open_files("open_files_of_pipeline")
