-- How old the backlog is, how many were resolved lately, and since when an open ticket was last open.
ALTER TABLE ticket_levels
    ADD COLUMN IF NOT EXISTS backlog_1d Int64 AFTER silent_open,
    ADD COLUMN IF NOT EXISTS backlog_3d Int64 AFTER backlog_1d,
    ADD COLUMN IF NOT EXISTS backlog_7d Int64 AFTER backlog_3d,
    ADD COLUMN IF NOT EXISTS backlog_15d Int64 AFTER backlog_7d,
    ADD COLUMN IF NOT EXISTS done_14d Int64 AFTER backlog_15d;
ALTER TABLE tickets_now
    ADD COLUMN IF NOT EXISTS cycle_at DateTime64(3, 'UTC') AFTER opened_at;
