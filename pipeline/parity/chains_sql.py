"""Customers' histories flow in, what follows what in them flows out: base rows, as SQL.

- *One contact* is what begins less than the configured time after the end of all before it, or has
  the `root_contact_id` of the part before it: calls, chats, and tickets that name no contact.
- *What repeats what* is found by window functions over a customer's contacts, or complaints, of one
  issue in order of time. Windows are those of the configuration that was in force at the first
  record of the contact, ticket or escalation which counts.
"""

from __future__ import annotations

from pipeline.parity.contacts_sql import stepwise
from pipeline.parity.histories_sql import CONTACTS, ESCALATIONS, TICKETS, rules

CONTACT_DIMENSIONS = ("queue", "channel", "call_type", "agent_id", "team", "topic", "product")
CONTACT_SUMS = (
    *("traced", "contacted_again", "traced_issue", "followed_same", "repeats"),
    *("complaint_contacts", "complaints_passed_on"),
)
COMPLAINT_DIMENSIONS = (
    *("channel", "priority", "department", "team", "owner", "category", "topic", "product"),
    *("region", "body"),
)
COMPLAINT_SUMS = (
    *("complaints_traced", "complaints_issue", "repeat_complaints", "third_complaints"),
    *("settled", "settled_in_vain", "auto_answered", "auto_answered_in_vain", "threats"),
    *("threats_carried_out", "escalations_traced", "escalations_after_contact"),
    *("escalations_after_ticket", "complaint_to_escalation_ms"),
)
COMPLAINT_HISTOGRAMS = ("complaint_to_escalation_bins",)

FAMILIES = {
    "contact_chains": (CONTACT_DIMENSIONS, CONTACT_SUMS),
    "complaint_chains": (COMPLAINT_DIMENSIONS, (*COMPLAINT_SUMS, *COMPLAINT_HISTOGRAMS)),
}
"""Each family's dimensions and measures."""
MOST_ENTRIES = 300
"""Of a customer with more only the stream knows what it has forgotten."""

EPISODES, COUNTED = "parity_his_episodes", "parity_chain_counts"

_PART = "cityHash64(shard, subject) %% %(parts)s = %(part)s"
_SETS: dict[str, dict[str, tuple[str, ...]]] = {
    "contact_chains": {
        "site": (),
        "queue": ("queue", "channel", "call_type"),
        "agent": ("agent_id", "team"),
        "topic": ("topic", "product"),
    },
    "complaint_chains": {
        "site": (),
        "team": ("department", "team"),
        "owner": ("owner",),
        "topic": ("category", "topic", "product"),
        "service": ("channel", "priority"),
        "region": ("region",),
        "body": ("body",),
    },
}


def create_counted() -> str:
    """SQL for the table in which counts are added up."""
    return f"""
CREATE TEMPORARY TABLE {COUNTED} (
    family String, dims String, known Array(String), measure String, bin UInt16, minute Int64,
    value Int64) ENGINE = Memory"""


_IN_ORDER = "PARTITION BY shard, subject ORDER BY at, family, id"


def episodes() -> str:
    """SQL for the contacts of some customers, each put together from its parts."""
    parts = f"""
SELECT shard, subject, 'contact' AS family, id, at, until, root, known, complaint, issues,
    known_values, rules FROM {CONTACTS} WHERE {_PART}
UNION ALL
SELECT shard, subject, 'ticket' AS family, id, at, at AS until, concat('ticket ', id) AS root,
    known, 0::UInt8 AS complaint, issues,
    ['', known_values[1], '', '', '', known_values[7], known_values[8]] AS known_values, rules
FROM {TICKETS} WHERE contact = '' AND NOT merged AND {_PART}
"""
    return f"""
SELECT
    shard, subject, n, max(known) AS is_known, max(complaint) AS is_complaint,
    arrayDistinct(arrayFlatten(groupArray(issues))) AS about,
    groupArray((family, id)) AS parts,
    argMin((at, rules, known_values), (at, family, id)) AS head
FROM (
    SELECT *, sum(is_new) OVER ({_IN_ORDER} ROWS UNBOUNDED PRECEDING) AS n
    FROM (
        SELECT *, place = 1 OR at - over >= same_contact_ms AND root != root_before AS is_new
        FROM (
            SELECT
                *, row_number() OVER ({_IN_ORDER}) AS place,
                lagInFrame(root) OVER ({_IN_ORDER}) AS root_before,
                max(until) OVER ({_IN_ORDER} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
                    AS over
            FROM ({parts})
        ) AS p
        LEFT JOIN ({rules()}) AS r USING (rules)
    )
)
GROUP BY shard, subject, n
"""


