"""Demand flows in, a grant or a time to come back flows out: every bound of the gateway."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What the gateway takes. Sizes in bytes, times in seconds.

    Attributes:
        body_bytes: of one request, as it comes.
        inflated_bytes: of one request, unpacked.
        lines: events in one request.
        bodies_bytes: of all requests that are being read or judged.
        body_s: from a request's headers to the end of its body.
        backlog_bytes: of the log that the pipeline has not applied.
        still_s: in which the watermark must have moved, or numbers on the boards are old.
        connections: open at one time.
        idle_s: in which a connection must send a whole header, or it is cut off: longer than the
            60 s after which the usual proxies let go of one.
        waiting: requests on their way into the log.
        events_per_second, burst: of one key that has no rate of its own.
    """

    body_bytes: int = 8 << 20
    inflated_bytes: int = 32 << 20
    lines: int = 20_000
    bodies_bytes: int = 256 << 20
    body_s: float = 30.0
    backlog_bytes: int = 4 << 30
    still_s: float = 60.0
    connections: int = 4_000
    idle_s: float = 75.0
    waiting: int = 4_000
    events_per_second: int = 5_000
    burst: int = 50_000


class Budget:
    """Bytes that all requests share."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.used = 0
        self.refusals = 0

    @contextmanager
    def share(self) -> Iterator[Callable[[int], bool]]:
        """A way to take bytes, which are given back at the end; False if there are none left."""
        taken = 0

        def take(count: int) -> bool:
            nonlocal taken
            if self.used + count > self.most:
                self.refusals += 1
                return False
            self.used += count
            taken += count
            return True

        try:
            yield take
        finally:
            self.used -= taken


class Rates:
    """A bucket of tokens per key: it fills at the key's rate and holds one burst.

    A request may take more than there is, once the bucket is full: else a batch larger than the
    burst could never pass. The next one waits for the debt.
    """

    def __init__(self, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst = burst
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def wait_s(self, name: str, rate: int, count: int) -> float:
        """Take `count` tokens; returns 0, or the seconds until they will be there, taking none."""
        now = self._clock()
        tokens, since = self._buckets.get(name, (float(self._burst), now))
        tokens = min(float(self._burst), tokens + (now - since) * rate)
        needed = min(count, self._burst)
        if tokens < needed:
            self._buckets[name] = (tokens, now)
            return (needed - tokens) / rate
        self._buckets[name] = (tokens - count, now)
        return 0.0
