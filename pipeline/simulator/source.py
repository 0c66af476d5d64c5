"""A simulation's settings flow in, some days of it flow out as a file would: a `Source`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from pipeline.simulator.centre import Centre, Settings
from pipeline.simulator.truth import Limits


class Simulated:
    """A stretch of a simulated centre; reading it again gives the same bytes.

    Args:
        settings: what is simulated.
        end: the instant to stop before, epoch ms.
        limits: the thresholds of a queue, for the truth.
    """

    name = "simulated"
    allowed_lateness_ms = 0

    def __init__(self, settings: Settings, end: int, limits: Limits) -> None:
        self.repairs: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()
        self.position = 0
        """Seconds of the stretch that are over: there are no bytes to count."""
        self.size = (end - settings.start) // 1000
        self._settings = settings
        self._limits = limits
        self._end = end
        self._centre = Centre(settings, limits)

    def events(self) -> Iterator[bytes]:
        """Yield every event as JSON, in order of occurrence."""
        self._centre = centre = Centre(self._settings, self._limits)
        start = self._settings.start
        for at, event in centre.until(self._end):
            self.position = max(0, at - start) // 1000
            yield event
        self.position = self.size

    def truth(self) -> dict[str, Any]:
        """Return what is true of what was read so far."""
        return self._centre.document()
