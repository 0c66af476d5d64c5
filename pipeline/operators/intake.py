"""Every record that was read flows in, the pipeline's own counts flow out, by type and source.

Events, duplicates, late ones, rejected ones and repairs count in the minute of their ingest.

This is how a type without an operator is still counted, and how a broken source is noticed.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, NamedTuple

from pipeline.contribution import Add, Cell, Measure, place

FAMILY = "intake"
_SETS = ("site", "source")

Verdict = Literal["applied", "duplicate", "rejected"]


class Origin(NamedTuple):
    """Where a record came from."""

    site: str
    source: str
    event_type: str
    domain: str


def count(
    origin: Origin, minute: int, verdict: Verdict, *, late: bool, mended: bool, revision: int
) -> Add:
    """What one event record counts as, in the minute (epoch ms) of its ingest.

    `late` and `mended` (a source dropped an impossible value in it) count for events that are kept.
    """
    is_kept = verdict == "applied"
    return Add(revision, 1, _cell(origin, minute, verdict, late and is_kept, mended and is_kept))


@lru_cache(maxsize=10_000)
def _cell(origin: Origin, minute: int, verdict: Verdict, late: bool, mended: bool) -> Cell:
    measures: list[tuple[Measure, int]] = [("events", 1)]
    if verdict == "duplicate":
        measures.append(("duplicates", 1))
    elif verdict == "rejected":
        measures.append(("rejected", 1))
    if late:
        measures.append(("late", 1))
    if mended:
        measures.append(("repaired", 1))
    site, *dims = origin
    return Cell(0, minute, place(FAMILY, site, _SETS, tuple(dims)), tuple(measures))
