-- What the centre has agreed on: compensation, authority, standard outcomes, allowed paths, rework.
ALTER TABLE ticket_minutes
    ADD COLUMN IF NOT EXISTS serious Int64 AFTER complaints,
    ADD COLUMN IF NOT EXISTS dispatched Int64 AFTER dispatches,
    ADD COLUMN IF NOT EXISTS reworked Int64 AFTER dispatched,
    ADD COLUMN IF NOT EXISTS contact_asked Int64 AFTER reworked,
    ADD COLUMN IF NOT EXISTS said_contacted Int64 AFTER contact_asked,
    ADD COLUMN IF NOT EXISTS compensated Int64 AFTER upheld,
    ADD COLUMN IF NOT EXISTS compensated_foreign Int64 AFTER compensated,
    ADD COLUMN IF NOT EXISTS compensation Int64 AFTER compensated_foreign,
    ADD COLUMN IF NOT EXISTS authority_judged Int64 AFTER compensation,
    ADD COLUMN IF NOT EXISTS over_authority Int64 AFTER authority_judged,
    ADD COLUMN IF NOT EXISTS outcomes_judged Int64 AFTER over_authority,
    ADD COLUMN IF NOT EXISTS outcomes_standard Int64 AFTER outcomes_judged,
    ADD COLUMN IF NOT EXISTS paths_judged Int64 AFTER outcomes_standard,
    ADD COLUMN IF NOT EXISTS paths_kept Int64 AFTER paths_judged;

-- The same of each ticket, and which stages it skipped or came to again; amounts in hundredths.
ALTER TABLE tickets
    ADD COLUMN IF NOT EXISTS compensation_option LowCardinality(String) AFTER illegal,
    ADD COLUMN IF NOT EXISTS currency LowCardinality(String) AFTER compensation_option,
    ADD COLUMN IF NOT EXISTS compensation Nullable(Int64) AFTER currency,
    ADD COLUMN IF NOT EXISTS over_authority Nullable(UInt8) AFTER compensation,
    ADD COLUMN IF NOT EXISTS standard_outcome Nullable(UInt8) AFTER over_authority,
    ADD COLUMN IF NOT EXISTS on_path Nullable(UInt8) AFTER standard_outcome,
    ADD COLUMN IF NOT EXISTS skipped Array(LowCardinality(String)) AFTER on_path,
    ADD COLUMN IF NOT EXISTS looped Array(LowCardinality(String)) AFTER skipped,
    ADD COLUMN IF NOT EXISTS reworked_at Nullable(DateTime64(3, 'UTC')) AFTER looped,
    ADD COLUMN IF NOT EXISTS contacted LowCardinality(String) AFTER reworked_at;
