"""What report and boards build their queries from: samples, selections and limits."""

from __future__ import annotations

import pytest

from schemas.catalogue import load_catalogue
from schemas.formula import denominator, parse, to_sql
from schemas.measures import Text
from schemas.selection import NotKeptError, select

CATALOGUE = load_catalogue()
NAMES = {"a", "b", "c"}


@pytest.mark.parametrize(
    ("text", "below"),
    [
        ("a / b", "b"),
        ("(a - c) / (b - c) * 100", "(b - c)"),
        ("a / b / 1000", "b"),
        ("a / b + c", None),
        ("a", None),
    ],
)
def test_a_ratio_rests_on_its_denominator(text: str, below: str | None) -> None:
    found = denominator(parse(text, NAMES))
    assert (None if found is None else to_sql(found, str)) == below


def test_the_smallest_set_that_fits_is_read() -> None:
    answered = CATALOGUE.compile("answered / offered")
    assert [rows.dimension_set for rows in select(CATALOGUE, answered, [])] == ["site"]
    assert [rows.dimension_set for rows in select(CATALOGUE, answered, ["queue"])] == ["queue"]
    # Offers have no agent, so they are not kept by agent.
    with pytest.raises(NotKeptError, match="is not kept by agent_id; it can be grouped by"):
        select(CATALOGUE, answered, ["agent_id"])


def test_families_are_broken_down_by_what_each_of_them_keeps() -> None:
    rate = CATALOGUE.compile("complaints / answered")
    chosen = {rows.name: rows.dimension_set for rows in select(CATALOGUE, rate, ["region"])}
    assert chosen == {"calls": "product", "tickets": "region"}
    assert [rows.dimension_set for rows in select(CATALOGUE, rate)] == ["site", "site"]
    per_agent = CATALOGUE.compile("handled / ready_ms")
    assert {rows.dimension_set for rows in select(CATALOGUE, per_agent, ["agent_id"])} == {"agent"}
    with pytest.raises(NotKeptError, match="by queue; it can be grouped by team, agent_id"):
        select(CATALOGUE, per_agent, ["queue"])


def test_a_metric_with_a_least_sample_says_what_it_rests_on() -> None:
    """Quantiles are the exception: their sample is no part of the formula."""
    for name, metric in CATALOGUE.metrics.items():
        texts = metric.formulas().values() if metric.min_sample else ()
        for text in texts:
            tree = CATALOGUE.compile(text).tree
            assert denominator(tree) is not None or name == "wait_p90", name


@pytest.mark.parametrize(
    ("direction", "warn", "crit"), [("H", 70, 80), ("L", 10, 5), ("N", 5, 10), ("H", 80, 80)]
)
def test_limits_run_against_the_direction(direction: str, warn: float, crit: float) -> None:
    metric = CATALOGUE.metrics["asa"].model_dump()
    limits = {"warn": warn, "crit": crit}
    with pytest.raises(ValueError, match="direction H with crit below warn, or L or B"):
        type(CATALOGUE.metrics["asa"]).model_validate(
            {**metric, "name": Text(zh="x", en="x"), "direction": direction, "limits": limits}
        )
