"""Shares by a dimension of which a row may have several values, by hand, on the real engine."""

from __future__ import annotations

import pytest
from clickhouse_driver import Client

from dashboards.queries import grouped
from pipeline.errors import ConfigError
from pipeline.explain import explain
from pipeline.report import Report
from schemas.catalogue import load_catalogue
from tests.test_report import SHANGHAI, at, lines, put_contacts, report


@pytest.fixture
def site(request: pytest.FixtureRequest, store: Client) -> str:
    """Four contacts with topics on two days, and one without."""
    site = str(request.node.name)
    put_contacts(
        store,
        site,
        {"topics": ["fee"], "queue": "a"},
        {"topics": ["fee", "network"], "queue": "a"},
        {"topics": ["network"], "queue": "b"},
        {"topics": [], "queue": "b"},
        {"topics": ["fee"], "queue": "b", "started_at": at(day=1)},
    )
    return site


def test_a_share_is_of_all_contacts_with_a_topic(store: Client, site: str) -> None:
    asked = ("mention_rate", "n = mention_count", "of = topical_count + mention_count * 0")
    total = report(store, site, *asked, by="total", group=["topic"])
    # Two of four and three of four: 125 % in sum, for one contact has both.
    assert lines(total) == [("total", "fee", 75.0, 3, 4), ("total", "network", 50.0, 2, 4)]
    # By day, of the day's three contacts, and of one.
    assert lines(report(store, site, "mention_rate", group=["topic"])) == [
        ("2026-01-05", "fee", 66.67),
        ("2026-01-05", "network", 66.67),
        ("2026-01-06", "fee", 100.0),
    ]


def test_a_share_within_another_group_is_of_that_group(store: Client, site: str) -> None:
    table = report(store, site, "mention_rate", by="total", group=["topic", "queue"])
    assert lines(table) == [
        ("total", "fee", "a", 100.0),
        ("total", "fee", "b", 50.0),
        ("total", "network", "a", 50.0),
        ("total", "network", "b", 50.0),
    ]
    # Not by topic, every contact with a topic mentions one.
    by_queue = report(store, site, "mention_rate", by="total", group=["queue"])
    assert lines(by_queue) == [("total", "a", 100.0), ("total", "b", 100.0)]


def test_a_whole_alone_is_not_divided(store: Client, site: str) -> None:
    assert lines(report(store, site, "n = topical_count", by="total")) == [("total", 4)]
    with pytest.raises(ConfigError, match="n is not kept by topic; it can be grouped by queue"):
        report(store, site, "n = topical_count", by="total", group=["topic"])


def test_both_the_part_and_the_whole_are_behind_it(store: Client, site: str) -> None:
    asked = Report(["mention_rate"], site, SHANGHAI, group=["topic"], catalogue=load_catalogue())
    found = explain(asked, {"topic": "network"}, store, 9)
    assert (found.value, found.filled) == (50.0, "2 / 4 * 100")
    assert [facts.found for facts in found.facts] == [2, 4]


def test_on_a_board(store: Client, site: str) -> None:
    sql = grouped(["mention_rate"], "topic").replace("${site:singlequote}", f"'{site}'")
    sql = sql.replace("$__timeFilter_ms(t.started_at)", "1")
    assert sorted(store.execute(sql)) == [("fee", 75.0, 4), ("network", 50.0, 4)]
