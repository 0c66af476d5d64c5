-- The first tables: the log's copy, base rows, facts, alert transitions and the checkpoint.
--
-- Every table replaces by identity: a row written again, by a retry, a restart or a revision,
-- stands once, and readers say FINAL. Tables whose rows are revised carry `revision`, which is
-- generation << 48 | last applied offset. Site comes first in every key, except in the
-- checkpoint, which belongs to a shard.
--
-- A partition is always a function of the sorting key, or there is none: replacing happens inside
-- one partition only, so a row whose partition moved would stand twice.
--
-- Retention is set later, from configuration (ALTER TABLE ... MODIFY TTL); by default rows stay.
-- Statements end with ';' at the end of a line. Comments carry no ';' there.

CREATE TABLE IF NOT EXISTS schema_migrations
(
    version UInt32,
    name String,
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree ORDER BY version;

-- Every log record, as masked at the edge: the source of parity, replay, evidence and dedupe.
-- A record keeps its ingest time for ever, so partitioning by it is safe.
CREATE TABLE IF NOT EXISTS raw_events
(
    site LowCardinality(String),
    shard UInt16,
    generation UInt16,
    offset UInt64 CODEC(Delta, ZSTD(1)),
    kind LowCardinality(String),
    domain LowCardinality(String),
    ingest_time DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    event_time DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    event_type LowCardinality(String),
    event_id String CODEC(ZSTD(1)),
    version UInt64,
    source LowCardinality(String),
    subject String CODEC(ZSTD(1)),
    payload String CODEC(ZSTD(3)),
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3),
    INDEX event_id_seen event_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX event_time_range event_time TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(ingest_time)
ORDER BY (site, shard, generation, offset);

-- What could not be read or cannot be true, with the reason and where in the log it lies.
CREATE TABLE IF NOT EXISTS dead_letters
(
    site LowCardinality(String),
    shard UInt16,
    generation UInt16,
    offset UInt64,
    ingest_time DateTime64(3, 'UTC'),
    domain LowCardinality(String),
    source LowCardinality(String),
    event_type LowCardinality(String),
    event_id String,
    reason LowCardinality(String),
    detail String,
    payload String CODEC(ZSTD(3)),
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree
ORDER BY (site, shard, generation, offset);

-- Base rows of the family `calls`: cumulative per shard, one row per minute and dimension set.
-- `dims` names the set; columns outside the set are ''. Measures are those of metrics.yaml.
CREATE TABLE IF NOT EXISTS call_minutes
(
    site LowCardinality(String),
    dims LowCardinality(String),
    minute DateTime('UTC'),
    queue LowCardinality(String),
    channel LowCardinality(String),
    direction LowCardinality(String),
    call_type LowCardinality(String),
    priority LowCardinality(String),
    agent_id LowCardinality(String),
    team LowCardinality(String),
    product LowCardinality(String),
    region LowCardinality(String),
    shard UInt16,
    revision UInt64,
    contacts Int64,
    callers Int64,
    offered Int64,
    unmatched Int64,
    sl_offered Int64,
    answered Int64,
    answered_in_threshold Int64,
    answered_20s Int64,
    abandoned Int64,
    short_abandoned Int64,
    abandoned_in_threshold Int64,
    queue_loss Int64,
    ring_loss Int64,
    route_loss Int64,
    flow_out Int64,
    callbacks_requested Int64,
    callbacks_in_threshold Int64,
    callbacks_done Int64,
    ivr_abandoned Int64,
    wait_answered_ms Int64,
    wait_abandoned_ms Int64,
    wait_short_ms Int64,
    handled Int64,
    talk_ms Int64,
    hold_ms Int64,
    acw_ms Int64,
    held Int64,
    transferred Int64,
    hold_abandoned Int64,
    wait_answered_bins Map(UInt16, Int64),
    wait_exit_bins Map(UInt16, Int64),
    talk_bins Map(UInt16, Int64),
    hold_bins Map(UInt16, Int64),
    acw_bins Map(UInt16, Int64),
    handle_bins Map(UInt16, Int64),
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(revision)
PARTITION BY toYYYYMM(minute)
ORDER BY (site, dims, minute, queue, channel, direction, call_type, priority,
          agent_id, team, product, region, shard);

-- Base rows of the family `intake`: what reached the log, by the minute of arrival.
CREATE TABLE IF NOT EXISTS intake_minutes
(
    site LowCardinality(String),
    dims LowCardinality(String),
    minute DateTime('UTC'),
    source LowCardinality(String),
    event_type LowCardinality(String),
    domain LowCardinality(String),
    shard UInt16,
    revision UInt64,
    events Int64,
    duplicates Int64,
    late Int64,
    rejected Int64,
    repaired Int64,
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(revision)
PARTITION BY toYYYYMM(minute)
ORDER BY (site, dims, minute, source, event_type, domain, shard);

-- Cold state that doubles as a list: who called on a day of the site's calendar. Without contacts
-- it is nobody: they have all moved to another day or caller, and the row is only what is left.
CREATE TABLE IF NOT EXISTS callers
(
    site LowCardinality(String),
    day Date,
    caller String,
    shard UInt16,
    revision UInt64,
    first_at DateTime64(3, 'UTC'),
    contacts UInt32,
    state String CODEC(ZSTD(3)),
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(revision)
PARTITION BY toYYYYMM(day)
ORDER BY (site, day, caller);

-- One row per contact, revised in place; one without events is none any more. Unpartitioned: a correction may move started_at to
-- another month, and the old row must still be replaced.
CREATE TABLE IF NOT EXISTS contacts
(
    site LowCardinality(String),
    contact_id String,
    shard UInt16,
    revision UInt64,
    root_contact_id String,
    subject String,
    caller String,
    customer_id String,
    channel LowCardinality(String),
    direction LowCardinality(String),
    call_type LowCardinality(String),
    queue LowCardinality(String),
    skill LowCardinality(String),
    priority LowCardinality(String),
    region LowCardinality(String),
    product LowCardinality(String),
    team LowCardinality(String),
    agent_id LowCardinality(String),
    outcome LowCardinality(String),
    phase LowCardinality(String),
    ended_by LowCardinality(String),
    failed_reason LowCardinality(String),
    started_at DateTime64(3, 'UTC'),
    queued_at Nullable(DateTime64(3, 'UTC')),
    exited_at Nullable(DateTime64(3, 'UTC')),
    answered_at Nullable(DateTime64(3, 'UTC')),
    ended_at Nullable(DateTime64(3, 'UTC')),
    completed_at Nullable(DateTime64(3, 'UTC')),
    ivr_ms Nullable(Int64),
    wait_ms Nullable(Int64),
    talk_ms Nullable(Int64),
    hold_ms Nullable(Int64),
    acw_ms Nullable(Int64),
    holds UInt16,
    transfers UInt16,
    offers UInt16,
    in_threshold UInt8,
    short UInt8,
    open UInt8,
    events UInt16,
    domain LowCardinality(String),
    state String CODEC(ZSTD(3)),
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3),
    INDEX started_at_range started_at TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY (site, contact_id);

-- One row per step in an alert's life: (alert_id, transition) is its identity.
CREATE TABLE IF NOT EXISTS alert_transitions
(
    site LowCardinality(String),
    alert_id String,
    transition UInt32,
    rule LowCardinality(String),
    rule_version UInt32,
    group_key String,
    state LowCardinality(String),
    severity LowCardinality(String),
    domain LowCardinality(String),
    window_start DateTime64(3, 'UTC'),
    window_end DateTime64(3, 'UTC'),
    value Float64,
    sample Int64,
    revision UInt64,
    detail String,
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY (site, alert_id, transition);

-- Configuration content by hash. The earliest sighting wins: a return to an old configuration
-- must not move its first_seen, so the engine's version falls as first_seen rises.
CREATE TABLE IF NOT EXISTS configs
(
    site LowCardinality(String),
    hash String,
    content String CODEC(ZSTD(3)),
    who String,
    first_seen DateTime64(3, 'UTC'),
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3),
    precedence UInt64 MATERIALIZED bitNot(toUInt64(toUnixTimestamp64Milli(first_seen)))
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (site, hash);

-- Dirty state, one block per flush: seen whole or not at all, because the table has no partitions.
-- fsync: the source's position is committed after this write, so it must survive a power cut.
CREATE TABLE IF NOT EXISTS checkpoint
(
    shard UInt16,
    family LowCardinality(String),
    key String,
    state String,
    deleted UInt8,
    revision UInt64,
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(revision, deleted)
ORDER BY (shard, family, key)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