def _sizes() -> str:
    """How many entries each customer has."""
    entries = " UNION ALL ".join(
        f"SELECT shard, subject FROM {table} WHERE {_PART}"
        for table in (CONTACTS, TICKETS, ESCALATIONS)
    )
    return f"SELECT shard, subject, count() AS entries FROM ({entries}) GROUP BY shard, subject"


def contact_counts() -> str:
    """SQL for what the contacts of some customers count as, from `EPISODES`."""
    of_issue = "PARTITION BY shard, subject, issue ORDER BY n"
    about = f"""
SELECT shard, subject, n, min(next_at) AS next_at, max(last_at) AS last_at
FROM (
    SELECT
        shard, subject, n,
        if(leadInFrame(1) OVER ({of_issue} ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING) = 1,
           leadInFrame(at) OVER ({of_issue} ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING),
           4611686018427387904) AS next_at,
        if(row_number() OVER ({of_issue}) = 1, -4611686018427387904,
           lagInFrame(at) OVER ({of_issue})) AS last_at
    FROM (SELECT shard, subject, n, head.1 AS at, issue FROM {EPISODES} ARRAY JOIN about AS issue)
)
GROUP BY shard, subject, n
"""
    of_customer = "PARTITION BY shard, subject ORDER BY n"
    # A ticket comes of the contact that it names, or of that of which it is itself a part.
    passed_on = f"""
SELECT shard, subject, n, max(NOT (finished > 0 AND finished <= until)
    OR passed_on > 0 AND passed_on <= until) AS is_passed_on
FROM (
    SELECT e.shard AS shard, e.subject AS subject, n, head.1 + front_line_ms AS until, part
    FROM (SELECT *, head.2 AS rules FROM {EPISODES} WHERE is_complaint) AS e
    LEFT JOIN ({rules()}) AS r USING (rules)
    ARRAY JOIN parts AS part
) AS p
INNER JOIN (
    SELECT *, if(contact = '', ('ticket', id), ('contact', contact)) AS part
    FROM {TICKETS} WHERE NOT merged AND {_PART}
) AS t USING (shard, subject, part)
GROUP BY shard, subject, n
"""
    whole = stepwise(
        f"""
        SELECT * FROM (
            SELECT *, head.1 AS at, head.2 AS rules, head.3 AS known_values,
                notEmpty(about) AS is_told
            FROM {EPISODES}) AS e
        LEFT JOIN ({rules()}) AS r USING (rules)
        LEFT JOIN ({about}) AS a USING (shard, subject, n)
        LEFT JOIN ({passed_on}) AS p USING (shard, subject, n)
        LEFT JOIN ({_sizes()}) AS s USING (shard, subject)
        """,
        f"""
        entries > {MOST_ENTRIES} AS is_long,
        leadInFrame(at) OVER ({of_customer} ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING) AS following,
        leadInFrame(1) OVER ({of_customer} ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING) = 1
            AS is_followed
        """,
    )
    counts = {
        "traced": "is_known",
        "contacted_again": "is_known AND is_followed AND following - at <= next_contact_ms",
        "traced_issue": "is_known AND is_told",
        "followed_same": "is_known AND is_told AND next_at - at <= resolution_ms",
        "repeats": "is_known AND is_told AND at - last_at <= resolution_ms",
        "complaint_contacts": "is_complaint",
        "complaints_passed_on": "is_complaint AND is_passed_on",
    }
    listed = ", ".join(
        f"('{name}', 0::UInt16, at, toInt64({when}))" for name, when in counts.items()
    )
    return _counted("contact_chains", whole, f"[{listed}]")


