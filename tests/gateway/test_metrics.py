"""`GET /metrics` counts what came in, names every bound, and says nothing of what was in it."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from tests.gateway.conftest import Query
from tests.gateway.support import Gateway, queued
from tests.infra.support import wait_for

Samples = dict[tuple[str, str], float]


def samples(gateway: Gateway) -> Samples:
    """Every sample by its name and the value of its last label."""
    answer = gateway.ask("GET", "/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain")
    return {
        (sample.name, [*sample.labels.values(), ""][0 if len(sample.labels) < 2 else 1]): (
            sample.value
        )
        for family in text_string_to_metric_families(answer.body.decode())
        for sample in family.samples
    }


def test_events_are_counted_by_what_became_of_them(gateway: Gateway, query: Query) -> None:
    # The log is read in order: once this one is seen, all that other tests sent is counted.
    assert gateway.send(queued("marker")).status == 202
    marker = "SELECT count() FROM contacts FINAL WHERE contact_id = 'cmarker'"
    wait_for(lambda: query(marker) == [(1,)])
    before = samples(gateway)
    event = queued("counted", caller_name="wang")
    bad = {"event_id": "x"}, queued("c2") | {"queue": 7}
    mistyped = queued("c3") | {"site": "exmaple"}
    assert gateway.send(event, event, *bad, mistyped).status == 202

    def grown(name: str, label: str) -> float:
        key = (name, label)
        return samples(gateway).get(key, 0) - before.get(key, 0)

    assert grown("goldpan_events_received_total", "accepted") == 2
    assert grown("goldpan_events_received_total", "dead_letter") == 2
    assert grown("goldpan_events_received_total", "refused") == 1
    assert grown("goldpan_fields_dropped_total", "") == 2
    wait_for(lambda: grown("goldpan_events_applied_total", "duplicate") == 1)
    assert grown("goldpan_events_applied_total", "applied") == 1
    assert grown("goldpan_events_applied_total", "dead_letter") == 2
    assert grown("goldpan_log_commits_total", "") >= 1


def test_every_bound_has_its_limit_and_is_within_it(gateway: Gateway) -> None:
    found = samples(gateway)
    used = {label: value for (name, label), value in found.items() if name == "goldpan_bound_used"}
    limits = {bound: found["goldpan_bound_limit", bound] for bound in used}
    assert {"backlog_bytes", "requests_waiting_for_log", "request_bodies_bytes"} <= set(used)
    assert all(0 <= used[bound] <= limit for bound, limit in limits.items()), (used, limits)


def test_it_is_ready_and_its_watermark_is_young(gateway: Gateway) -> None:
    wait_for(lambda: 0 < samples(gateway).get(("goldpan_watermark_lag_seconds", ""), 99) < 10)
    assert samples(gateway)["goldpan_ready", ""] == 1
    assert samples(gateway)["goldpan_store_outage", ""] == 0
