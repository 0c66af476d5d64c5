"""A call that may meet an outage flows in, its result flows out, however long the outage lasts.

An outage is waited for, not given up on: the log keeps what arrives meanwhile. It is told once when
it begins and once when it is over, and again after 1, 2, 4, 8, ... minutes, with the reason of that
moment, so that one that no waiting heals is not waited for in silence. What trying again cannot
change is raised at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from pipeline.errors import BrokerUnavailable, StoreUnavailable

T = TypeVar("T")


@dataclass(slots=True)
class Patience:
    """Waits out outages.

    Attributes:
        tell: is given one sentence when an outage begins, when it lasts, and when it ends.
        stop: set from elsewhere, ends the waiting: the outage is raised.
        first_s: the first pause; each is twice the one before, up to `longest_s`.
        remind_s: how long an outage lasts before it is told again; then twice as long, and so on.
        what: is away.
        outages: how many there have been, for a metric.
        outage: the reason of the one that lasts; empty while there is none.
    """

    tell: Callable[[str], None]
    stop: threading.Event = field(default_factory=threading.Event)
    first_s: float = 0.1
    longest_s: float = 5.0
    remind_s: float = 60.0
    what: str = "the store"
    outages: int = 0
    outage: str = ""

    def insist(self, call: Callable[[], T]) -> T:
        """Call until it succeeds.

        Raises:
            StoreUnavailable: `stop` was set while the outage lasted.
            BrokerUnavailable: likewise, of Kafka.
        """
        pause, remind_s = self.first_s, self.remind_s
        began: float | None = None
        while True:
            try:
                result = call()
            except (StoreUnavailable, BrokerUnavailable) as outage:
                reason = self.outage = str(outage).partition("\n")[0]
                if began is None:
                    began = time.monotonic()
                    self.outages += 1
                    self.tell(f"{reason}; nothing is lost, waiting for it")
                elif time.monotonic() - began >= remind_s:
                    waited = round(time.monotonic() - began)
                    self.tell(f"still waiting for {self.what} after {waited} s: {reason}")
                    remind_s *= 2
                if self.stop.wait(pause):
                    raise
                pause = min(2 * pause, self.longest_s)
            else:
                if began is not None:
                    self.outage = ""
                    self.tell(f"{self.what} is back")
                return result
