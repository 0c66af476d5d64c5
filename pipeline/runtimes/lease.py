"""Beats of a process that is awake flow in; whether it may write what it owns flows out.

A process that stood still for longer than its consumer group waits for it has lost its partitions,
and does not know it yet when it wakes up. What it has in hand, their new owner applies from the
log.
"""

from __future__ import annotations

import time

from pipeline.errors import BrokerRefused


class Lease:
    """The right to write, for as long as the beats do not fail. Any thread may ask.

    Args:
        longest_s: the longest time between two beats after which it is still held.
    """

    def __init__(self, longest_s: float) -> None:
        self._longest_s = longest_s
        self._beat_at = time.monotonic()
        self._still_s = 0.0

    def beat(self) -> None:
        """The process is awake; to be called several times in the longest time."""
        self._look()
        self._beat_at = time.monotonic()

    def renew(self) -> None:
        """All that was owned is let go of: what comes next is held anew."""
        self._beat_at, self._still_s = time.monotonic(), 0.0

    @property
    def lost(self) -> str:
        """Why nothing may be written any more; empty while it may be."""
        self._look()
        if not self._still_s:
            return ""
        return (
            f"this process stood still for {self._still_s:.0f} s, and its shards may be others' by "
            "now: what it had not written they apply from Kafka, nothing is lost"
        )

    def check(self) -> None:
        """Return if it is held.

        Raises:
            BrokerRefused: it is lost.
        """
        if why := self.lost:
            msg = f"{why}; start the worker again"
            raise BrokerRefused(msg)

    def _look(self) -> None:
        still_s = time.monotonic() - self._beat_at
        if still_s > self._longest_s:
            self._still_s = max(self._still_s, still_s)
