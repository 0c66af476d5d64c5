-- Tickets: their base rows and levels, one row per ticket and per escalation, and the open ones now.

-- Base rows of the family `tickets`, as those of `calls`.
CREATE TABLE IF NOT EXISTS ticket_minutes
(
    site LowCardinality(String),
    dims LowCardinality(String),
    minute DateTime('UTC'),
    channel LowCardinality(String),
    tier LowCardinality(String),
    priority LowCardinality(String),
    severity LowCardinality(String),
    department LowCardinality(String),
    team LowCardinality(String),
    category LowCardinality(String),
    topic LowCardinality(String),
    product LowCardinality(String),
    region LowCardinality(String),
    shard UInt16,
    revision UInt64,
    opened Int64,
    complaints Int64,
    merged Int64,
    acknowledged Int64,
    ack_ms Int64,
    accepted Int64,
    dispatch_ms Int64,
    dispatches Int64,
    returns Int64,
    responses Int64,
    response_ms Int64,
    response_due Int64,
    response_in_time Int64,
    resolved Int64,
    resolution_ms Int64,
    resolution_due Int64,
    resolution_in_time Int64,
    legal_due Int64,
    legal_in_time Int64,
    closed Int64,
    findings Int64,
    upheld Int64,
    finished Int64,
    reopened Int64,
    reopened_14d Int64,
    fields_required Int64,
    fields_filled Int64,
    very_urgent Int64,
    vu_unreasoned Int64,
    vu_answered Int64,
    vu_response_ms Int64,
    vu_escaped_30d Int64,
    escaped_30d Int64,
    escalated Int64,
    escalated_open Int64,
    escalations_internal Int64,
    escalations_external Int64,
    escalations_judged Int64,
    escalations_accountable Int64,
    followups_due Int64,
    followups_attempted Int64,
    followups_made Int64,
    followups_reached Int64,
    followups_new_issue Int64,
    said_resolved Int64,
    said_satisfied Int64,
    illegal_transitions Int64,
    ack_bins Map(UInt16, Int64),
    dispatch_bins Map(UInt16, Int64),
    response_bins Map(UInt16, Int64),
    resolution_bins Map(UInt16, Int64),
    vu_response_bins Map(UInt16, Int64),
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(revision)
PARTITION BY toYYYYMM(minute)
ORDER BY (site, dims, minute, channel, tier, priority, severity, department, team, category, topic, product, region, shard);

-- The family `ticket_levels`: by how many a level rose or fell in a minute. A level at an instant is
-- the sum of all its changes until then, never a sum over minutes of the level itself. Rows stay as
-- long as anything is open that they count: no retention applies to them.
CREATE TABLE IF NOT EXISTS ticket_levels
(
    site LowCardinality(String),
    dims LowCardinality(String),
    minute DateTime('UTC'),
    department LowCardinality(String),
    team LowCardinality(String),
    priority LowCardinality(String),
    channel LowCardinality(String),
    category LowCardinality(String),
    shard UInt16,
    revision UInt64,
    backlog Int64,
    at_risk_open Int64,
    at_risk_high Int64,
    overdue_open Int64,
    very_urgent_open Int64,
    silent_open Int64,
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(revision)
PARTITION BY toYYYYMM(minute)
ORDER BY (site, dims, minute, department, team, priority, channel, category, shard);

-- One row per ticket, revised in place, and unpartitioned as `contacts` is.
CREATE TABLE IF NOT EXISTS tickets
(
    site LowCardinality(String),
    ticket_id String,
    shard UInt16,
    revision UInt64,
    subject String,
    customer_id String,
    contact_id String,
    channel LowCardinality(String),
    category LowCardinality(String),
    subcategory LowCardinality(String),
    detail LowCardinality(String),
    topic LowCardinality(String),
    product LowCardinality(String),
    region LowCardinality(String),
    segment LowCardinality(String),
    tier LowCardinality(String),
    severity LowCardinality(String),
    priority LowCardinality(String),
    department LowCardinality(String),
    team LowCardinality(String),
    owner LowCardinality(String),
    handler_level LowCardinality(String),
    outcome LowCardinality(String),
    root_cause LowCardinality(String),
    cause_party LowCardinality(String),
    merged_into String,
    stage LowCardinality(String),
    urgent_reasons Array(LowCardinality(String)),
    very_urgent UInt8,
    upheld Nullable(UInt8),
    opened_at DateTime64(3, 'UTC'),
    registered_at Nullable(DateTime64(3, 'UTC')),
    dispatched_at Nullable(DateTime64(3, 'UTC')),
    accepted_at Nullable(DateTime64(3, 'UTC')),
    responded_at Nullable(DateTime64(3, 'UTC')),
    flagged_at Nullable(DateTime64(3, 'UTC')),
    escalated_at Nullable(DateTime64(3, 'UTC')),
    resolved_at Nullable(DateTime64(3, 'UTC')),
    closed_at Nullable(DateTime64(3, 'UTC')),
    updated_at DateTime64(3, 'UTC'),
    due_at Nullable(DateTime64(3, 'UTC')),
    promised_at Nullable(DateTime64(3, 'UTC')),
    legal_due_at Nullable(DateTime64(3, 'UTC')),
    response_ms Nullable(Int64),
    resolution_ms Nullable(Int64),
    in_time Nullable(UInt8),
    reopens UInt16,
    reassignments UInt16,
    owners UInt16,
    returns UInt16,
    urges UInt16,
    illegal UInt16,
    open UInt8,
    events UInt16,
    domain LowCardinality(String),
    state String CODEC(ZSTD(3)),
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3),
    INDEX opened_at_range opened_at TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY (site, ticket_id);

-- One row per escalation, inside the enterprise or beyond it.
CREATE TABLE IF NOT EXISTS escalations
(
    site LowCardinality(String),
    escalation_id String,
    shard UInt16,
    revision UInt64,
    subject String,
    external UInt8,
    body LowCardinality(String),
    received_at DateTime64(3, 'UTC'),
    updated_at DateTime64(3, 'UTC'),
    accountable Nullable(UInt8),
    ticket_ids Array(String),
    events UInt16,
    domain LowCardinality(String),
    state String CODEC(ZSTD(3)),
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY (site, escalation_id);

-- The open tickets only, for wallboards: the row of one that is over goes away. Clocks are instants,
-- so a row stays true while time passes and nothing is written.
CREATE TABLE IF NOT EXISTS tickets_now
(
    site LowCardinality(String),
    ticket_id String,
    shard UInt16,
    revision UInt64,
    stage LowCardinality(String),
    department LowCardinality(String),
    team LowCardinality(String),
    owner LowCardinality(String),
    channel LowCardinality(String),
    priority LowCardinality(String),
    category LowCardinality(String),
    topic LowCardinality(String),
    very_urgent UInt8,
    urgent_reasons Array(LowCardinality(String)),
    opened_at DateTime64(3, 'UTC'),
    updated_at DateTime64(3, 'UTC'),
    due_at Nullable(DateTime64(3, 'UTC')),
    at_risk_at Nullable(DateTime64(3, 'UTC')),
    at_high_risk_at Nullable(DateTime64(3, 'UTC')),
    silent_at Nullable(DateTime64(3, 'UTC')),
    forget_at DateTime64(3, 'UTC'),
    reassignments UInt16,
    over UInt8,
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(revision, over)
ORDER BY (site, ticket_id);

-- How many tickets are open, and in what state, at the moment of asking.
CREATE OR REPLACE VIEW ticket_counts_now AS
SELECT
    site, department, team, priority,
    count() AS open,
    countIf(ifNull(due_at <= now64(3), 0)) AS overdue,
    countIf(ifNull(at_risk_at <= now64(3) AND due_at > now64(3), 0)) AS at_risk,
    countIf(ifNull(at_high_risk_at <= now64(3) AND due_at > now64(3), 0)) AS at_high_risk,
    countIf(very_urgent = 1) AS very_urgent,
    countIf(ifNull(silent_at <= now64(3), 0)) AS silent,
    min(opened_at) AS oldest_opened_at,
    max(updated_at) AS updated_at
FROM tickets_now FINAL
WHERE forget_at > now64(3)
GROUP BY site, department, team, priority;
