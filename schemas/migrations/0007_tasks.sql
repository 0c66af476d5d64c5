-- Tasks: what departments are asked for.

-- Base rows of the family `tasks`, as those of `calls`.
CREATE TABLE IF NOT EXISTS task_minutes
(
    site LowCardinality(String),
    dims LowCardinality(String),
    minute DateTime('UTC'),
    department LowCardinality(String),
    interface_person LowCardinality(String),
    task_type LowCardinality(String),
    shard UInt16,
    revision UInt64,
    tasks_assigned Int64,
    tasks_supervised Int64,
    tasks_due Int64,
    tasks_in_time Int64,
    tasks_answered Int64,
    task_answer_ms Int64,
    dept_answers Int64,
    dept_answers_returned Int64,
    urges Int64,
    urges_ticket Int64,
    urges_email Int64,
    urges_phone Int64,
    urges_leader Int64,
    urges_effective Int64,
    task_answer_bins Map(UInt16, Int64),
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(revision)
PARTITION BY toYYYYMM(minute)
ORDER BY (site, dims, minute, department, interface_person, task_type, shard);

-- One row per task, revised in place. Of several assignments the last one is shown.
CREATE TABLE IF NOT EXISTS tasks
(
    site LowCardinality(String),
    task_id String,
    shard UInt16,
    revision UInt64,
    subject String,
    ticket_id String,
    department LowCardinality(String),
    interface_person LowCardinality(String),
    task_type LowCardinality(String),
    stage LowCardinality(String),
    opened_at DateTime64(3, 'UTC'),
    assigned_at Nullable(DateTime64(3, 'UTC')),
    due_at Nullable(DateTime64(3, 'UTC')),
    answered_at Nullable(DateTime64(3, 'UTC')),
    closed_at Nullable(DateTime64(3, 'UTC')),
    updated_at DateTime64(3, 'UTC'),
    answer_ms Nullable(Int64),
    in_time Nullable(UInt8),
    urges UInt16,
    urge_level LowCardinality(String),
    urged_at Nullable(DateTime64(3, 'UTC')),
    returns UInt16,
    open UInt8,
    events UInt16,
    domain LowCardinality(String),
    state String CODEC(ZSTD(3)),
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3),
    INDEX opened_at_range opened_at TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY (site, task_id);
