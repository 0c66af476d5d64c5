"""One record of the log: what a source handed over, plus what only the log can know.

Records are the sole input of the core. A shard's records, in offset order, decide every number;
their ingest time is the only clock that the core ever sees.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

LIVE = "live"
"""The domain of everything that arrives as it happens; every file ingest has one of its own."""


class RecordKind(IntEnum):
    """What a record says."""

    EVENT = 0
    """A source's event: `payload` is its JSON as masked at the edge, valid or not."""
    TICK = 1
    """One second has passed on this shard; the payload is empty."""
    END = 2
    """An ingest is complete on this shard: its domain's watermark goes to the end of time."""


class LogRecord(NamedTuple):
    """A record as it is read back from the log.

    `ingest_ms` is milliseconds since the epoch, UTC. `offset` is dense per shard, from 0.
    `subject` is the routing key that chose the shard ("" where no key could be read).
    """

    shard: int
    offset: int
    kind: RecordKind
    ingest_ms: int
    domain: str
    subject: str
    payload: bytes
