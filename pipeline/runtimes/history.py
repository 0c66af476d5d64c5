"""What a replay is of flows in, its records flow out: of raw events, or of a topic while it lasts.

Either gives a shard's records in their order. The shards advance together, because what one is
ahead of another waits in stage 2 to be judged.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import NamedTuple, Protocol

from pipeline.contribution import revision_of
from pipeline.errors import BrokerRefused
from pipeline.log.kafka import KafkaReader
from pipeline.runtimes.again import Moment, Page, pages_of
from pipeline.runtimes.patience import Patience
from pipeline.sinks.raw import RawEvents
from pipeline.sinks.replays import Replay, generation_of

AT_ONCE = 20_000
STRIDE = 100_000
"""Of a topic so many records are read before any shard goes further ahead of the others."""


class Reached(NamedTuple):
    """How far a replay got before it was interrupted.

    `offsets` are, by shard, of the last records of the moment's generation that are applied.
    """

    moment: Moment
    offsets: Sequence[int]


class History(Protocol):
    """Where the records of a replay come from."""

    def generations(self) -> Collection[int]:
        """Those that it has records of."""

    def left(self, reached: Reached) -> int:
        """How many records are still to come; it may be a few too many."""

    def pages(self, generation: int, reached: Reached) -> Iterator[Page]:
        """The records of a generation that are still to come, and perhaps some that are applied.

        Raises:
            GoldpanError: they cannot be read.
        """


class Stored:
    """The raw events of the live store, and the ticks that it holds back.

    Args:
        what: the replay.
        raw: its selection of the live database's raw events.
        patience: waits out the store's outages.
    """

    def __init__(self, what: Replay, raw: RawEvents, patience: Patience) -> None:
        self._raw = raw
        self._patience = patience
        self._stretches = patience.insist(raw.stretches)
        self._held = what.held_ticks()

    def generations(self) -> Collection[int]:
        """See `History.generations`."""
        return {*self._held, *(stretch.generation for stretch in self._stretches)}

    def left(self, reached: Reached) -> int:
        """See `History.left`."""
        return sum(
            stretch.records
            for stretch in self._stretches
            if (stretch.generation, stretch.end_ms) > reached.moment
        )

    def pages(self, generation: int, reached: Reached) -> Iterator[Page]:
        """See `History.pages`."""
        some = [stretch for stretch in self._stretches if stretch.generation == generation]
        yield from pages_of(self._raw, some, reached.moment, self._patience)
        if ticks := self._held.get(generation):
            yield Moment(generation, max(tick.ingest_ms for tick in ticks)), ticks


class OnTopic:
    """What a topic of events keeps.

    Args:
        what: the replay, of a store that was filled from the topic.
        reader: of the topic.
    """

    def __init__(self, what: Replay, reader: KafkaReader) -> None:
        self._reader = reader
        self._first = what.kept.first if what.kept is not None else ()
        self._upto = what.upto

    def generations(self) -> Collection[int]:
        """See `History.generations`."""
        return set(map(generation_of, self._upto))

    def left(self, reached: Reached) -> int:
        """See `History.left`."""
        return sum(
            end - begin
            for generation in self.generations()
            if generation >= reached.moment.generation
            for begin, end in self._bounds(generation, reached)
        )

    def pages(self, generation: int, reached: Reached) -> Iterator[Page]:
        """See `History.pages`.

        Raises:
            BrokerRefused: its retention has deleted records meanwhile.
            BrokerUnavailable: no broker answers for a minute.
        """
        bounds = self._bounds(generation, reached)
        first, _ = self._reader.bounds()
        if any(begin < min(end, kept) for (begin, end), kept in zip(bounds, first, strict=True)):
            msg = (
                "the topic's retention has deleted records that this replay has not read yet: "
                "remove its database and begin it anew, what is deleted comes from raw events then"
            )
            raise BrokerRefused(msg)
        strides = -(-sum(end - begin for begin, end in bounds) // STRIDE)
        now_ms = 0
        for number in range(strides):
            begin, end = (
                [begin + (end - begin) * place // strides for begin, end in bounds]
                for place in (number, number + 1)
            )
            records = self._reader.read(begin, end)
            while page := list(islice(records, AT_ONCE)):
                now_ms = max(now_ms, *(record.ingest_ms for record in page))
                yield Moment(generation, now_ms), page

    def _bounds(self, generation: int, reached: Reached) -> list[tuple[int, int]]:
        """By shard, the offsets of the first and after the last record that are still to come."""
        is_begun = generation == reached.moment.generation
        bounds = []
        for first, last, applied in zip(self._first, self._upto, reached.offsets, strict=True):
            end = last + 1 - revision_of(generation, 0)
            begin = max(first, applied + 1) if is_begun else first
            ours = generation_of(last) == generation and begin < end
            bounds.append((begin, end) if ours else (begin, begin))
        return bounds
