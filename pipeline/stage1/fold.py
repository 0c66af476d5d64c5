"""Steps flow in, in order; callers and rows change, and what stage 2 is to see flows out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from pipeline.contribution import Add, CallerKey, Cell
from pipeline.exchange import Found
from pipeline.operators.callers import Caller, CallerChange
from pipeline.operators.rows import Partial, RowKey
from pipeline.stage1.shard import ShardState
from pipeline.stage1.steps import Step


class Watermark(NamedTuple):
    """A shard's word to stage 2: all partials of the domain stamped up to here have been sent."""

    shard: int
    domain: str
    watermark: int


def unknown_callers(steps: Iterable[Step], known: Mapping[CallerKey, Caller]) -> list[CallerKey]:
    """The callers that the steps change and that memory does not hold."""
    wanted = {step[3].key: None for step in steps if type(step[3]) is CallerChange}
    return [key for key in wanted if key not in known]


def resolve_callers(
    steps: Iterable[Step], callers: dict[CallerKey, Caller], found: Found
) -> list[Step]:
    """Put in each caller change's place what it counts as."""
    resolved: list[Step] = []
    for step in steps:
        change = step[3]
        if type(change) is not CallerChange:
            resolved.append(step)
            continue
        state, domain, watermark, _ = step
        caller = callers.get(change.key)
        if caller is None:
            stored = found.callers.get(change.key)
            caller = (
                Caller(change.key, state.shard)
                if stored is None
                else Caller(change.key, state.shard, revision=stored.revision, state=stored.state)
            )
            callers[change.key] = caller
        resolved.extend((state, domain, watermark, add) for add in caller.apply(change))
    return resolved


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
