"""How a number came about: what explains it is what the report shows, and what was counted."""

from __future__ import annotations

from typing import Any

import pytest
from clickhouse_driver import Client

from pipeline.commands.explain import group_of, told
from pipeline.errors import ConfigError
from pipeline.explain import Explanation, explain, span_of
from pipeline.report import Report
from schemas.catalogue import load_catalogue
from tests.test_report import SHANGHAI, at, put_contacts, put_minutes


@pytest.fixture
def site(store: Client, request: pytest.FixtureRequest) -> str:
    return str(request.node.name)


def explained(store: Client, site: str, metric: str, **more: Any) -> Explanation:
    group = more.pop("group", {})
    asked: dict[str, Any] = {"start": at(), "end": at(day=1), "catalogue": load_catalogue()}
    report = Report([metric], site, SHANGHAI, group=tuple(group), **{**asked, **more})
    return explain(report, group, store, most=2)


def test_a_rate_with_its_parts_and_contacts(store: Client, site: str) -> None:
    # The vector of metrics.md: 70 of 120 offered within the threshold, 5 short abandons.
    counts = {"sl_offered": 120, "short_abandoned": 5, "answered_in_threshold": 70}
    queue = {"dims": "queue", "queue": "vip", "contacts": 120, **counts}
    put_minutes(store, site, queue, {**queue, "queue": "other", "sl_offered": 1})
    exit_ = {"queue": "vip", "outcome": "handled", "wait_ms": 7000, "exited_at": at(5)}
    put_contacts(store, site, exit_, exit_, exit_, {**exit_, "queue": "other"})
    found = explained(store, site, "service_level", group={"queue": "vip"})
    assert found.value == pytest.approx(70 / 115 * 100)
    assert told(found, "en").splitlines() == [
        "Service level V1",
        "  answered in threshold ÷ (offered − short)",
        "  = answered_in_threshold / (sl_offered - short_abandoned) * 100",
        "  = 70 / (120 - 5) * 100",
        "  = 60.87 %",
        "  definition version 1",
        "  answered_in_threshold            70  answered with a wait up to the queue's threshold, "
        "the boundary included",
        "  short_abandoned                   5  abandoned with a wait up to the short-abandon "
        "limit, the boundary included",
        "  sl_offered                      120  offered contacts whose service level is decided, "
        "by exit or by passing the threshold",
        "",
        "behind it: 3 contacts, by exited_at, the first 2 of them here",
        "exited_at                 contact_id   queue   agent_id   outcome   wait_ms   talk_ms",
        "─" * 85,
        "2026-01-05 00:05:00.000   c0           vip                handled   7000",
        "2026-01-05 00:05:00.000   c1           vip                handled   7000",
    ]


def test_in_chinese(store: Client, site: str) -> None:
    text = told(explained(store, site, "answered"), "zh")
    assert text.startswith("接通量\n  = answered\n  = -\n  = -\n  定义版本 1\n")
    assert "其后的事实：contacts，按 exited_at，共 0 条" in text


def test_what_has_no_facts_of_its_own_says_so(store: Client, site: str) -> None:
    found = explained(store, site, "backlog", start=None, end=None)
    assert "of this number no single facts are told apart" in told(found, "en")


def test_what_cannot_be_explained(store: Client, site: str) -> None:
    with pytest.raises(ConfigError, match=r"nps is not available: needs survey.responded.nps"):
        explained(store, site, "nps")
    with pytest.raises(ConfigError, match="service_level is not kept by agent_id"):
        explained(store, site, "service_level", group={"agent_id": "a"})
    with pytest.raises(ConfigError, match="--group 'vip': write dimension=value"):
        group_of("vip")
    assert group_of("queue=vip, channel=") == {"queue": "vip", "channel": ""}


def test_periods_are_the_sites() -> None:
    moment = at(8 * 60 + 30.5)
    assert span_of(moment, "minute", SHANGHAI) == (at(510), at(511))
    assert span_of(moment, "hour", SHANGHAI) == (at(480), at(540))
    assert span_of(moment, "day", SHANGHAI) == (at(), at(day=1))
