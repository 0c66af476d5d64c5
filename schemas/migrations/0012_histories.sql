-- Customers' histories, and what follows what in them.

-- Base rows of the family `contact_chains`, as those of `calls`.
CREATE TABLE IF NOT EXISTS contact_chain_minutes
(
    site LowCardinality(String),
    dims LowCardinality(String),
    minute DateTime('UTC'),
    queue LowCardinality(String),
    channel LowCardinality(String),
    call_type LowCardinality(String),
    agent_id LowCardinality(String),
    team LowCardinality(String),
    topic LowCardinality(String),
    product LowCardinality(String),
    shard UInt16,
    revision UInt64,
    traced Int64,
    contacted_again Int64,
    traced_issue Int64,
    followed_same Int64,
    repeats Int64,
    complaint_contacts Int64,
    complaints_passed_on Int64,
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(revision)
PARTITION BY toYYYYMM(minute)
ORDER BY (site, dims, minute, queue, channel, call_type, agent_id, team, topic, product, shard);

-- Base rows of the family `complaint_chains`.
CREATE TABLE IF NOT EXISTS complaint_chain_minutes
(
    site LowCardinality(String),
    dims LowCardinality(String),
    minute DateTime('UTC'),
    channel LowCardinality(String),
    priority LowCardinality(String),
    department LowCardinality(String),
    team LowCardinality(String),
    owner LowCardinality(String),
    category LowCardinality(String),
    topic LowCardinality(String),
    product LowCardinality(String),
    region LowCardinality(String),
    body LowCardinality(String),
    shard UInt16,
    revision UInt64,
    complaints_traced Int64,
    complaints_issue Int64,
    repeat_complaints Int64,
    third_complaints Int64,
    settled Int64,
    settled_in_vain Int64,
    auto_answered Int64,
    auto_answered_in_vain Int64,
    threats Int64,
    threats_carried_out Int64,
    escalations_traced Int64,
    escalations_after_contact Int64,
    escalations_after_ticket Int64,
    complaint_to_escalation_ms Int64,
    complaint_to_escalation_bins Map(UInt16, Int64),
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(revision)
PARTITION BY toYYYYMM(minute)
ORDER BY (site, dims, minute, channel, priority, department, team, owner, category, topic, product, region, body, shard);

-- One row per customer: the moments of his contacts, tickets and escalations, in `state`.
CREATE TABLE IF NOT EXISTS histories
(
    site LowCardinality(String),
    subject String,
    shard UInt16,
    revision UInt64,
    last_at DateTime64(3, 'UTC'),
    entries UInt16,
    state String CODEC(ZSTD(3)),
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY (site, subject);
