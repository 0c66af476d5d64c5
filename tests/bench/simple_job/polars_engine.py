"""Events flow in, answers flow out of polars, a batch engine."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from tests.bench.simple_job import WEEK_MS, Answer, measure


def polars(path: Path) -> Answer:
    """A batch engine: it reads the file with typed columns and does not judge single events."""

    frame = pl.scan_ndjson(
        path,
        schema={
            "event_type": pl.String,
            "occurred_at": pl.String,
            "customer_id": pl.String,
            "queue": pl.String,
            "wait_ms": pl.Int64,
            "topic": pl.String,
        },
    ).with_columns(
        at=pl.col("occurred_at")
        .str.to_datetime("%Y-%m-%dT%H:%M:%S%.3fZ", time_unit="ms")
        .dt.epoch("ms")
    )
    waits = (
        frame.filter(pl.col("event_type") == "call.answered")
        .with_columns(minute=pl.col("at") - pl.col("at") % 60_000)
        .group_by("queue", "minute")
        .agg(pl.len(), pl.col("wait_ms").sum().alias("sum"), pl.col("wait_ms").max().alias("max"))
    )
    third = (
        frame.filter(pl.col("event_type") == "ticket.registered")
        .sort("at", maintain_order=True)
        .with_columns(earlier=pl.col("at").shift(2).over("customer_id", "topic"))
        .filter(pl.col("at") - pl.col("earlier") < WEEK_MS)
        .select("customer_id", "topic")
        .unique()
    )
    rows, found = pl.collect_all([waits, third], engine="streaming")
    return {(q, m): (n, s, x) for q, m, n, s, x in rows.iter_rows()}, set(found.iter_rows())


if __name__ == "__main__":
    measure(polars)
