"""What the product defines: every metric of the contract, complete and in both languages."""

from __future__ import annotations

import re
from collections import Counter
from itertools import product

import pytest

from pipeline.glossary import SECTIONS
from schemas.catalogue import load_catalogue
from schemas.events import EVENT_TYPES
from schemas.measures import Text

METRICS = load_catalogue().metrics
# The ids by section. They are what sites, boards and rules call metrics by: none may vanish.
CONTRACT = {
    "A": """
        offered answered answer_rate abandoned abandon_rate short_abandon_rate queue_loss
        ring_loss route_loss service_level answered_20s asa wait_p90 time_to_abandon max_wait
        oldest_waiting calls_waiting aht talk_time hold_time hold_rate acw transfer_rate
        flow_out_rate callback_done hold_abandon ivr_containment
    """,
    "B": """
        one_stop_rate fcr_system fcr_survey repeat_call_rate next_contact_rate
        repeat_complaint_rate repeat3_customers auto_reply_containment
    """,
    "C": """
        occupancy utilization adherence conformance shrinkage agent_nonresponse agents_ready
        contacts_per_hour open_per_handler load_gini
    """,
    "D": """
        complaints complaint_rate_calls complaint_rate_users serious_rate complaint_share
        mention_rate topic_growth topic_rank affected_customers product_defect_rate
        offhours_share social_velocity sensitive_index
    """,
    "E": """
        ack_time first_response response_timely resolution_time resolution_timely legal_deadline
        overdue_open at_risk_open backlog backlog_age backlog_days closure_ratio reopen_rate
        one_time_resolution very_urgent vu_reason_missing vu_response priority_inversion
        dispatch_time return_rate handoffs completeness rework_rate consistency
        conformance_process silent_tickets upheld_rate compensation_cost over_authority
        followup_rate followup_reach followup_new_issue three_rate_response three_rate_resolve
        three_rate_satisfy
    """,
    "F": """
        internal_escalation external_escalation appeals_per_million pre_esc_contact
        pre_esc_ticket escape_rate in_process_escalation interception_rate threat_conversion
        accountable_escalation days_to_escalation
    """,
    "G": """
        promise_kept dept_answer_accepted interface_timely suggestions_adopted dept_timely
        dept_answer_time dept_share_time urges_per_task urge_effect leader_supervised
        interface_coverage problems_open problem_timely recurrence_rate measure_effect
        proactive_rate remedy_time error_complaints
    """,
    "H": """
        csat_t2b csat_mean csat_dimension importance_gap dsat nps ces survey_response
        margin_of_error recovery_rate loyalty_recovered negative_sentiment tm p_delta tier
        value_at_risk
    """,
    "I": """
        qa_score critical_accuracy handler_timely handler_otr handler_csat handler_leakage
        attributed_complaints
    """,
    "J": """
        freshness late_rate duplicate_rate rejected unmatched parity alert_delay mtta
        alert_precision alerts_per_day
    """,
}
WITHOUT_A_CELL = "J"


def test_every_metric_of_the_contract_is_defined_in_its_section() -> None:
    assert sum(len(ids.split()) for ids in CONTRACT.values()) == 155
    for section, ids in CONTRACT.items():
        assert {name: METRICS[name].section for name in ids.split()} == dict.fromkeys(
            ids.split(), section
        )
    assert {metric.section for metric in METRICS.values()} == set(SECTIONS) == set(CONTRACT)


@pytest.mark.parametrize("name", METRICS)
def test_needs_name_events_and_fields_that_exist(name: str) -> None:
    assert METRICS[name].needs or METRICS[name].section == WITHOUT_A_CELL
    for need in METRICS[name].needs:
        [event] = [event for event in EVENT_TYPES if f"{need}.".startswith(f"{event}.")]
        field = need.removeprefix(event).removeprefix(".")
        assert field in ("", *EVENT_TYPES[event].model_fields), need


@pytest.mark.parametrize("name", [n for n, metric in METRICS.items() if metric.missing])
def test_what_is_missing_is_named(name: str) -> None:
    """metrics.md, convention 2: a metric whose source field does not exist names the field."""
    metric = METRICS[name]
    assert metric.missing is not None
    assert metric.missing.en.startswith("needs ")
    assert metric.missing.zh.startswith("需要")


def test_key_metrics_fill_the_nine_cells() -> None:
    """R10: customer, enterprise, employee, each in front, internal and backward work."""
    stages = {"all": "FIB"}
    filled = Counter(
        (str(metric.dimension), stage)
        for metric in METRICS.values()
        if metric.tier == "K"
        for stage in stages.get(metric.stage, metric.stage)
    )
    assert {cell for cell in product("CEY", "FIB") if not filled[cell]} == set()


def test_only_the_pipelines_own_metrics_have_no_cell() -> None:
    for name, metric in METRICS.items():
        assert (metric.dimension is None) == (metric.section == WITHOUT_A_CELL), name


def test_every_text_is_in_both_languages() -> None:
    def texts(value: object) -> list[Text]:
        if isinstance(value, Text):
            return [value]
        if isinstance(value, dict):
            return [text for item in value.values() for text in texts(item)]
        fields = getattr(type(value), "model_fields", {})
        return [text for name in fields for text in texts(getattr(value, name))]

    found = texts(dict(METRICS)) + texts(dict(load_catalogue().families))
    assert len(found) > 700
    for text in found:
        is_chinese = any("\u4e00" <= sign <= "\u9fff" for sign in text.zh)
        assert is_chinese or not re.search("[A-Za-z]", text.zh), text
        assert not any("\u4e00" <= sign <= "\u9fff" for sign in text.en), text


def test_names_are_given_once() -> None:
    for names in ([m.name.zh for m in METRICS.values()], [m.name.en for m in METRICS.values()]):
        assert [name for name, count in Counter(names).items() if count > 1] == []
