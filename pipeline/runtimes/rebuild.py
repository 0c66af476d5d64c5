"""The raw events of a store flow in, everything that is computed from them flows out anew.

For when the form of the states has changed, or a table was damaged. Every record is applied under
the generation and offset that it had, so revisions, alert ids and duplicates come out as they did.
What the log holds beyond the raw events is applied at the next start, as after a crash.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipeline.runtimes.engine import Engine
from pipeline.sinks.raw import RawEvents


def rebuild(
    engine: Engine, raw: RawEvents, begin: Sequence[int], progress: Callable[[int, int], None]
) -> int:
    """Compute everything again.

    If it is cut off, run it again: it starts by emptying what it computes.

    Args:
        engine: over the store, not started.
        raw: the store's raw events.
        begin: the beginning of the log, where the next start is to read on.
        progress: is given the records done and the records there are.

    Returns:
        How many records were applied.
    """
    engine.forget()
    raw.clear_derived()
    stretches = raw.stretches()
    total = sum(stretch.records for stretch in stretches)
    done = newest = 0
    for stretch in stretches:
        engine.relive(stretch.generation)
        for records in raw.records(stretch):
            engine.process(records)
            newest = max(newest, records[-1].ingest_ms)
            engine.flush(begin, newest)
            done += len(records)
            progress(done, total)
    engine.flush(begin, newest)
    return done
