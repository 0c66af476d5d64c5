"""A simulated day goes in, and the report finds exactly what the simulation says is true."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from pipeline.report import Report
from pipeline.report_periods import By
from pipeline.sinks.client import Client
from schemas.catalogue import load_catalogue
from tests.parity.conftest import SITE, Ingest
from tests.simulator.conftest import simulated

COUNTS = (
    *("offered", "answered", "abandoned", "short_abandoned", "answered_in_threshold"),
    *("sl_offered", "flow_out", "callbacks_requested", "route_loss", "wait_answered_ms"),
    *("wait_abandoned_ms", "handled", "talk_ms", "hold_ms", "acw_ms"),
)
TICKETS = (
    *("opened", "merged", "closed", "reopened", "illegal_transitions", "serious", "dispatched"),
    *("promises_due", "promises_kept", "error_complaints"),
    *("reworked", "contact_asked", "said_contacted", "compensated", "compensation"),
)
TASKS = (
    *("tasks_assigned", "tasks_supervised", "tasks_due", "tasks_in_time", "tasks_answered"),
    *("task_answer_ms", "dept_answers", "dept_answers_returned", "urges", "urges_ticket"),
    *("urges_email", "urges_phone", "urges_leader", "urges_effective"),
)
RATIOS = ("service_level", "asa", "aht")


def found(
    client: Client,
    counts: tuple[str, ...],
    ratios: tuple[str, ...] = (),
    *,
    group: tuple[str, ...] = (),
    by: By = "hour",
) -> dict[tuple[str, ...], dict[str, float]]:
    """Counts and ratios by period and group, without the counts that are nothing."""
    report = Report(
        (*(f"the_{name}={name}" for name in counts), *ratios),
        SITE.site,
        SITE.time_zone,
        by=by,
        group=group,
        catalogue=load_catalogue(),
    )
    return {
        (row.period, *row.group): {
            name: float(value)
            for name, value in zip((*counts, *ratios), row.values, strict=True)
            if value is not None and (value or name in ratios)
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
    stored = found(client, COUNTS, RATIOS, group=("queue",))
    assert stored.keys() == expected.keys()
    for key, counts in expected.items():
        assert stored[key] == pytest.approx(counts, rel=1e-12), key
    (contacts,) = client.execute("SELECT sum(contacts) FROM call_minutes FINAL WHERE dims = 'site'")
    assert contacts == (truth["contacts"],)

    tickets: dict[tuple[str, ...], dict[str, float]] = {
        ("total", topic): {name: counts[name] for name in TICKETS if counts.get(name)}
        for topic, counts in truth["tickets"].items()
    }
    if truth["unregistered"]:  # nobody has read yet what they are about
        tickets["total", ""] = {"opened": truth["unregistered"]}
    assert found(client, TICKETS, group=("topic",), by="total") == tickets
    # At the end of a file all time has passed: what is not answered yet is late.
    tasks = {("total", department): counts for department, counts in truth["tasks"].items()}
    assert found(client, TASKS, group=("department",), by="total") == tasks
    assert {"urges", "dept_answers_returned"} <= {name for c in tasks.values() for name in c}

    follows = {name: n for name, n in truth["follows"].items() if n}
    assert found(client, tuple(truth["follows"]), by="total") == {("total",): follows}
    assert follows["repeats"]

    escalations = found(client, ("escalations_internal", "escalations_external"), by="total")
    assert escalations == {
        ("total",): {f"escalations_{where}": n for where, n in truth["escalations"].items()}
    }
