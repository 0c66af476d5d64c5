-- Around which sensitive date a complaint came, and when next year is as many days from it.
ALTER TABLE tickets
    ADD COLUMN IF NOT EXISTS sensitive_date LowCardinality(String) AFTER arrival,
    ADD COLUMN IF NOT EXISTS sensitive_at Nullable(DateTime64(3, 'UTC')) AFTER sensitive_date,
    ADD COLUMN IF NOT EXISTS sensitive_again_at Nullable(DateTime64(3, 'UTC')) AFTER sensitive_at;
