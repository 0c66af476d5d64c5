-- What a contact was about, as told at the ends of its talks: each topic once, in the order of telling.
ALTER TABLE contacts ADD COLUMN IF NOT EXISTS topics Array(LowCardinality(String)) AFTER product;
