"""Whole tickets flow in, what they count as by the site's standards flows out: SQL.

- *The standards* are those of the configuration under which the ticket began.
- *A ticket's way* is the stages that it came to, in order, until it was closed last; only stages
  that some allowed path names are looked at, and steps back. It keeps to a path that it equals.
- *Compensation* counts in the site's currency, which is also meant where none is told.
- *The standard outcomes* of a ticket are those of the narrowest of its categories that has any.
- *Rework* is an event that contradicts what was known of category, topic, product or region, two
  minutes after the first dispatch or later.
"""

from __future__ import annotations

from pipeline.parity.calls_sql import CONFIGS

SUMS = (
    *(
        "serious",
        "error_complaints",
        "dispatched",
        "reworked",
        "contact_asked",
        "said_contacted",
        "compensated",
    ),
    *("compensated_foreign", "compensation", "authority_judged", "over_authority"),
    *("outcomes_judged", "outcomes_standard", "paths_judged", "paths_kept"),
)

STANDARDS = f"""
SELECT
    rules,
    any(JSONExtractString(content, 'standards', 'currency')) AS currency_set,
    any(JSONExtract(content, 'standards', 'authority', 'Map(String, Float64)')) AS authority,
    any(JSONExtract(content, 'standards', 'outcomes', 'Map(String, Array(String))')) AS outcomes,
    any(JSONExtract(content, 'standards', 'paths', 'Array(Array(String))')) AS paths,
    any(JSONExtract(content, 'standards', 'serious', 'Array(String)')) AS serious_set,
    any(JSONHas(content, 'standards', 'service_errors')) AS has_errors,
    any(JSONExtract(content, 'standards', 'service_errors', 'Array(String)')) AS errors_set
FROM ({CONFIGS}) GROUP BY rules
"""
"""What the configurations say, by their hash."""


def _latest(field: str, of: str = "startsWith(e.type, 'ticket.')") -> str:
    """The payload that told a field last; '' where none did."""
    told = f"JSONHas(e.payload, '{field}') AND JSONType(e.payload, '{field}') != 'Null'"
    return f"arrayLast(e -> {of} AND {told}, es).payload"


def _text(field: str, of: str = "startsWith(e.type, 'ticket.')") -> str:
    return f"JSONExtractString({_latest(field, of)}, '{field}')"


TOLD = f"""
    arrayFirst(e -> e.type = 'ticket.dispatched' AND e.effect, es) AS dispatching,
    arrayLast(e -> e.type = 'ticket.closed' AND e.effect, es).k AS closing_k,
    {_text("contacted_answer", "e.type = 'followup.reached'")} AS contacted,
    {_text("outcome")} AS outcome_told,
    {_text("handler_level")} AS level_told,
    {_text("currency")} AS currency_told,
    toInt64(round(ifNull(JSONExtract({_latest("compensation_amount")}, 'compensation_amount',
        'Nullable(Decimal(20, 4))'), 0) * 100)) AS cents,
    JSONExtract({_latest("category")}, 'category', 'Array(String)') AS categories,
    if(currency_set = '', 'CNY', currency_set) AS currency_here,
    if(empty(serious_set), ['serious', 'critical'], serious_set) AS serious_severities,
    if(has_errors, errors_set, ['service_error']) AS service_errors,
    hasAny(service_errors, [{_text("root_cause")}, {_text("cause_party")}]) AS is_error,
    arrayConcat(arrayFlatten(paths), ['returned', 'reopened']) AS looked_at
"""
"""The first step: what a ticket's events `es` tell last, and what holds for it."""

JUDGED = """
    arrayExists(e -> e.other AND e.now - dispatching.now >= 120000, es) AS is_reworked,
    if(currency_told IN ('', currency_here), cents, 0) AS paid,
    mapContains(authority, level_told) AS is_limited,
    arrayFirst(c -> mapContains(outcomes, c), arrayReverse(categories)) AS standing_for,
    arrayFilter(s -> has(looked_at, s), arrayMap(e -> if(e.before = '', e.after, e.word),
        arrayFilter(e -> e.k <= closing_k AND (e.before = '' OR startsWith(e.type, 'ticket.')
            AND e.effect AND e.word NOT IN ('updated', 'replied')), es))) AS way
"""
"""The second step: how it stands to the standards."""

COUNTS = (
    ("serious", "opened_at", "after != 'merged' AND has(serious_severities, severity)", "1"),
    ("error_complaints", "opened_at", "after != 'merged' AND is_error", "1"),
    ("dispatched", "dispatching.now", "dispatching.k > 0", "1"),
    ("reworked", "dispatching.now", "dispatching.k > 0 AND is_reworked", "1"),
    ("contact_asked", "dispatching.now", "dispatching.k > 0 AND contacted != ''", "1"),
    ("said_contacted", "dispatching.now", "dispatching.k > 0 AND contacted = 'yes'", "1"),
    ("compensated", "present.5", "present.5 > 0 AND paid > 0", "1"),
    ("compensated_foreign", "present.5", "present.5 > 0 AND paid = 0 AND cents > 0", "1"),
    ("compensation", "present.5", "present.5 > 0 AND paid > 0", "paid"),
    ("authority_judged", "present.5", "present.5 > 0 AND paid > 0 AND is_limited", "1"),
    (
        *("over_authority", "present.5"),
        "present.5 > 0 AND is_limited AND paid > toInt64(round(authority[level_told] * 100))",
        "1",
    ),
    (
        *("outcomes_judged", "present.5"),
        "present.5 > 0 AND outcome_told != '' AND standing_for != ''",
        "1",
    ),
    (
        *("outcomes_standard", "present.5"),
        "present.5 > 0 AND outcome_told != '' AND has(outcomes[standing_for], outcome_told)",
        "1",
    ),
    ("paths_judged", "present.5", "present.5 > 0 AND notEmpty(paths)", "1"),
    ("paths_kept", "present.5", "present.5 > 0 AND has(paths, way)", "1"),
)
"""Each measure, when it counts, under which condition, and how much."""
