-- Whether a ticket was resolved when it was due; NULL while that is not known.
ALTER TABLE tickets ADD COLUMN IF NOT EXISTS due_met Nullable(UInt8) AFTER contacted;
