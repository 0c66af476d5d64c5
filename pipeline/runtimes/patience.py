"""A call that may meet an outage flows in, its result flows out, however long the outage lasts.

An outage is waited for, not given up on: the log keeps what arrives meanwhile. It is told once when
it begins and once when it is over. What trying again cannot change is raised at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from pipeline.errors import StoreUnavailable

T = TypeVar("T")


@dataclass(slots=True)
class Patience:
    """Waits out outages.

    Attributes:
        tell: is given one sentence when an outage begins and when it ends.
        stop: set from elsewhere, ends the waiting: the outage is raised.
        first_s: the first pause; each is twice the one before, up to `longest_s`.
        outages: how many there have been, for a metric.
    """

    tell: Callable[[str], None]
    stop: threading.Event = field(default_factory=threading.Event)
    first_s: float = 0.1
    longest_s: float = 5.0
    outages: int = 0

    def insist(self, call: Callable[[], T]) -> T:
        """Call until it succeeds.

        Raises:
            StoreUnavailable: `stop` was set while the outage lasted.
        """
        pause = self.first_s
        waiting = False
        while True:
            try:
                result = call()
            except StoreUnavailable as outage:
                if not waiting:
                    waiting = True
                    self.outages += 1
                    self.tell(f"{outage}; nothing is lost, waiting for it")
                if self.stop.wait(pause):
                    raise
                pause = min(2 * pause, self.longest_s)
            else:
                if waiting:
                    self.tell("the store is back")
                return result
