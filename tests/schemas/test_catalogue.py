"""metrics.yaml: worked vectors through both compiled forms, and what a bad file is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from schemas.catalogue import (
    Catalogue,
    Formula,
    extend_catalogue,
    load_catalogue,
    read_catalogue,
)
from schemas.documents import DocumentError
from schemas.formula import FormulaError, to_python, to_sql
from schemas.measures import FactMeasure, Text

Ask = Callable[[str], list[list[Any]]]


def formula_of(spec: str) -> Formula:
    metric_id, _, variant = spec.partition(":")
    metric = load_catalogue().metrics[metric_id]
    return load_catalogue().compile(metric.formulas()[variant or metric.default])


def both(ask: Ask, spec: str, totals: dict[str, int]) -> float:
    """Compute a metric in Python and in SQL; they must agree."""
    tree = formula_of(spec).tree
    python = to_python(tree)(totals)
    row = ", ".join(f"toInt64({value}) AS {name}" for name, value in totals.items())
    assert ask(f"SELECT {to_sql(tree, str)} FROM (SELECT {row})")[0][0] == python
    assert python is not None
    return python


# spec/metrics.md, "Service level: same data, six answers": threshold 20 s, short <= 5 s.
# Answered in 20 s 70, later 20: 90. Abandoned 5 short, 5 in 5-20 s, 10 later: 20, of which
# in threshold 5 + 5 = 10. Flow-outs 10. Offered 90 + 20 + 10 = 120.
VECTOR = {
    "sl_offered": 120,
    "answered": 90,
    "answered_in_threshold": 70,
    "abandoned": 20,
    "short_abandoned": 5,
    "abandoned_in_threshold": 10,
    "flow_out": 10,
    "callbacks_in_threshold": 0,
}


@pytest.mark.parametrize(
    ("variant", "percent"),
    [
        ("V1", 60.87),  # 70 / (120 - 5)
        ("V2", 58.33),  # 70 / 120
        ("V3", 66.67),  # 70 / (90 + 20 - 5)
        ("V3_short_in", 63.64),  # 70 / (90 + 20)
        ("V3_flow_out_in", 58.33),  # 70 / (90 + 20 + 10)
        ("V4", 66.67),  # (70 + 10 + 0) / 120
        ("V5_ignored", 63.64),  # 70 / (115 - 5)
        ("V5_positive", 65.22),  # (70 + 5) / 115
        ("V6", 77.78),  # 70 / 90
    ],
)
def test_service_level_same_data_six_answers(ask: Ask, variant: str, percent: float) -> None:
    assert round(both(ask, f"service_level:{variant}", VECTOR), 2) == percent


def test_service_level_is_v1_unless_named(ask: Ask) -> None:
    assert formula_of("service_level") == formula_of("service_level:V1")


@pytest.mark.parametrize(
    ("variant", "percent"), [("V5_ignored", 77.8), ("V1", 70.0), ("V5_positive", 80.0)]
)
def test_cisco_published_check(ask: Ask, variant: str, percent: float) -> None:
    # metrics.md: 70 in, 10 abandoned in, 20 exceeded: 70 / 90, 70 / 100, 80 / 100; no short limit.
    cisco = VECTOR | {"sl_offered": 100, "short_abandoned": 0, "abandoned_in_threshold": 10}
    assert round(both(ask, f"service_level:{variant}", cisco), 1) == percent


def test_genesys_forum_check(ask: Ask) -> None:
    # metrics.md: 200 / ((300 + 100) - 50) = 57.14 %.
    genesys = {"answered_in_threshold": 200, "answered": 300}
    genesys |= {"abandoned": 100, "short_abandoned": 50}
    assert round(both(ask, "service_level:V3", genesys), 2) == 57.14


@pytest.mark.parametrize(
    ("spec", "totals", "value"),
    [
        # 90 / (120 - 5) of the vector above.
        ("answer_rate", {"answered": 90, "offered": 120, "short_abandoned": 5}, 78.26),
        # (20 - 5) / (120 - 5); 20 / 120; (20 - 5) / (90 + 20 - 5).
        ("abandon_rate", {"abandoned": 20, "offered": 120, "short_abandoned": 5}, 13.04),
        ("abandon_rate:all", {"abandoned": 20, "offered": 120}, 16.67),
        (
            "abandon_rate:of_outcomes",
            {"abandoned": 20, "handled": 90, "short_abandoned": 5},
            14.29,
        ),
        ("short_abandon_rate", {"short_abandoned": 5, "offered": 120}, 4.17),
        # 3 calls waited 0, 5 and 10 s: 15,000 ms / 3.
        ("asa", {"wait_answered_ms": 15_000, "answered": 3}, 5.0),
        # 4 + 26 s abandoned, the first one short: 26 s / 1; all: 30 s / 2.
        (
            "time_to_abandon",
            {
                "wait_abandoned_ms": 30_000,
                "wait_short_ms": 4_000,
                "abandoned": 2,
                "short_abandoned": 1,
            },
            26.0,
        ),
        ("time_to_abandon:all", {"wait_abandoned_ms": 30_000, "abandoned": 2}, 15.0),
        # 2 calls: talk 100 + 200, hold 0 + 30, after-call 20 + 10: 360 s / 2.
        ("aht", {"talk_ms": 300_000, "hold_ms": 30_000, "acw_ms": 30_000, "handled": 2}, 180.0),
        ("talk_time", {"talk_ms": 300_000, "handled": 2}, 150.0),
        ("hold_time", {"hold_ms": 30_000, "held": 1}, 30.0),
        ("hold_time:handled", {"hold_ms": 30_000, "handled": 2}, 15.0),
        ("hold_rate", {"held": 1, "handled": 2}, 50.0),
        ("acw", {"acw_ms": 30_000, "handled": 2}, 15.0),
        ("transfer_rate", {"transferred": 1, "handled": 8}, 12.5),
        ("flow_out_rate", {"flow_out": 10, "offered": 120}, 8.33),
        ("callback_done", {"callbacks_done": 19, "callbacks_requested": 20}, 95.0),
        ("max_wait", {"wait_max_ms": 61_500}, 61.5),
        # 3 of 60 contacts are about a complaint.
        ("complaint_share", {"complaint_contact_count": 3, "contact_count": 60}, 5.0),
        # 12 complaints of 80,000 answered contacts; 90 handled in 7.5 hours logged in.
        ("complaint_rate_calls", {"complaints": 12, "answered": 80_000}, 1.5),
        (
            "contacts_per_hour",
            {"handled": 90, "ready_ms": 9_000_000, "talking_ms": 18_000_000}
            | dict.fromkeys(("ringing_ms", "holding_ms", "wrap_up_ms", "break_ms"), 0)
            | dict.fromkeys(("not_ready_ms", "unmapped_ms"), 0),
            12.0,
        ),
        ("open_per_handler", {"backlog": 30, "logged_in_now": 12}, 2.5),
        ("unmatched", {"unmatched": 1, "offered": 8}, 12.5),
        ("handler_timely", {"deadline_met_count": 19, "deadline_count": 20}, 95.0),
        # 30 open, 42 resolved in 14 days are 3 a day: ten days. 12 of the 30 are a day old.
        ("backlog_days", {"backlog": 30, "done_14d": 42}, 10.0),
        ("backlog_0_1d", {"backlog": 30, "backlog_1d": 12}, 18.0),
        ("backlog_1_3d", {"backlog_1d": 12, "backlog_3d": 5}, 7.0),
        # requirements.md G6: 1 per 10,000 of 1,000,000 a month are 100, and 1,200 a year.
        ("serious_rate", {"serious": 100, "answered": 1_000_000}, 1.0),
        ("serious_projection", {"serious": 100, "answered": 1_000_000}, 1_200.0),
        # 10.00 + 20.50 in hundredths, of four closed: 30.50 / 4.
        ("compensation_cost", {"compensation": 3_050, "closed": 4}, 7.62),
        ("compensation_cost:of_compensated", {"compensation": 3_050, "compensated": 2}, 15.25),
        ("three_rate_response", {"said_contacted": 3, "dispatched": 8}, 37.5),
        ("three_rate_response:of_asked", {"said_contacted": 3, "contact_asked": 4}, 75.0),
    ],
)
def test_hand_arithmetic(ask: Ask, spec: str, totals: dict[str, int], value: float) -> None:
    assert round(both(ask, spec, totals), 2) == value


def test_a_customer_counts_once_however_many_tickets_he_has(ask: Ask) -> None:
    measure = FactMeasure(value="distinct(who)", description=Text(zh="人", en="people"))
    rows = "SELECT arrayJoin(['a', 'a', 'b', '']) AS who"
    assert ask(f"SELECT {measure.sql('t')} FROM ({rows}) AS t") == [[2]]


def test_a_quiet_period_has_no_rates() -> None:
    """metrics.md, convention 2: some products show 100 % when there were no calls."""
    for metric in load_catalogue().metrics.values():
        for text in metric.formulas().values():
            compiled = load_catalogue().compile(text)
            if metric.unit == "%":
                assert to_python(compiled.tree)(dict.fromkeys(compiled.measures, 0)) is None


def test_units_and_formulas_agree() -> None:
    """Percentages multiply by 100, times divide milliseconds, counts do neither.

    Some are shares of time, and what is done per hour is divided by one. The days of a backlog
    are tickets divided by tickets a day.
    """
    endings = {
        "%": " * 100",
        "s": " / 1000",
        "min": " / 60000",
        "h": " / 3600000",
        "d": " / 86400000",
        "per 10k": " * 10000",
        "per M": " * 1000000",
    }
    by_time = {"occupancy", "contacts_per_hour", "dept_share_time"}
    for metric_id, metric in load_catalogue().metrics.items():
        for text in metric.formulas().values() if metric_id != "backlog_days" else ():
            assert text.endswith(endings.get(metric.unit, "")), metric_id
            is_duration = "_ms" in text or "_bins" in text
            of_time = metric.unit in {"s", "min", "h", "d"} or metric_id in by_time
            assert is_duration == of_time, metric_id


def test_a_formula_knows_which_families_it_reads() -> None:
    compiled = load_catalogue().compile("wait_max_ms / answered + handled")
    assert compiled.families == ("calls", "exits")
    assert list(compiled.of("calls")) == ["answered", "handled"]
    with pytest.raises(FormulaError, match="reads at least one measure"):
        load_catalogue().compile("100")


# A file that is right, into which each case below puts one mistake.
GOOD = """\
format: 1
families:
  calls:
    source: rows
    table: call_minutes
    presence: [offered]
    dimensions: [queue]
    sets: {site: [], queue: [queue]}
    measures:
      offered: {cutoff: entry, description: {zh: 来电, en: offered}}
      answered: {cutoff: exit, description: {zh: 接通, en: answered}}
  facts:
    source: facts
    table: contacts
    time: started_at
    dimensions: [queue]
    measures:
      longest: {value: max(wait_ms), unit: ms, description: {zh: 最长, en: longest}}
