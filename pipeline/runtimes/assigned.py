"""Records of the assigned shards flow in, a consistent store flows out: the core, hosted in parts.

What one worker hosts between two assignments: stage 1 of some shards, and stage 2 of the sites of
some partitions of `partials`. It is thrown away as a whole when partitions are taken away, and
whoever gets them loads the checkpoint.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Protocol

from pipeline.contribution import revision_of
from pipeline.dedupe import MAX_IDS, WINDOW_MS
from pipeline.errors import BrokerRefused, StoreRefused
from pipeline.exchange import (
    SINCE,
    Checkpoint,
    CheckpointItem,
    Flush,
    Store,
    TransitionRow,
)
from pipeline.runtimes.engine import loading, refuse_replay
from pipeline.runtimes.partials import encode
from pipeline.runtimes.patience import Patience
from pipeline.runtimes.sites import SITES, Sites
from pipeline.stage1.shard import STATE_VERSION
from pipeline.topology import Stage1, TopologySettings
from schemas.records import LogRecord

_TAKEOVER = 1_000_000
"""A new owner's checkpoints outnumber what one that lost its shard unawares may still write; see
`Assigned._take_over`."""
_FAMILY = "owner"


@dataclass(frozen=True, slots=True)
class LogBounds:
    """A topic: its identity; per partition the offsets of its oldest record and of the next one."""

    identity: str
    first: Sequence[int]
    after: Sequence[int]


class Published(NamedTuple):
    """A message of `partials`, where it lies."""

    partition: int
    offset: int
    content: bytes


class Topics(Protocol):
    """What the host asks of Kafka."""

    def events(self) -> LogBounds:
        """The topic of events as it is now."""

    def partials(self) -> LogBounds:
        """The topic of partials as it is now."""

    def publish(self, messages: Sequence[tuple[int, int, bytes]]) -> None:
        """Put messages (shard, partition, content) on the topic of partials; safe on return."""


class Assigned:
    """The core's parts that this process owns, over one store.

    Args:
        settings: the deployment's times and bounds.
        store: shared with the other workers; each writes what it owns.
        topics: of the deployment.
        patience: waits out the store's outages.
        tell: is given a sentence when records are gone.
    """

    def __init__(
        self,
        settings: TopologySettings,
        store: Store,
        topics: Topics,
        patience: Patience,
        tell: Callable[[str], None],
    ) -> None:
        self.stage1 = Stage1(settings)
        self.sites: dict[int, Sites] = {}
        self._settings = settings
        self._store = store
        self._topics = topics
        self._patience = patience
        self._tell = tell
        self._identities: dict[int, str] = {}
        self._transitions: list[TransitionRow] = []
        self._number = 0
        self._newest_ms = 0
        self._dirty = False

    # -- taking over ------------------------------------------------------------------------

    def _open_shards(self, records: Sequence[LogRecord]) -> None:
        """Load the shards that these records are the first of."""
        begin: dict[int, int] = {}
        for record in records:
            if record.shard not in self.stage1.shards:
                begin.setdefault(record.shard, record.offset)
        if not begin:
            return
        bounds = self._topics.events()
        checkpoint = self._patience.insist(lambda: self._store.load(sorted(begin)))
        refuse_replay(checkpoint)
        self._take_over(sorted(begin), checkpoint)
        with loading():
            for shard, offset in sorted(begin.items()):
                self._open_shard(shard, offset, bounds, checkpoint)

    def _take_over(self, places: Sequence[int], checkpoint: Checkpoint) -> None:
        """Write what was loaded down anew, as one's own.

        Whoever had these places and stood still when they were taken away may yet write what it had
        in hand. It does so under lower numbers, and that is void from now on.
        """
        for place in places:
            version = self._owner_of(place, checkpoint).get("state_version", STATE_VERSION)
            if version != STATE_VERSION:
                msg = (
                    f"the checkpoint of shard {place} has state version {version}, this Goldpan "
                    f"knows {STATE_VERSION}: go back to the version that wrote it, or stop all "
                    "workers and run 'goldpan rebuild'"
                )
                raise StoreRefused(msg)
        self._number = max(self._number + 2, checkpoint.number + _TAKEOVER)
        items: list[CheckpointItem] = []
        for place in places:
            old = (item for item in checkpoint.items(place) if item.family not in (_FAMILY, SINCE))
            items.extend(old)
            items.append(CheckpointItem(place, SINCE, "", str(self._number)))
            items.append(self._owner(place, self._owner_of(place, checkpoint)))
        flush = Flush(number=self._number, checkpoint=items)
        self._patience.insist(lambda: self._store.write(flush))

    @staticmethod
    def _owner_of(place: int, checkpoint: Checkpoint) -> dict[str, Any]:
        """What the last owner has said of itself."""
        owner: dict[str, Any] = json.loads(checkpoint.of(place, _FAMILY).get("", "{}"))
        return owner

    def _open_shard(
        self, shard: int, offset: int, bounds: LogBounds, checkpoint: Checkpoint
    ) -> None:
        """Load one shard; see `Engine.start` for what a generation is."""
        insist, store = self._patience.insist, self._store
        owner = self._owner_of(shard, checkpoint)
        meta = json.loads(checkpoint.of(shard, "meta").get("", '{"offset": -1}'))
        generation: int = owner.get("generation", 0)
        reach = int(checkpoint.of(shard, "reach").get("", 0)) - revision_of(generation, 0)
        same = (
            owner.get("identity") == bounds.identity
            and max(meta["offset"], reach) < bounds.after[shard]
        )
        if not same:
            generation = 1 + insist(store.highest_generation)
        state = self.stage1.open(shard, generation, checkpoint)
        if not same:
            self.stage1.begin_anew(state)
        ask = partial(store.recent_ids, shard, state.covered, WINDOW_MS, MAX_IDS)
        ids, floor = insist(ask)
        state.recent.load(ids, floor)
        self._identities[shard] = bounds.identity
        if offset > state.offset + 1:
            self._say_gap(shard, offset, state.offset, bounds)
        if not same and not self.stage1.behind:
            self._write()  # or a crash in the first flush would raise the generation once more

    def _say_gap(self, shard: int, offset: int, applied: int, bounds: LogBounds) -> None:
        if bounds.first[shard] == offset:
            self._tell(
                f"shard {shard}: the topic's retention has deleted records {applied + 1:,} to "
                f"{offset - 1:,} before they were applied; raise retention_days.events"
            )
            return
        msg = (
            f"shard {shard}: the consumer group is at {offset:,} and the store's checkpoint at "
            f"{applied + 1:,}: this is another deployment's group or an older copy of the store. "
            "Stop all workers and set the group back with kafka-consumer-groups --reset-offsets "
            "--to-earliest; what is applied already is skipped"
        )
        raise BrokerRefused(msg)

    def _open_sites(self, messages: Sequence[Published]) -> None:
        """Load the sites of partitions that these messages are the first of.

        A topic that was made anew begins at its beginning.
        """
        partitions = sorted({message.partition for message in messages} - self.sites.keys())
        if not partitions:
            return
        bounds = self._topics.partials()
        places = [SITES + partition for partition in partitions]
        checkpoint = self._patience.insist(lambda: self._store.load(places))
        self._take_over(places, checkpoint)
        for partition in partitions:
            sites = Sites(partition, self._settings.shards, checkpoint)
            if sites.identity != bounds.identity or sites.offset >= bounds.after[partition]:
                sites.identity, sites.offset = bounds.identity, -1
            self.sites[partition] = sites

    # -- records in -------------------------------------------------------------------------

    def apply(self, records: Sequence[LogRecord]) -> None:
        """Apply records of events, opening shards that are new here.

        Raises:
            SinkError: the store's refusal, or an outage that patience has ended.
            BrokerError: Kafka cannot be asked, or the group and the store do not fit.
        """
        self._open_shards(records)
        work = self.stage1.process(records)
        try:
            lookup = next(work)
            while True:
                lookup = work.send(self._patience.insist(partial(self._store.lookup, lookup)))
        except StopIteration:
            pass
        self._newest_ms = max([self._newest_ms, *(record.ingest_ms for record in records)])
        self._dirty = self._dirty or bool(records)

    def take(self, messages: Sequence[Published]) -> None:
        """Take in messages of `partials`; one that no worker wrote is told of and passed over.

        Raises:
            SinkError, BrokerError: see `apply`.
        """
        self._open_sites(messages)
        for partition, offset, content in messages:
            try:
                self._transitions.extend(self.sites[partition].take(offset, content))
            except ValueError as error:
                self._tell(f"partials {partition}, offset {offset:,}: passed over, {error}")
        self._dirty = self._dirty or bool(messages)

    # -- the store --------------------------------------------------------------------------

    def flush(self) -> bool:
        """Send partials, write what changed, the checkpoint last.

        Returns:
            Whether all that was applied is safe now; else it is as long as the store may be ahead.
        """
        if self.stage1.behind:
            return False
        if self._dirty:
            self._write()
        return True

    def _write(self) -> None:
        stage1 = self.stage1
        upto = {s.shard: s.revision(s.offset) for s in stage1.shards.values()}
        configs = {config.hash: config.content for config in stage1.ledger.configs}
        self._topics.publish(encode(stage1.partials, upto, configs, self._settings.shards))
        stage1.partials.clear()
        flush = stage1.collect()
        flush.transitions = self._transitions
        self._number += 2
        flush.number = self._number
        for sites in self.sites.values():
            flush.checkpoint.extend(sites.snapshot())
            flush.checkpoint.append(self._owner(sites.place, {}))
        for state in stage1.shards.values():
            owner = {"generation": state.generation, "identity": self._identities[state.shard]}
            flush.checkpoint.append(self._owner(state.shard, owner))
        self._patience.insist(lambda: self._store.write(flush))
        stage1.settled(self._newest_ms)
        self._transitions = []
        self._dirty = False

    def _owner(self, place: int, more: dict[str, Any]) -> CheckpointItem:
        said = {**more, "state_version": STATE_VERSION}
        return CheckpointItem(place, _FAMILY, "", json.dumps(said))
