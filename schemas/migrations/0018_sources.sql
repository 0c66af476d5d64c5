-- What was heard of each live source, on each shard: event times, and when anything last arrived.
-- `newest_event_at` is NULL as long as the source sent heartbeats only.
CREATE TABLE IF NOT EXISTS sources_heard
(
    site LowCardinality(String),
    source String,
    shard UInt16,
    revision UInt64,
    newest_event_at Nullable(DateTime64(3, 'UTC')),
    heard_at DateTime64(3, 'UTC'),
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY (site, source, shard);

-- The same of the source as a whole.
CREATE OR REPLACE VIEW sources_now AS
SELECT
    site, source, max(newest_event_at) AS event_at, max(heard_at) AS sign_at,
    toUInt8(event_at IS NOT NULL) AS has_sent
FROM sources_heard FINAL
GROUP BY site, source;

-- How long each live event of the last ten minutes took, from when it happened until it was stored.
-- Parts that hold nothing so young are not read.
CREATE OR REPLACE VIEW stored_now AS
SELECT site, source, greatest(0, dateDiff('millisecond', event_time, stored_at)) AS delay_ms
FROM raw_events
WHERE kind = 'event' AND domain = 'live' AND ingest_time >= now64(3) - INTERVAL 10 MINUTE;