metrics:
  answer_rate:
    section: A
    name: {zh: 接通率, en: Answer rate}
    description: {zh: 接通比来电, en: answered by offered}
    formula: answered / offered * 100
    unit: '%'
    direction: H
    dimension: C
    stage: F
"""


def test_the_good_file_is_good() -> None:
    assert isinstance(read_catalogue("m.yaml", GOOD), Catalogue)


@pytest.mark.parametrize(
    ("right", "wrong", "problem"),
    [
        (
            "answered / offered",
            "answered / ofered",
            "m.yaml:24: metrics.answer_rate.formula: 'answered / ofered * 100', column 12: "
            "no measure 'ofered'; did you mean 'offered'?",
        ),
        (
            "    formula:",
            "    formular:",
            "m.yaml:24: metrics.answer_rate.formular: unknown key; did you mean 'formula'?",
        ),
        (
            "    formula: answered / offered * 100\n",
            "",
            "m.yaml:20: metrics.answer_rate: give exactly one of formula, variants, missing",
        ),
        (
            "name: {zh: 接通率, en: Answer rate}",
            "name: {zh: 接通率}",
            "m.yaml:22: metrics.answer_rate.name: 'en' is missing; add it",
        ),
        (
            "direction: H",
            "direction: up",
            "m.yaml:26: metrics.answer_rate.direction: 'up': input should be 'H', 'L', 'B' or 'N'",
        ),
        (
            "      longest:",
            "      answered:",
            "m.yaml:18: families.facts.measures.answered: 'answered' exists in calls too",
        ),
        (
            "max(wait_ms)",
            "median(wait_ms)",
            "m.yaml:18: families.facts.measures.longest.value: 'median(wait_ms)': "
            "'median(wait_ms)' is not an aggregate: write count, sum(column)",
        ),
        (
            "      answered: {cutoff: exit,",
            "      answered: {cutoff: exit, kind: max,",
            "families.calls.measures.answered.kind: 'max': merge kind 'max' is reserved",
        ),
        ("queue: [queue]", "queue: [queues]", "dimension set queue: 'queues' is not in ['queue']"),
        ("presence: [offered]", "presence: [calls]", "presence: no measure 'calls'"),
        (
            "    unit: '%'",
            "    unit: '%'\n    unit: s",
            "m.yaml:26: metrics.answer_rate.unit: given twice, first on line 25; keep one",
        ),
        ("metrics:\n", "metrics: [\n", "not readable as YAML"),
        ("format: 1", "format: 2", "m.yaml:1: format: 2: input should be 1"),
        ("    source: facts\n", "", "m.yaml:12: families.facts"),
    ],
)
def test_a_bad_file_is_refused_with_line_and_remedy(right: str, wrong: str, problem: str) -> None:
    assert right in GOOD
    with pytest.raises(DocumentError) as refused:
        read_catalogue("m.yaml", GOOD.replace(right, wrong, 1))
    assert problem in str(refused.value)


def test_all_problems_are_told_at_once() -> None:
    bad = GOOD.replace("direction: H", "direction: up").replace("unit: '%'", "unit: furlong")
    with pytest.raises(DocumentError) as refused:
        read_catalogue("m.yaml", bad)
    assert [problem.split(":")[1] for problem in refused.value.problems] == ["25", "26"]


VARIANTS = """    default: V1
    variants:
      V1:
        name: {zh: 一, en: one}
        formula: answered / offered * 100
