"""What the tables hold, as names: sinks insert by these tuples, tests compare them with the engine.

Tables are written by hand in `migrations/`; base families are declared once, in metrics.yaml.
`stored_at` is the engine's own default and never inserted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from schemas.catalogue import load_catalogue
from schemas.measures import BaseFamily


@dataclass(frozen=True)
class Table:
    """A table and the columns that an insert names, in order."""

    name: str
    columns: tuple[str, ...]


RAW_EVENTS = Table(
    "raw_events",
    (
        *("site", "shard", "generation", "offset", "kind", "domain", "ingest_time", "event_time"),
        *("event_type", "event_id", "version", "source", "subject", "payload"),
    ),
)
DEAD_LETTERS = Table(
    "dead_letters",
    (
        *("site", "shard", "generation", "offset", "ingest_time", "domain", "source"),
        *("event_type", "event_id", "reason", "detail", "payload"),
    ),
)
CALLERS = Table(
    "callers",
    ("site", "day", "caller", "shard", "revision", "first_at", "contacts", "state"),
)
HISTORIES = Table(
    "histories", ("site", "subject", "shard", "revision", "last_at", "entries", "state")
)
CONTACTS = Table(
    "contacts",
    (
        *("site", "contact_id", "shard", "revision", "root_contact_id", "subject", "caller"),
        *("customer_id", "channel", "direction", "call_type", "queue", "skill", "priority"),
        *("region", "product", "topics", "team", "agent_id", "outcome", "phase", "ended_by"),
        *("failed_reason", "started_at", "queued_at", "exited_at", "answered_at", "ended_at"),
        *("completed_at", "ivr_ms", "wait_ms", "talk_ms", "hold_ms", "acw_ms", "holds"),
        *("transfers", "offers", "in_threshold", "short", "open", "events", "domain", "state"),
    ),
)
AGENTS_NOW = Table(
    "agents_now",
    (
        *("site", "id", "shard", "revision", "agent_id", "domain", "agent_state", "reason"),
        *("team", "queues", "since", "last_heartbeat", "events", "state"),
    ),
)
TICKETS = Table(
    "tickets",
    (
        *("site", "ticket_id", "shard", "revision", "subject", "customer_id", "contact_id"),
        *("channel", "category", "subcategory", "detail", "topic", "product", "region", "segment"),
        *("tier", "severity", "priority", "department", "team", "owner", "handler_level"),
        *("outcome", "root_cause", "cause_party", "merged_into", "stage", "urgent_reasons"),
        *("very_urgent", "upheld", "opened_at", "registered_at", "dispatched_at", "accepted_at"),
        *("responded_at", "flagged_at", "escalated_at", "resolved_at", "closed_at", "updated_at"),
        *("due_at", "promised_at", "legal_due_at", "response_ms", "resolution_ms"),
        *("response_business_ms", "resolution_business_ms", "in_time", "arrival"),
        *("sensitive_date", "sensitive_at", "sensitive_again_at"),
        *("reopens", "reassignments", "owners", "returns", "urges", "illegal"),
        *("compensation_option", "currency", "compensation", "over_authority"),
        *("standard_outcome", "on_path", "skipped", "looped", "reworked_at", "contacted"),
        *("due_met", "open", "events", "domain", "state"),
    ),
)
ESCALATIONS = Table(
    "escalations",
    (
        *("site", "escalation_id", "shard", "revision", "subject", "external", "body"),
        *("received_at", "updated_at", "accountable", "ticket_ids", "events", "domain", "state"),
    ),
)
TASKS = Table(
    "tasks",
    (
        *("site", "task_id", "shard", "revision", "subject", "ticket_id", "department"),
        *("interface_person", "task_type", "stage", "opened_at", "assigned_at", "due_at"),
        *("answered_at", "closed_at", "updated_at", "answer_ms", "in_time", "urges", "urge_level"),
        *("urged_at", "returns", "open", "events", "domain", "state"),
    ),
)
TICKETS_NOW = Table(
    "tickets_now",
    (
        *("site", "ticket_id", "shard", "revision", "stage", "department", "team", "owner"),
        *("channel", "priority", "category", "topic", "very_urgent", "urgent_reasons"),
        *("opened_at", "cycle_at", "updated_at", "due_at", "at_risk_at", "at_high_risk_at"),
        *("silent_at", "forget_at", "reassignments", "over"),
    ),
)
FACTS: Mapping[str, Table] = MappingProxyType(
    {
        "contact": CONTACTS,
        "agent": AGENTS_NOW,
        "ticket": TICKETS,
        "escalation": ESCALATIONS,
        "task": TASKS,
    }
)
"""The table of each family of entities: one row per entity, site and id first, revised in place."""
NOW: Mapping[str, Table] = MappingProxyType({"ticket": TICKETS_NOW})
"""The small table of those entities of a family that are open; `over` takes a row out of it."""
QUEUES_NOW = Table(
    "queues_now", ("site", "queue", "shard", "revision", "waiting", "talking", "oldest_queued_at")
)
SOURCES_HEARD = Table(
    "sources_heard", ("site", "source", "shard", "revision", "newest_event_at", "heard_at")
)
ALERT_TRANSITIONS = Table(
    "alert_transitions",
    (
        *("site", "alert_id", "transition", "rule", "rule_version", "group_key", "state"),
        *("severity", "domain", "window_start", "window_end", "value", "sample", "revision"),
        "detail",
    ),
)
CONFIGS = Table("configs", ("site", "hash", "content", "who", "first_seen"))
HOURS_TOUCHED = Table("hours_touched", ("site", "family", "hour", "state"))
PARITY_RESULTS = Table(
    "parity_results",
    (
        *("site", "family", "measure", "checked_at", "rows_from", "rows_to"),
        *("minutes", "minutes_different", "max_difference"),
    ),
)
CHECKPOINT = Table("checkpoint", ("shard", "family", "key", "state", "deleted", "revision"))

OUTCOMES = (
    *("ivr", "waiting", "talking", "handled", "abandoned", "ivr_abandoned"),
    *("flow_out", "callback", "failed", "expired"),
)
"""How a contact stands, or ended: `contacts.outcome`."""


@dataclass(frozen=True)
class RowFamily:
    """A base family: cumulative rows per site, dimension set, minute and shard.

    `dimensions` is every dimension column in key order ('' where the row's set lacks it);
    `sets` maps a set's name, stored in `dims`, to its columns; `measures` is every measure column,
    and `kept` those that a set's rows may fill (the others stay 0 or empty).
    """

    name: str
    table: str
    dimensions: tuple[str, ...]
    sets: Mapping[str, tuple[str, ...]]
    measures: tuple[str, ...]
    histograms: frozenset[str]
    kept: Mapping[str, frozenset[str]]

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns that an insert names, in order."""
        key = ("site", "dims", "minute", *self.dimensions, "shard", "revision")
        return (*key, *self.measures)


def _row_family(name: str, family: BaseFamily) -> RowFamily:
    return RowFamily(
        name=name,
        table=family.table,
        dimensions=family.dimensions,
        sets=MappingProxyType(dict(family.sets)),
        measures=tuple(family.measures),
        histograms=frozenset(n for n, m in family.measures.items() if m.kind == "histogram"),
        kept=MappingProxyType({s: frozenset(family.kept(s)) for s in family.sets}),
    )


@cache
def row_families() -> Mapping[str, RowFamily]:
    """Return the base families of the catalogue by name: `calls`, `intake`."""
    return MappingProxyType(
        {
            name: _row_family(name, family)
            for name, family in load_catalogue().families.items()
            if isinstance(family, BaseFamily)
        }
    )


def row_tables() -> tuple[Table, ...]:
    """Return every table that is written, base families included."""
    fixed = (
        *(RAW_EVENTS, DEAD_LETTERS, CALLERS, HISTORIES, QUEUES_NOW, SOURCES_HEARD),
        *(ALERT_TRANSITIONS, CONFIGS, HOURS_TOUCHED, PARITY_RESULTS, CHECKPOINT),
    )
    return (
        *fixed,
        *FACTS.values(),
        *NOW.values(),
        *(Table(f.table, f.columns) for f in row_families().values()),
    )
