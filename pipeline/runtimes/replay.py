"""A live store's history flows in, another database of final rows flows out: history again.

The same core applies the same records under the same generations and offsets, so every view comes
out as it did live: dead letters and alert ids too. Subjects stand in the records, so no subject map
is asked; time passes by the ticks that history keeps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipeline.exchange import Store, TransitionRow
from pipeline.operators.rows import Partial
from pipeline.runtimes.again import BEGINNING, Moment, Page, apply_again
from pipeline.runtimes.engine import Engine
from pipeline.runtimes.history import History, Reached
from pipeline.runtimes.patience import Patience
from pipeline.sinks.replays import DAY_MS, Replay, Window
from pipeline.site_rules import SiteRules
from pipeline.stage1.fold import Watermark
from pipeline.stage2 import Stage2
from pipeline.timeline import BEGIN_OF_TIME, END_OF_TIME
from pipeline.topology import TopologySettings


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many records a run applied, and whether an earlier run had begun."""

    records: int
    resumed: bool


class JudgedWithin(Stage2):
    """Stage 2 over the rows of a window, and of the day before it, in which its alerts begin.

    Beyond them the rows of a replay lack whoever does not count in the window.
    """

    def __init__(self, shards: int, rules: Mapping[str, SiteRules], window: Window) -> None:
        super().__init__(shards, rules)
        start, end = window
        self._begin = BEGIN_OF_TIME if start is None else start - DAY_MS
        self._end = END_OF_TIME if end is None else end

    def take(self, items: Iterable[Partial | Watermark]) -> list[TransitionRow]:
        """See `Stage2.take`."""
        judged = [
            item
            for item in items
            if isinstance(item, Watermark) or self._begin <= item.key.minute < self._end
        ]
        return [step for step in super().take(judged) if step.window_end_ms <= self._end]


def replay(
    what: Replay,
    default_site: str,
    store: Store,
    history: Sequence[History],
    patience: Patience,
    *,
    progress: Callable[[int, int], None],
) -> Replayed:
    """Apply the history again; what an interrupted run has done is not done twice.

    Args:
        what: prepared by `sinks.replays.prepare`, and not done.
        default_site: whose table a record belongs to that names no site.
        store: over its database.
        history: where its records come from, those of a shard that came earlier first.
        patience: waits out the store's outages.
        progress: is given the records done and the records there are, both of this run.

    Raises:
        SinkError: the store refuses, or `patience` has ended.
        BrokerError: the topic cannot be read.
    """
    settings = TopologySettings(shards=len(what.upto), default_site=default_site)
    engine = Engine(settings, store, patience)
    if not what.window.whole:
        engine.stage2 = JudgedWithin(settings.shards, engine.stage1.rules, what.window)
    engine.take_up()
    since = BEGINNING if engine.position is None else Moment(*engine.position)
    offsets = [engine.stage1.shards[shard].offset for shard in range(settings.shards)]
    reached = Reached(since, offsets)

    def pages() -> Iterator[Page]:
        for generation in sorted({g for source in history for g in source.generations()}):
            if generation >= since.generation:
                for source in history:
                    yield from source.pages(generation, reached)

    total = sum(source.left(reached) for source in history)
    done = apply_again(engine, pages(), since, list, lambda count: progress(count, total))
    return Replayed(done, resumed=since != BEGINNING)
