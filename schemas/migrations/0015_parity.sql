-- What every comparison of the stored counts with the raw events found, by base measure.
-- `rows_from` and `rows_to` are the span that was asked for; NULL: without a bound.
CREATE TABLE IF NOT EXISTS parity_results
(
    site LowCardinality(String),
    family LowCardinality(String),
    measure LowCardinality(String),
    checked_at DateTime64(3, 'UTC'),
    rows_from Nullable(DateTime('UTC')),
    rows_to Nullable(DateTime('UTC')),
    minutes UInt64,
    minutes_different UInt64,
    max_difference Int64,
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree
ORDER BY (site, family, measure, checked_at);

-- What the latest of them found, where there was anything to compare.
CREATE OR REPLACE VIEW parity_now AS
SELECT
    site, family, measure, latest.1 AS minutes, latest.2 AS minutes_different,
    latest.3 AS max_difference, compared_at
FROM
(
    SELECT
        site, family, measure, max(checked_at) AS compared_at,
        argMax((minutes, minutes_different, max_difference), checked_at) AS latest
    FROM parity_results
    WHERE minutes > 0
    GROUP BY site, family, measure
);
