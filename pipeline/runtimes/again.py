"""Raw events flow in, in their order; a store that has them all applied again flows out.

What a rebuild and a replay have in common. Every record is applied under the generation and offset
that it had, so revisions, alert ids and duplicates come out as they did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from pipeline.runtimes.engine import Engine
from pipeline.runtimes.patience import Patience
from pipeline.sinks.raw import Place, RawEvents, Stretch
from schemas.records import LogRecord


class Moment(NamedTuple):
    """Up to where all is applied: every record of that generation that came before then."""

    generation: int
    ingest_ms: int


BEGINNING = Moment(0, 0)
Page = tuple[Moment, list[LogRecord]]
"""Records, and the moment that they lead to."""


def apply_again(
    engine: Engine,
    pages: Iterable[Page],
    since: Moment,
    position: Callable[[Moment], Sequence[int]],
    progress: Callable[[int], None],
) -> int:
    """Apply pages of records, flushing after each.

    Args:
        engine: which has begun, and skips what it has applied already.
        pages: of records, a shard's in their order; see `pages_of`.
        since: up to where it has applied all.
        position: what the checkpoint is to say of a moment as the place to go on from.
        progress: is given the number of records done.

    Returns:
        How many records there were.
    """
    done = 0
    moment = since
    for moment, records in pages:
        engine.relive(moment.generation)
        engine.process(records)
        engine.flush(position(moment), moment.ingest_ms)
        done += len(records)
        progress(done)
    engine.flush(position(moment), moment.ingest_ms)
    return done


def pages_of(
    raw: RawEvents, stretches: Sequence[Stretch], since: Moment, patience: Patience
) -> Iterator[Page]:
    """The records of stretches from a moment on, each page with the moment that it leads to.

    Raises:
        SinkError: the store refuses, or `patience` has ended.
    """
    for stretch in stretches:
        if (stretch.generation, stretch.end_ms) <= since:
            continue
        resumed = stretch.generation == since.generation
        after = Place(since.ingest_ms if resumed else stretch.begin_ms)
        while records := patience.insist(partial(raw.page, stretch, after)):
            last = records[-1]
            after = Place(last.ingest_ms, last.shard, last.offset)
            yield Moment(stretch.generation, last.ingest_ms), records
