-- Which hours of the base rows are added up. The tables of added-up hours, and the views that readers
-- use, are made from the catalogue (schemas/rollups.py).

-- When an hour of a family was written to last, and up to which writing it is added up. The moment is
-- the store's own, taken after the rows were written, so whoever has read it finds them.
CREATE TABLE IF NOT EXISTS hours_touched
(
    site LowCardinality(String),
    family LowCardinality(String),
    hour DateTime('UTC'),
    state LowCardinality(String),
    at DateTime64(6, 'UTC') DEFAULT now64(6)
)
ENGINE = ReplacingMergeTree(at)
ORDER BY (site, family, hour, state);

-- The hours that must be read by the minute.
CREATE OR REPLACE VIEW hours_pending AS
SELECT site, family, hour, maxIf(at, state = 'touched') AS touched_at
FROM hours_touched
GROUP BY site, family, hour
HAVING touched_at > maxIf(at, state = 'added_up');
