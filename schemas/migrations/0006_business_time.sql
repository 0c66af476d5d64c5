-- Tickets in business time, beside calendar time, and whether they came while the centre was closed.
ALTER TABLE ticket_minutes
    ADD COLUMN IF NOT EXISTS acknowledged_business Int64 AFTER vu_response_bins,
    ADD COLUMN IF NOT EXISTS ack_business_ms Int64 AFTER acknowledged_business,
    ADD COLUMN IF NOT EXISTS ack_business_bins Map(UInt16, Int64) AFTER ack_business_ms,
    ADD COLUMN IF NOT EXISTS accepted_business Int64 AFTER ack_business_bins,
    ADD COLUMN IF NOT EXISTS dispatch_business_ms Int64 AFTER accepted_business,
    ADD COLUMN IF NOT EXISTS dispatch_business_bins Map(UInt16, Int64) AFTER dispatch_business_ms,
    ADD COLUMN IF NOT EXISTS responses_business Int64 AFTER dispatch_business_bins,
    ADD COLUMN IF NOT EXISTS response_business_ms Int64 AFTER responses_business,
    ADD COLUMN IF NOT EXISTS response_business_bins Map(UInt16, Int64) AFTER response_business_ms,
    ADD COLUMN IF NOT EXISTS resolved_business Int64 AFTER response_business_bins,
    ADD COLUMN IF NOT EXISTS resolution_business_ms Int64 AFTER resolved_business,
    ADD COLUMN IF NOT EXISTS resolution_business_bins Map(UInt16, Int64) AFTER resolution_business_ms,
    ADD COLUMN IF NOT EXISTS vu_answered_business Int64 AFTER resolution_business_bins,
    ADD COLUMN IF NOT EXISTS vu_response_business_ms Int64 AFTER vu_answered_business,
    ADD COLUMN IF NOT EXISTS vu_response_business_bins Map(UInt16, Int64) AFTER vu_response_business_ms,
    ADD COLUMN IF NOT EXISTS complaints_calendar Int64 AFTER vu_response_business_bins,
    ADD COLUMN IF NOT EXISTS complaints_offhours Int64 AFTER complaints_calendar;

-- arrival: business or offhours, '' where no calendar is known.
ALTER TABLE tickets
    ADD COLUMN IF NOT EXISTS response_business_ms Nullable(Int64) AFTER resolution_ms,
    ADD COLUMN IF NOT EXISTS resolution_business_ms Nullable(Int64) AFTER response_business_ms,
    ADD COLUMN IF NOT EXISTS arrival LowCardinality(String) AFTER in_time;
