-- How often agents let a contact ring without an answer.
ALTER TABLE call_minutes ADD COLUMN IF NOT EXISTS nonresponses Int64 AFTER wait_short_ms;
