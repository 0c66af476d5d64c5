"""Steps flow in, in order; callers, histories and rows change, what stage 2 sees flows out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from pipeline.contribution import Add, CallerKey, Cell
from pipeline.entries import HistoryKey
from pipeline.exchange import Found, Lookup, Stored
from pipeline.operators.callers import Caller, CallerChange
from pipeline.operators.histories import History, HistoryChange
from pipeline.operators.histories.told import Rules
from pipeline.operators.rows import Partial, RowKey
from pipeline.stage1.shard import ShardState
from pipeline.stage1.steps import Step


class Watermark(NamedTuple):
    """A shard's word to stage 2: all partials of the domain stamped up to here have been sent."""

    shard: int
    domain: str
    watermark: int


class People:
    """The callers and customers' histories that changed since the last flush.

    Args:
        rules: finds a version of the site's rules.
    """

    def __init__(self, rules: Rules) -> None:
        self.callers: dict[CallerKey, Caller] = {}
        self.histories: dict[HistoryKey, History] = {}
        self.fullest = 0
        """The entries of the longest history of the last flush, for a metric."""
        self._rules = rules

    def unknown(self, steps: Iterable[Step]) -> Lookup:
        """Whom the steps change and memory does not hold."""
        callers: dict[CallerKey, None] = {}
        histories: dict[HistoryKey, None] = {}
        for _, _, _, what in steps:
            if type(what) is CallerChange and what.key not in self.callers:
                callers[what.key] = None
            elif type(what) is HistoryChange and what.key not in self.histories:
                histories[what.key] = None
        return Lookup(callers=list(callers), histories=list(histories))

    def resolve(self, steps: Iterable[Step], found: Found) -> list[Step]:
        """Put in each change's place what it counts as."""
        resolved: list[Step] = []
        for step in steps:
            state, domain, watermark, change = step
            if type(change) is CallerChange:
                adds = self._caller(state, change, found.callers.get(change.key)).apply(change)
            elif type(change) is HistoryChange:
                history = self._history(state, change, found.histories.get(change.key))
                adds = history.apply(change)
            else:
                resolved.append(step)
                continue
            resolved.extend([(state, domain, watermark, add) for add in adds])
        return resolved

    def _caller(self, state: ShardState, change: CallerChange, stored: Stored | None) -> Caller:
        caller = self.callers.get(change.key)
        if caller is None:
            caller = (
                Caller(change.key, state.shard)
                if stored is None
                else Caller(change.key, state.shard, revision=stored.revision, state=stored.state)
            )
            self.callers[change.key] = caller
        return caller

    def _history(self, state: ShardState, change: HistoryChange, stored: Stored | None) -> History:
        history = self.histories.get(change.key)
        if history is None:
            key, shard, rules = change.key, state.shard, self._rules
            history = (
                History(key, shard, rules)
                if stored is None
                else History(key, shard, rules, revision=stored.revision, state=stored.state)
            )
            self.histories[key] = history
        return history

    def settled(self) -> None:
        """All of them are in the store."""
        self.fullest = max((history.size for history in self.histories.values()), default=0)
        self.callers.clear()
        self.histories.clear()


def unknown_rows(steps: Iterable[Step]) -> dict[int, list[RowKey]]:
    """By shard, the rows that the steps add to and that memory does not hold."""
    cells: dict[ShardState, list[Cell]] = {}
    for state, _, _, what in steps:
        if type(what) is Add:
            cells.setdefault(state, []).append(what.cell)
    missing = {state.shard: state.rows.missing(some) for state, some in cells.items()}
    return {shard: sorted(keys) for shard, keys in missing.items() if keys}


def load_rows(
    wanted: Mapping[int, Sequence[RowKey]], found: Found, shards: Mapping[int, ShardState]
) -> None:
    """Take up the rows that the store has, and begin those that it does not have."""
    for shard, keys in wanted.items():
        state = shards[shard]
        for key in keys:
            measures, revision = found.rows.get((shard, key), ({}, 0))
            state.rows.load(key, measures, revision, state.covered)


def fold(steps: Iterable[Step]) -> list[Partial | Watermark]:
    """Add what counts and publish what watermarks have passed; every row is in memory."""
    published: list[Partial | Watermark] = []
    for state, domain, watermark, what in steps:
        book = state.rows
        if type(what) is Add:
            book.add(what, book.find(what.cell), domain, watermark)
        elif isinstance(what, dict):
            published.extend(book.publish(domain, watermark, what))
            published.append(Watermark(state.shard, domain, watermark))
    return published