def complaint_counts() -> tuple[str, str]:
    """SQL for what the complaints, and the escalations, of some customers count as."""
    of_issue = "PARTITION BY shard, subject, issue ORDER BY at, id"
    others = f"""
SELECT
    shard, subject, groupArrayIf(at, kind = 'helped') AS helped_at,
    groupArrayIf(at, kind IN ('helped', 'contact')) AS contacted_at,
    groupArrayIf(at, kind = 'ticket') AS complained_at,
    groupArrayIf(at, kind = 'outside') AS outside_at
FROM (
    SELECT shard, subject, at, if(helped, 'helped', 'contact') AS kind FROM {CONTACTS} WHERE {_PART}
    UNION ALL
    SELECT shard, subject, at, 'ticket' AS kind FROM {TICKETS} WHERE NOT merged AND {_PART}
    UNION ALL
    SELECT shard, subject, at, 'outside' AS kind FROM {ESCALATIONS} WHERE {_PART}
)
GROUP BY shard, subject
"""
    in_windows = stepwise(
        f"""
        SELECT *
        FROM (SELECT *, issues[1] AS issue FROM {TICKETS} WHERE known AND NOT merged AND {_PART})
            AS t
        LEFT JOIN ({rules()}) AS r USING (rules)
        """,
        f"""
        1 + arrayCount(b -> at - b <= complaint_ms, groupArray(at) OVER (
            {of_issue} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) AS nth,
        leadInFrame(at) OVER ({of_issue} ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING) AS following,
        leadInFrame(1) OVER ({of_issue} ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING) = 1
            AS is_followed
        """,
        f"lagInFrame(nth) OVER ({of_issue}) AS nth_before",
    )
    tickets_ = f"""
SELECT *, entries > {MOST_ENTRIES} AS is_long
FROM ({in_windows}) AS w
LEFT JOIN ({others}) AS o USING (shard, subject)
LEFT JOIN ({_sizes()}) AS s USING (shard, subject)
"""
    counts = (
        ("complaints_traced", "at", "1"),
        ("complaints_issue", "at", "issue != ''"),
        ("repeat_complaints", "at", "issue != '' AND nth > 1"),
        ("third_complaints", "at", "issue != '' AND nth >= 3 AND nth_before < 3"),
        ("settled", "finished", "issue != '' AND finished > 0"),
        (
            "settled_in_vain",
            "finished",
            "issue != '' AND finished > 0 AND ("
            "reopened > 0 AND reopened - finished <= complaint_ms "
            "OR is_followed AND following - finished <= complaint_ms)",
        ),
        ("auto_answered", "auto_at", "auto_at > 0"),
        (
            "auto_answered_in_vain",
            "auto_at",
            "auto_at > 0 AND (replied >= auto_at AND replied - auto_at <= front_line_ms OR "
            "arrayExists(h -> h > auto_at AND h - auto_at <= front_line_ms, helped_at))",
        ),
        ("threats", "threat_at", "threat_at > 0"),
        (
            "threats_carried_out",
            "threat_at",
            "threat_at > 0 AND "
            "arrayExists(e -> e >= threat_at AND e - threat_at <= threat_ms, outside_at)",
        ),
    )
    listed = ", ".join(f"('{n}', 0::UInt16, {at}, toInt64({when}))" for n, at, when in counts)
    outside = stepwise(
        f"""
        SELECT *, entries > {MOST_ENTRIES} AS is_long
        FROM (SELECT * FROM {ESCALATIONS} WHERE known AND {_PART}) AS e
        LEFT JOIN ({rules()}) AS r USING (rules)
        LEFT JOIN ({others}) AS o USING (shard, subject)
        LEFT JOIN ({_sizes()}) AS s USING (shard, subject)
        """,
        """
        arrayExists(c -> c < at AND at - c <= look_back_ms, contacted_at) AS is_after_contact,
        arrayFilter(c -> c < at AND at - c <= look_back_ms, complained_at) AS complained
        """,
        "if(empty(complained), 0, at - arrayMin(complained)) AS took",
    )
    bin_ = "greatest(1, ceil(log(took) / log(1.01 / 0.99)))"
    outside_listed = f"""[
        ('escalations_traced', 0::UInt16, at, 1::Int64),
        ('escalations_after_contact', 0::UInt16, at, toInt64(is_after_contact)),
        ('escalations_after_ticket', 0::UInt16, at, toInt64(took > 0)),
        ('complaint_to_escalation_ms', 0::UInt16, at, took),
        ('complaint_to_escalation_bins', toUInt16(if(took > 0, {bin_}, 0)), at, toInt64(took > 0))]
    """
    of_tickets = ("team", "owner", "topic", "service", "region")
    return (
        _counted("complaint_chains", tickets_, f"[{listed}]", ("body",)),
        _counted("complaint_chains", outside, outside_listed, of_tickets),
    )


