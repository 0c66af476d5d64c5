"""What the parts say of themselves flows in, why the process is not ready flows out."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.gateway.backend import Backend
from pipeline.gateway.commits import Commits
from pipeline.gateway.queue_logs import QueueLogs


@dataclass(frozen=True, slots=True)
class Health:
    """Looks at every part; changes none."""

    backend: Backend
    commits: Commits
    queue_logs: QueueLogs

    def reasons(self) -> list[str]:
        """Why the process is not ready; empty if it is."""
        found = self.backend.reasons()
        found += [self.commits.full] if self.commits.full else []
        found += self.queue_logs.problems()
        # A full disk may be found by several.
        return list(dict.fromkeys(found))
