"""The embedded pipeline flows in, what the gateway must know of it flows out: see `Backend`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, Metric

from pipeline.dedupe import MAX_IDS
from pipeline.gateway.backend import Bound, counter, gauge
from pipeline.gateway.limits import Limits
from pipeline.gateway.problems import Refusal
from pipeline.operators.histories import MAX_ENTRIES
from pipeline.operators.rows import MAX_ROWS
from pipeline.runtimes.embedded import STEP_RECORDS, Embedded
from pipeline.runtimes.live import Live
from pipeline.runtimes.patience import Patience
from pipeline.sources.subjects import SubjectMap


@dataclass(frozen=True, slots=True)
class EmbeddedBackend:
    """Log, loop and store in this process."""

    pipeline: Embedded
    live: Live
    patience: Patience
    limits: Limits

    @property
    def subjects(self) -> SubjectMap:
        """See `Backend.subjects`."""
        return self.pipeline.subjects

    def now(self) -> int:
        """See `Backend.now`."""
        return self.pipeline.now()

    def refusal(self) -> Refusal | None:
        """See `Backend.refusal`."""
        if not self.live.pulse.started:
            message = "starting: reading the checkpoint and the log; come back in a moment"
            return Refusal(503, "starting", message, retry_s=1)
        if self._backlogged:
            message = (
                f"more than {self.limits.backlog_bytes:,} bytes of the log wait for the pipeline; "
                "nothing of this request was kept"
            )
            return Refusal(503, "backlog", message, retry_s=10)
        return None

    def reasons(self) -> list[str]:
        """See `Backend.reasons`."""
        pulse = self.live.pulse
        if not pulse.started:
            return [self.patience.outage or "starting: reading the checkpoint and the log"]
        found = []
        if self.patience.outage:
            found.append(f"the store is away: {self.patience.outage}")
        still_s = time.monotonic() - pulse.moved_at
        if still_s >= self.limits.still_s:
            found.append(f"the watermark has not moved for {still_s:.0f} s: numbers are that old")
        if pulse.full_disk:
            found.append(pulse.full_disk)
        if self._backlogged:
            found.append(f"the log's backlog is over {self.limits.backlog_bytes:,} bytes")
        return found

    @property
    def _backlogged(self) -> bool:
        """Whether the pipeline is so far behind that nothing more is taken."""
        return self.pipeline.backlog_bytes > self.limits.backlog_bytes

    def metrics(self) -> Iterator[Metric]:
        """See `Backend.metrics`."""
        pulse, ledger = self.live.pulse, self.pipeline.engine.stage1.ledger
        if pulse.watermark_ms:
            behind = max(0.0, time.time() - pulse.watermark_ms / 1000)
            yield gauge("watermark_lag_seconds", "Age of the lowest watermark.", behind)
        yield gauge("store_outage", "1 while the store is away.", bool(self.patience.outage))
        yield counter("store_outages", "Outages of the store.", self.patience.outages)
        applied = CounterMetricFamily(
            "goldpan_events_applied",
            "Events read from the log: applied, duplicate or dead_letter; late ones besides.",
            labels=("verdict",),
        )
        for verdict in ("applied", "duplicate", "late"):
            applied.add_metric((verdict,), ledger.verdicts[verdict])
        applied.add_metric(("dead_letter",), sum(ledger.rejected.values()))
        yield applied
        yield gauge("log_bytes", "Bytes of the log on the disk.", self.pipeline.log.kept_bytes)

    def bounds(self) -> Iterator[Bound]:
        """See `Backend.bounds`."""
        pipeline = self.pipeline
        yield Bound("backlog_bytes", pipeline.backlog_bytes, self.limits.backlog_bytes)
        yield Bound("unflushed_records", pipeline.unflushed, STEP_RECORDS)
        shards = list(pipeline.engine.stage1.shards.values())
        if shards:
            yield Bound("recent_ids_of_fullest_shard", max(len(s.recent) for s in shards), MAX_IDS)
            rows = max(len(s.rows.rows) for s in shards)
            yield Bound("rows_of_fullest_shard", rows, MAX_ROWS)
            fullest = pipeline.engine.stage1.fullest_history
            yield Bound("entries_of_fullest_history", fullest, MAX_ENTRIES)
