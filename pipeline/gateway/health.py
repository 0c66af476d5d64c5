"""What the parts say of themselves flows in, "ready" or the reasons why not flow out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.gateway.backend import Backend
from pipeline.gateway.intake import Intake
from pipeline.gateway.keys import KeyRing
from pipeline.gateway.limits import Limits
from pipeline.gateway.queue_logs import QueueLogs


@dataclass(frozen=True, slots=True)
class Health:
    """Looks at every part; changes none."""

    backend: Backend
    intake: Intake
    keys: KeyRing
    limits: Limits
    directory: Path
    """Where this process keeps what it keeps."""
    queue_logs: QueueLogs

    def reasons(self) -> list[str]:
        """Why the process is not ready; empty if it is."""
        found = self.backend.reasons()
        found += [problem for problem in (self.intake.full, self.keys.problem) if problem]
        found += self.queue_logs.problems()
        # A full disk may be found by several.
        return list(dict.fromkeys(found))
