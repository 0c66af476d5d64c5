"""What the core asks of a store and what it hands to one, as plain data.

The core never calls a store. It yields a `Lookup` and is answered with a `Found`; at a flush it
hands out a `Flush`; at a start it is given a `Checkpoint`. Every store, in memory or ClickHouse,
speaks these four.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from pipeline.contribution import CallerKey, Measure
from pipeline.dedupe import EventKey
from pipeline.entity import AnyEntity, EntityKey
from pipeline.entries import HistoryKey
from pipeline.operators.callers import Caller
from pipeline.operators.histories import History
from pipeline.operators.queues import QueueState
from pipeline.operators.rows import RowKey
from pipeline.operators.sources import SourceState
from schemas.records import RecordKind


class Stored(NamedTuple):
    """A state as the store has it, with the revision that it was written at."""

    state: str
    revision: int
    shard: int = 0


@dataclass(frozen=True, slots=True)
class Lookup:
    """What must be known before the core can go on.

    `event_ids` are asked per shard, among the raw events up to its revision in `covered`, which is
    that of the checkpoint: what came after is about to be read again, and would be taken for a
    duplicate of itself. Dead letters do not count as seen. Of those in `told` the payload is wanted
    too.
    """

    event_ids: Mapping[int, Sequence[EventKey]] = field(default_factory=dict)
    told: frozenset[tuple[int, EventKey]] = frozenset()
    covered: Mapping[int, int] = field(default_factory=dict)
    entities: Sequence[EntityKey] = ()
    callers: Sequence[CallerKey] = ()
    histories: Sequence[HistoryKey] = ()
    rows: Mapping[int, Sequence[RowKey]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        people = self.callers or self.histories
        return bool(self.event_ids or self.entities or people or self.rows)


@dataclass(frozen=True, slots=True)
class Found:
    """The answers, by what was asked; what the store does not have is absent."""

    versions: Mapping[tuple[int, EventKey], int] = field(default_factory=dict)
    told: Mapping[tuple[int, EventKey], bytes] = field(default_factory=dict)
    """The payload of the highest version."""
    entities: Mapping[EntityKey, Stored] = field(default_factory=dict)
    callers: Mapping[CallerKey, Stored] = field(default_factory=dict)
    histories: Mapping[HistoryKey, Stored] = field(default_factory=dict)
    rows: Mapping[tuple[int, RowKey], tuple[dict[Measure, int], int]] = field(default_factory=dict)


class RawRow(NamedTuple):
    """A log record as `raw_events` keeps it; times are epoch ms."""

    site: str
    shard: int
    generation: int
    offset: int
    kind: RecordKind
    domain: str
    ingest_ms: int
    event_ms: int
    event_type: str
    event_id: str
    version: int
    source: str
    subject: str
    payload: bytes


class DeadLetterRow(NamedTuple):
    """A record that is kept but not counted: why, what to do, and where in the log it lies."""

    site: str
    shard: int
    generation: int
    offset: int
    ingest_ms: int
    domain: str
    source: str
    event_type: str
    event_id: str
    reason: str
    detail: str
    payload: bytes


class BaseRow(NamedTuple):
    """A cumulative row as it stands at the flush."""

    shard: int
    key: RowKey
    revision: int
    measures: Mapping[Measure, int]


class ConfigRow(NamedTuple):
    """A configuration that entered the log."""

    site: str
    hash: str
    content: str
    who: str
    first_seen_ms: int


class TransitionRow(NamedTuple):
    """One step in the life of an alert, identified by (alert id, transition number)."""

    site: str
    alert_id: str
    transition: int
    rule: str
    rule_version: int
    group: str
    state: str
    severity: str
    domain: str
    window_start_ms: int
    window_end_ms: int
    value: float
    sample: int
    detail: str


class CheckpointItem(NamedTuple):
    """One state of the checkpoint; `state` None deletes it."""

    shard: int
    family: str
    key: str
    state: str | None


PROCESS = 65_535
"""The shard under which the checkpoint keeps what belongs to the whole process."""
REPLAY = "replay"
"""The family under which a replay's checkpoint keeps what it is a replay of."""
SINCE = "since"
"""The family under which a shard's new owner keeps the number of its first checkpoint, which holds
all that it took over: what has a lower number comes from one that lost the shard unawares."""


@dataclass(slots=True)
class Flush:
    """Everything that changed since the last flush, in the order in which it must be written.

    `before` completes the last checkpoint: how far this flush reaches, and how what it is about to
    overwrite stood until now. Then downstream first: base rows before the callers and histories
    that count in them, so one that is read back after a crash is never ahead of its rows.

    `number` counts checkpoints; `before` is written under the number below it.
    """

    number: int = 0
    before: list[CheckpointItem] = field(default_factory=list)
    raw: list[RawRow] = field(default_factory=list)
    dead_letters: list[DeadLetterRow] = field(default_factory=list)
    configs: list[ConfigRow] = field(default_factory=list)
    rows: list[BaseRow] = field(default_factory=list)
    callers: list[Caller] = field(default_factory=list)
    histories: list[History] = field(default_factory=list)
    entities: list[AnyEntity] = field(default_factory=list)
    queues: list[QueueState] = field(default_factory=list)
    sources: list[SourceState] = field(default_factory=list)
    transitions: list[TransitionRow] = field(default_factory=list)
    checkpoint: list[CheckpointItem] = field(default_factory=list)


class RecentId(NamedTuple):
    """An event id of the raw events, with the version and the ingest time (epoch ms) it had."""

    ingest_ms: int
    site: str
    event_id: str
    version: int


class Store(Protocol):
    """Where everything is kept. Errors are `SinkError`s, which say whether trying again helps."""

    def load(self, shards: Sequence[int]) -> Checkpoint:
        """The states of these shards and of the process, as of the last checkpoint."""

    def highest_generation(self) -> int:
        """The highest generation that any row or raw event carries; 0 if there is none."""

    def recent_ids(
        self, shard: int, covered: int, window_ms: int, limit: int
    ) -> tuple[list[RecentId], int]:
        """The shard's ids of the last `window_ms` before its last raw event, in ingest order.

        Only up to the revision `covered`, at most `limit` of them, dead letters not among them.

        Returns:
            The ids, and the epoch ms of ingest since which they are complete (0: for ever).
        """

    def lookup(self, lookup: Lookup) -> Found:
        """Answer what the core asks."""

    def write(self, flush: Flush) -> None:
        """Write a flush in its order; may be called again with the same flush after an error."""


class Checkpoint:
    """What a shard's states were at the last checkpoint, by family and key.

    `number` is the highest that one of them was written under, where the store counts.
    """

    def __init__(self, items: Iterable[CheckpointItem] = (), number: int = 0) -> None:
        self.number = number
        self._states: dict[tuple[int, str], dict[str, str]] = {}
        for shard, family, key, state in items:
            if state is not None:
                self._states.setdefault((shard, family), {})[key] = state

    def of(self, shard: int, family: str) -> dict[str, str]:
        """The states of one family of one shard."""
        return self._states.get((shard, family), {})

    def items(self, shard: int) -> Iterator[CheckpointItem]:
        """All states of one shard."""
        for (which, family), states in self._states.items():
            if which == shard:
                for key, state in states.items():
                    yield CheckpointItem(shard, family, key, state)
