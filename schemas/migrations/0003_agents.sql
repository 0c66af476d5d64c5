-- Agents by state, and how queues and agents stand now.

-- Base rows of the family `agents`: time by state, split at the end of every minute.
CREATE TABLE IF NOT EXISTS agent_minutes
(
    site LowCardinality(String),
    dims LowCardinality(String),
    minute DateTime('UTC'),
    team LowCardinality(String),
    agent_id LowCardinality(String),
    reason LowCardinality(String),
    shard UInt16,
    revision UInt64,
    ready_ms Int64,
    ringing_ms Int64,
    talking_ms Int64,
    holding_ms Int64,
    wrap_up_ms Int64,
    break_ms Int64,
    not_ready_ms Int64,
    unmapped_ms Int64,
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(revision)
PARTITION BY toYYYYMM(minute)
ORDER BY (site, dims, minute, team, agent_id, reason, shard);

-- One row per agent as he stands: `id` is his own, or his and the file's that told of him.
-- `state` is what was told of him lately, and empty as long as the checkpoint holds it.
CREATE TABLE IF NOT EXISTS agents_now
(
    site LowCardinality(String),
    id String,
    shard UInt16,
    revision UInt64,
    agent_id String,
    domain LowCardinality(String),
    agent_state LowCardinality(String),
    reason LowCardinality(String),
    team LowCardinality(String),
    queues Array(String),
    since DateTime64(3, 'UTC'),
    last_heartbeat DateTime64(3, 'UTC'),
    events UInt32,
    state String CODEC(ZSTD(3)),
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY (site, id);

-- One row per queue and shard as it stands: who waits, and who is being served.
CREATE TABLE IF NOT EXISTS queues_now
(
    site LowCardinality(String),
    queue String,
    shard UInt16,
    revision UInt64,
    waiting UInt32,
    talking UInt32,
    oldest_queued_at Nullable(DateTime64(3, 'UTC')),
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY (site, queue, shard);
