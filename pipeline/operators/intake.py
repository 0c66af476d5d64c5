"""Every record that was read flows in, the pipeline's own counts flow out: events, duplicates, late
ones, rejected ones and repairs by event type and source, in the minute of their ingest.

This is how a type without an operator is still counted, and how a broken source is noticed.
"""

from __future__ import annotations

from typing import Literal

from pipeline.contribution import Add, Cell, Dims, Measure
from pipeline.timeline import minute_of

FAMILY = "intake"
_SETS = ("site", "source")

Verdict = Literal["applied", "duplicate", "rejected"]


def count(
    site: str,
    source: str,
    event_type: str,
    domain: str,
    ingest_ms: int,
    verdict: Verdict,
    *,
    late: bool,
    repairs: int,
    revision: int,
) -> Add:
    """What one event record counts as."""
    measures: list[tuple[Measure, int]] = [("events", 1)]
    if verdict == "duplicate":
        measures.append(("duplicates", 1))
    elif verdict == "rejected":
        measures.append(("rejected", 1))
    elif late:
        measures.append(("late", 1))
    if repairs:
        measures.append(("repaired", repairs))
    dims = Dims(FAMILY, site, _SETS, (source, event_type, domain))
    return Add(revision, 1, Cell(0, minute_of(ingest_ms), dims, tuple(measures)))
