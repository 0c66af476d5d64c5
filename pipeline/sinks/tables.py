"""A flush's rows flow in, columns as the tables want them flow out.

Columns, not rows: the driver encodes a list of a thousand integers at once. Times go as raw epoch
numbers, which saves it a time-zone conversion per value.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipeline.exchange import BaseRow, DeadLetterRow, RawRow, TransitionRow
from pipeline.operators.callers import Caller, day_of
from pipeline.operators.contacts import Contact
from schemas.rows import RowFamily

Columns = list[list[Any]]


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


def contact_columns(contacts: Sequence[Contact]) -> Columns:
    """`contacts`: one row per contact as it stands."""
    return transpose([_contact_row(contact) for contact in contacts], 38)


def _contact_row(contact: Contact) -> tuple[Any, ...]:
    fact = contact.fact
    attributes = fact.attributes.get
    leg = fact.overall
    answered = [leg for leg in fact.legs if leg.exit == "answered"]
    completed = max((leg.completed_at for leg in fact.legs), default=0)
    ended = max((leg.ended_at for leg in fact.legs), default=0)
    held = [leg.hold_ms for leg in answered if leg.ended_at]
    acw = [leg.acw_ms for leg in fact.legs if leg.acw_ms is not None]
    limits = contact.rules.limits(leg.queue if leg else "")
    wait = fact.wait_ms
    left = leg is not None and bool(leg.exit)
    return (
        contact.site,
        contact.contact_id,
        contact.shard,
        contact.revision,
        attributes("root_contact_id", contact.contact_id),
        contact.subject,
        contact.caller[0].caller if contact.caller else "",
        attributes("customer_id", ""),
        attributes("channel", ""),
        attributes("direction", ""),
        attributes("call_type", ""),
        leg.queue if leg else "",
        attributes("skill", ""),
        attributes("priority", ""),
        attributes("region", ""),
        attributes("product", ""),
        leg.team if leg else "",
        leg.agent_id if leg else "",
        fact.outcome,
        fact.phase,
        leg.ended_by if leg else "",
        fact.failed_reason,
        fact.started_at,
        fact.legs[0].queued_at if fact.legs else None,
        leg.exit_at if leg is not None and leg.exit else None,
        answered[0].exit_at if answered else None,
        ended or None,
        completed or None,
        fact.ivr_ms,
        wait,
        fact.talk_ms,
        sum(held) if held else None,
        sum(acw) if acw else None,
        sum(leg.holds for leg in fact.legs),
        sum(leg.transfers for leg in fact.legs),
        sum(leg.exit != "failed" for leg in fact.legs),
        int(left and wait is not None and wait <= limits.threshold_ms),
        int(leg is not None and leg.exit == "abandoned" and (wait or 0) <= limits.short_abandon_ms),
        int(fact.open),
        fact.events,
        contact.domain,
        contact.snapshot(),
    )
