"""Steps flow in, in order; callers and rows change, and what stage 2 is to see flows out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from pipeline.contribution import Add, CallerKey
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
    wanted = {what.key: None for *_, what in steps if isinstance(what, CallerChange)}
    return [key for key in wanted if key not in known]


def resolve_callers(
    steps: Sequence[Step], callers: dict[CallerKey, Caller], found: Found
) -> list[Step]:
    """Put in each caller change's place what it counts as."""
    resolved: list[Step] = []
    for step in steps:
        state, domain, watermark, what = step
        if not isinstance(what, CallerChange):
            resolved.append(step)
            continue
        caller = callers.get(what.key)
        if caller is None:
            stored = found.callers.get(what.key)
            caller = (
                Caller(what.key, state.shard)
                if stored is None
                else Caller(what.key, state.shard, revision=stored.revision, state=stored.state)
            )
            callers[what.key] = caller
        resolved.extend((state, domain, watermark, add) for add in caller.apply(what))
    return resolved


def unknown_rows(
    steps: Iterable[Step], shards: Mapping[int, ShardState]
) -> dict[int, list[RowKey]]:
    """By shard, the rows that the steps add to and that memory does not hold."""
    adds: dict[int, list[Add]] = {}
    for state, _, _, what in steps:
        if type(what) is Add:
            adds.setdefault(state.shard, []).append(what)
    missing = {shard: shards[shard].rows.missing(some) for shard, some in adds.items()}
    return {shard: sorted(keys) for shard, keys in missing.items() if keys}


def load_rows(
    wanted: Mapping[int, Sequence[RowKey]], found: Found, shards: Mapping[int, ShardState]
) -> None:
    """Take up the rows that the store has, and begin those that it does not have."""
    for shard, keys in wanted.items():
        for key in keys:
            measures, revision = found.rows.get((shard, key), ({}, 0))
            shards[shard].rows.load(key, measures, revision)


def fold(steps: Iterable[Step]) -> list[Partial | Watermark]:
    """Add what counts and publish what watermarks have passed; every row is in memory."""
    published: list[Partial | Watermark] = []
    for state, domain, watermark, what in steps:
        if type(what) is Add:
            state.rows.add(what, domain, watermark)
        elif isinstance(what, Mapping):
            published.extend(state.rows.publish(domain, watermark, what))
            published.append(Watermark(state.shard, domain, watermark))
    return published
