"""A simulated day goes in, and the report finds exactly what the simulation says is true."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from pipeline.report import Report
from pipeline.sinks.client import Client
from schemas.catalogue import load_catalogue
from tests.parity.conftest import SITE, Ingest
from tests.simulator.conftest import simulated

COUNTS = (
    *("offered", "answered", "abandoned", "short_abandoned", "answered_in_threshold"),
    *("sl_offered", "flow_out", "callbacks_requested", "route_loss", "wait_answered_ms"),
    *("wait_abandoned_ms", "handled", "talk_ms", "hold_ms", "acw_ms"),
)
RATIOS = ("service_level", "asa", "aht")


def found(client: Client, group: tuple[str, ...]) -> dict[tuple[str, ...], dict[str, float]]:
    """Every count and ratio by hour and group, without those that are nothing."""
    metrics = (*(f"the_{name}={name}" for name in COUNTS), *RATIOS)
    report = Report(
        metrics, SITE.site, SITE.time_zone, by="hour", group=group, catalogue=load_catalogue()
    )
    names = (*COUNTS, *RATIOS)
    return {
        (row.period, *row.group): {
            name: float(value)
            for name, value in zip(names, row.values, strict=True)
            if value is not None and (value or name in RATIOS)
        }
        for row in report.run(client).rows
    }


def test_the_report_agrees_with_the_truth(ingested: Ingest) -> None:
    # It ends at half past ten, when somebody waits and everybody talks.
    source = simulated("2026-03-02", hours=34.5, seats=8)
    client = ingested(source)
    truth = source.truth()
    expected: dict[tuple[str, ...], Mapping[str, float]] = {
        (hour, queue): counts
        for queue, by in truth["queues"].items()
        for hour, counts in by["hours"].items()
    }
    stored = found(client, ("queue",))
    assert stored.keys() == expected.keys()
    for key, counts in expected.items():
        assert stored[key] == pytest.approx(counts, rel=1e-12), key
    (contacts,) = client.execute("SELECT sum(contacts) FROM call_minutes FINAL WHERE dims = 'site'")
    assert contacts == (truth["contacts"],)
