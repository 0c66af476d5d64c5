"""What the parts say of themselves flows in, "ready" or the reasons why not flow out."""

from __future__ import annotations

import time
from dataclasses import dataclass

from pipeline.gateway.intake import Intake
from pipeline.gateway.keys import KeyRing
from pipeline.gateway.limits import Limits
from pipeline.gateway.problems import Refusal
from pipeline.gateway.queue_logs import QueueLogs
from pipeline.runtimes.embedded import Embedded
from pipeline.runtimes.live import Live
from pipeline.runtimes.patience import Patience


@dataclass(frozen=True, slots=True)
class Health:
    """Looks at every part; changes none."""

    pipeline: Embedded
    live: Live
    patience: Patience
    intake: Intake
    keys: KeyRing
    limits: Limits
    queue_logs: QueueLogs

    def reasons(self) -> list[str]:
        """Why the process is not ready; empty if it is."""
        pulse = self.live.pulse
        if not pulse.started:
            return [self.patience.outage or "starting: reading the checkpoint and the log"]
        found = []
        if self.patience.outage:
            found.append(f"the store is away: {self.patience.outage}")
        still_s = time.monotonic() - pulse.moved_at
        if still_s >= self.limits.still_s:
            found.append(f"the watermark has not moved for {still_s:.0f} s: numbers are that old")
        if full := pulse.full_disk or self.intake.full:
            found.append(full)
        if self.backlogged:
            found.append(f"the log's backlog is over {self.limits.backlog_bytes:,} bytes")
        if self.keys.problem:
            found.append(self.keys.problem)
        found.extend(self.queue_logs.problems())
        return found

    @property
    def backlogged(self) -> bool:
        """Whether the pipeline is so far behind that nothing more is taken."""
        return self.pipeline.backlog_bytes > self.limits.backlog_bytes

    def admit(self) -> None:
        """Let a request in.

        Raises:
            Refusal: 503, and when to come back.
        """
        if not self.live.pulse.started:
            message = "starting: reading the checkpoint and the log; come back in a moment"
            raise Refusal(503, "starting", message, retry_s=1)
        if self.backlogged:
            message = (
                f"more than {self.limits.backlog_bytes:,} bytes of the log wait for the pipeline; "
                "nothing of this request was kept"
            )
            raise Refusal(503, "backlog", message, retry_s=10)
