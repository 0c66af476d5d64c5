"""A way to Kafka flows in and lives on: a tick every second, and whether a broker answers.

The tick is what asks: events are not taken while none is acknowledged.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from pipeline.errors import BrokerUnavailable, LogFull
from pipeline.runtimes.kafka import KafkaPublisher
from pipeline.runtimes.patience import Patience

_LOOK_S = 0.25


class Ticker:
    """The loop over a publisher; it writes the ticks of the whole deployment.

    Args:
        publisher: not started yet.
        patience: waits out the broker's outages, and knows of them.
        stop: ends the loop.
        tell: is given a sentence when something happens.
    """

    def __init__(
        self,
        publisher: KafkaPublisher,
        patience: Patience,
        stop: threading.Event,
        tell: Callable[[str], None],
    ) -> None:
        self.started = False
        """Who belongs to whom is known; events may be published."""
        self._publisher = publisher
        self._patience = patience
        self._stop = stop
        self._tell = tell

    def run(self, begun: Callable[[], None]) -> None:
        """Recover, call `begun`, and tick until `stop` is set.

        Raises:
            GoldpanError: Kafka refuses to go on, or the subject map cannot be used.
        """
        insist = self._patience.insist
        try:
            insist(self._publisher.start)
            self.started = True
            insist(begun)
            while not self._stop.wait(_LOOK_S):
                insist(self._tick)
        except BrokerUnavailable:
            if not self._stop.is_set():
                raise
            self._tell("stopped without Kafka; what was acknowledged is safe there")

    def _tick(self) -> None:
        try:
            self._publisher.tick()
        except LogFull as error:
            self._tell(str(error))