def _counted(family: str, source: str, counts: str, but: tuple[str, ...] = ()) -> str:
    """SQL for counts by row of each dimension set, `but` some: (measure, bin, moment, value)."""
    dimensions = CONTACT_DIMENSIONS if family == "contact_chains" else COMPLAINT_DIMENSIONS
    sets = []
    for dims, columns in _SETS[family].items():
        if dims not in but:
            values = (
                f"known_values[{i}]" if name in columns else "''"
                for i, name in enumerate(dimensions, 1)
            )
            sets.append(f"('{dims}', [{', '.join(values)}])")
    return f"""
SELECT
    '{family}' AS family, place.1 AS dims, place.2 AS known,
    concat(counted.1, if(is_long, '?', '')) AS measure, counted.2 AS bin,
    toInt64(floor(counted.3 / 60000) * 60) AS minute, sum(counted.4) AS value
FROM (SELECT is_long, known_values, {counts} AS counts, [{", ".join(sets)}] AS places
      FROM ({source}))
ARRAY JOIN arrayFilter(c -> c.4 != 0, counts) AS counted
ARRAY JOIN arrayFilter(p -> p.1 != 'agent' OR known_values[4] != '', places) AS place
GROUP BY dims, known, measure, bin, minute
"""


def rows(family: str) -> str:
    """SQL for every recomputed count of a family whose minute lies in the span, from `COUNTED`."""
    dimensions = CONTACT_DIMENSIONS if family == "contact_chains" else COMPLAINT_DIMENSIONS
    columns = ", ".join(f"known[{i}] AS {name}" for i, name in enumerate(dimensions, 1))
    return f"""
SELECT dims, minute, {columns}, measure, bin, value
FROM {COUNTED}
WHERE family = '{family}' AND minute * 1000 >= %(row_from)s AND minute * 1000 < %(row_to)s
"""


def stored(family: str) -> str:
    """SQL for the same counts as they are stored; parameters `site`, `row_from`, `row_to`."""
    of_contacts = family == "contact_chains"
    dimensions = CONTACT_DIMENSIONS if of_contacts else COMPLAINT_DIMENSIONS
    table = "contact_chain_minutes" if of_contacts else "complaint_chain_minutes"
    sums = CONTACT_SUMS if of_contacts else COMPLAINT_SUMS
    listed = ", ".join(f"('{name}', 0::UInt16, {name})" for name in sums)
    bins = ", ".join(
        f"arrayMap((b, n) -> ('{name}', b, n), mapKeys({name}), mapValues({name}))"
        for name in (() if of_contacts else COMPLAINT_HISTOGRAMS)
    )
    measures = f"arrayConcat([{listed}], {bins})" if bins else f"[{listed}]"
    return f"""
SELECT
    dims, toInt64(toUnixTimestamp(minute)) AS minute, {", ".join(dimensions)},
    counted.1 AS measure, counted.2 AS bin, counted.3 AS value
FROM {table} FINAL
ARRAY JOIN arrayFilter(m -> m.3 != 0, {measures}) AS counted
WHERE site = %(site)s
  AND toUnixTimestamp(minute) >= intDiv(%(row_from)s, 1000)
  AND toUnixTimestamp(minute) < intDiv(%(row_to)s, 1000)
"""
