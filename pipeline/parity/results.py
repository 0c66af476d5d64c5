"""A comparison flows in, rows of the table `parity_results` flow out: one per base measure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

from pipeline.parity.check import Parity
from schemas.rows import PARITY_RESULTS


class _Sink(Protocol):
    def insert(
        self, table: str, columns: Sequence[str], data: Sequence[list[object]], /
    ) -> None: ...


def keep(
    store: _Sink,
    site: str,
    parity: Parity,
    *,
    start_ms: int | None,
    end_ms: int | None,
    checked_at: datetime,
) -> None:
    """Write what a comparison of a site's rows from `start_ms` to `end_ms` (epoch ms) found.

    Raises:
        SinkError: the store cannot be reached, or does not let this account write.
    """
    span = tuple(
        None if bound is None else datetime.fromtimestamp(bound // 1000, UTC)
        for bound in (start_ms, end_ms)
    )
    rows = [
        (
            *(site, verdict.family, verdict.measure, checked_at, *span),
            *(verdict.minutes, verdict.different, verdict.worst),
        )
        for verdict in parity.verdicts
    ]
    columns: list[list[object]] = [list(column) for column in zip(*rows, strict=True)]
    store.insert(PARITY_RESULTS.name, PARITY_RESULTS.columns, columns)
