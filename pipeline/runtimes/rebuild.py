"""The raw events of a store flow in, everything that is computed from them flows out anew.

For when the form of the states has changed, or a table was damaged. What the log holds beyond the
raw events is applied at the next start, as after a crash.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipeline.runtimes.again import BEGINNING, apply_again, pages_of
from pipeline.runtimes.engine import Engine
from pipeline.runtimes.patience import Patience
from pipeline.sinks.raw import RawEvents


def rebuild(
    engine: Engine,
    raw: RawEvents,
    begin: Sequence[int],
    patience: Patience,
    progress: Callable[[int, int], None],
) -> int:
    """Compute everything again.

    If it is cut off, run it again: it starts by emptying what it computes.

    Args:
        engine: over the store, not started.
        raw: the store's raw events.
        begin: the beginning of the log, where the next start is to read on.
        patience: waits out the store's outages.
        progress: is given the records done and the records there are.

    Returns:
        How many records were applied.

    Raises:
        SinkError: the store refuses, or `patience` has ended.
    """
    engine.forget()
    raw.clear_derived()
    stretches = raw.stretches()
    total = sum(stretch.records for stretch in stretches)
    pages = pages_of(raw, stretches, BEGINNING, patience)
    return apply_again(
        engine, pages, BEGINNING, lambda _: begin, lambda done: progress(done, total)
    )