"""


def test_a_default_names_one_of_the_variants() -> None:
    varied = GOOD.replace("    formula: answered / offered * 100\n", VARIANTS)
    assert read_catalogue("m.yaml", varied).metrics["answer_rate"].default == "V1"
    with pytest.raises(DocumentError, match="no variant 'V2'"):
        read_catalogue("m.yaml", varied.replace("default: V1", "default: V2"))
    with pytest.raises(DocumentError, match="variants and default go together"):
        read_catalogue("m.yaml", varied.replace("    default: V1\n", ""))
    with pytest.raises(DocumentError, match=r"variants.V1.formula: .* no measure 'ofered'"):
        read_catalogue("m.yaml", varied.replace("offered * 100", "ofered * 100"))


OWN = """\
format: 1
measures:
  entries:
    loan_calls:
      value: count
      where: {call_type: [loan, 'd''Or']}
      description: {zh: 贷款来电, en: calls about loans}
metrics:
  loan_share:
    section: own
    name: {zh: 贷款占比, en: Share of loans}
    description: {zh: 贷款来电占比, en: calls about loans by all}
    formula: loan_calls / contact_count * 100
    unit: '%'
    direction: N
    stage: F
"""


def test_a_site_adds_measures_and_metrics() -> None:
    extended = extend_catalogue(load_catalogue(), "own.yaml", OWN)
    assert extended.metrics["loan_share"].unit == "%"
    assert extended.compile("loan_calls / contact_count").families == ("entries",)
    measure = extended.families["entries"].measures["loan_calls"]
    assert isinstance(measure, FactMeasure)
    assert measure.sql("t") == r"toInt64(countIf(t.call_type IN ('loan', 'd\'Or')))"
    assert "loan_share" not in load_catalogue().metrics


@pytest.mark.parametrize(
    ("right", "wrong", "problem"),
    [
        ("  entries:", "  calls:", "own.yaml:3: measures.calls: not a family of facts"),
        ("    loan_calls:", "    answered:", "measures.entries.answered: exists in calls already"),
        ("  loan_share:", "  asa:", "own.yaml:9: metrics.asa: the catalogue defines this metric"),
        ("loan_calls /", "loans /", "own.yaml:13: metrics.loan_share.formula: 'loans /"),
    ],
)
def test_a_site_cannot_redefine_what_everyone_uses(right: str, wrong: str, problem: str) -> None:
    with pytest.raises(DocumentError) as refused:
        extend_catalogue(load_catalogue(), "own.yaml", OWN.replace(right, wrong, 1))
    assert problem in str(refused.value)
