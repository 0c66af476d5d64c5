"""The way to Kafka flows in, what the gateway must know of it flows out: see `Backend`.

How far the workers are is theirs to say; here only what keeps events from being acknowledged.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client.core import Metric

from pipeline.gateway.backend import Bound, counter, gauge
from pipeline.gateway.problems import Refusal
from pipeline.runtimes.kafka import KafkaPublisher
from pipeline.runtimes.patience import Patience
from pipeline.runtimes.publisher import COMMIT_BYTES
from pipeline.runtimes.ticker import Ticker
from pipeline.sources.subjects import SubjectMap

_RETRY_S = 5.0


@dataclass(frozen=True, slots=True)
class KafkaBackend:
    """A topic that workers read."""

    publisher: KafkaPublisher
    ticker: Ticker
    patience: Patience

    @property
    def subjects(self) -> SubjectMap:
        """See `Backend.subjects`."""
        return self.publisher.subjects

    def now(self) -> int:
        """See `Backend.now`."""
        return self.publisher.now()

    def refusal(self) -> Refusal | None:
        """See `Backend.refusal`."""
        if not self.ticker.started:
            message = "starting: reading the end of the topic; come back in a moment"
            return Refusal(503, "starting", message, retry_s=1)
        if self.patience.outage:
            message = "Kafka does not answer; nothing of this request was kept, send it again"
            return Refusal(503, "broker_away", message, retry_s=_RETRY_S)
        return None

    def reasons(self) -> list[str]:
        """See `Backend.reasons`."""
        if self.patience.outage:
            return [f"Kafka is away: {self.patience.outage}"]
        return [] if self.ticker.started else ["starting: reading the end of the topic"]

    def metrics(self) -> Iterator[Metric]:
        """See `Backend.metrics`."""
        away = bool(self.patience.outage)
        yield gauge("broker_outage", "1 while Kafka does not answer.", away)
        yield counter("broker_outages", "Outages of Kafka.", self.patience.outages)

    def bounds(self) -> Iterator[Bound]:
        """See `Backend.bounds`."""
        waiting = self.publisher.log.uncommitted_bytes
        yield Bound("unacknowledged_bytes", waiting, COMMIT_BYTES)
