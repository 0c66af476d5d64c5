"""A flush's rows flow in, columns as the tables want them flow out.

Columns, not rows: the driver encodes a list of a thousand integers at once. Times go as raw epoch
numbers, which saves it a time-zone conversion per value.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipeline.entity import AnyEntity
from pipeline.exchange import BaseRow, DeadLetterRow, RawRow, TransitionRow
from pipeline.operators.callers import Caller, day_of
from pipeline.operators.histories import History
from schemas.rows import RowFamily

Columns = list[list[Any]]
HOUR_MS = 3_600_000


def transpose(rows: Sequence[Sequence[Any]], width: int) -> Columns:
    """Rows to columns; `width` says how many there are when there is no row."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[]] * width


def raw_columns(rows: Sequence[RawRow]) -> Columns:
    """`raw_events`: the record's kind by name, its payload as it lies in the log."""
    columns = transpose(rows, len(RawRow._fields))
    columns[4] = [kind.name.lower() for kind in columns[4]]
    return columns


def dead_letter_columns(rows: Sequence[DeadLetterRow]) -> Columns:
    """`dead_letters`."""
    return transpose(rows, len(DeadLetterRow._fields))


def transition_columns(rows: Sequence[TransitionRow]) -> Columns:
    """`alert_transitions`; the revision of a transition is its number."""
    return transpose(
        [(*row[:-1], row.transition, row.detail) for row in rows], len(TransitionRow._fields) + 1
    )


def base_columns(family: RowFamily, rows: Sequence[BaseRow]) -> Columns:
    """A family's base rows: key, dimensions of the set (others ""), shard, revision, measures."""
    places = {
        dims: tuple(columns.index(d) if d in columns else -1 for d in family.dimensions)
        for dims, columns in family.sets.items()
    }
    keys = []
    for row in rows:
        values = (*row.key.values, "")
        dims = [values[place] for place in places[row.key.dims]]
        key = (row.key.site, row.key.dims, row.key.minute // 1000)
        keys.append((*key, *dims, row.shard, row.revision))
    columns = transpose(keys, len(family.columns) - len(family.measures))
    columns.extend(_measure_columns(family, rows))
    return columns


def touched_columns(rows: Sequence[BaseRow]) -> Columns:
    """`hours_touched`: the hours that these rows are of."""
    hours = {(row.key.site, row.key.family, row.key.minute // HOUR_MS * 3_600) for row in rows}
    return transpose([(*hour, "touched") for hour in sorted(hours)], 4)


def _measure_columns(family: RowFamily, rows: Sequence[BaseRow]) -> Columns:
    """A column per measure. Most are 0 in most rows, so only what is there is looked at."""
    nothing: dict[int, int] = {}
    by_name: dict[str, list[Any]] = {
        name: [nothing if name in family.histograms else 0] * len(rows) for name in family.measures
    }
    for index, row in enumerate(rows):
        for measure, value in row.measures.items():
            if isinstance(measure, str):
                by_name[measure][index] = value
                continue
            name, bin_ = measure
            bins = by_name[name]
            if bins[index] is nothing:
                bins[index] = {}
            bins[index][bin_] = value
    return list(by_name.values())


def caller_columns(callers: Sequence[Caller]) -> Columns:
    """`callers`."""
    rows = [
        (
            caller.key.site,
            day_of(caller.key),
            caller.key.caller,
            caller.shard,
            caller.revision,
            caller.first_at or 0,
            len(caller.starts),
            caller.snapshot(),
        )
        for caller in callers
    ]
    return transpose(rows, 8)


def history_columns(histories: Sequence[History]) -> Columns:
    """`histories`."""
    rows = [
        (
            *history.key,
            history.shard,
            history.revision,
            history.last_at,
            history.size,
            history.snapshot(),
        )
        for history in histories
    ]
    return transpose(rows, 7)


def entity_columns(entities: Sequence[AnyEntity], width: int) -> Columns:
    """A fact table of `width` columns: one row per entity as it stands."""
    return transpose([entity.row() for entity in entities], width)


def now_columns(entities: Sequence[AnyEntity], width: int) -> Columns:
    """A table of open entities, of `width` columns."""
    return transpose([entity.now_row() for entity in entities], width)
