-- Promised reply dates of tickets, and complaints that an error of the centre's own caused.
ALTER TABLE ticket_minutes
    ADD COLUMN IF NOT EXISTS error_complaints Int64 AFTER serious,
    ADD COLUMN IF NOT EXISTS promises_due Int64 AFTER legal_in_time,
    ADD COLUMN IF NOT EXISTS promises_kept Int64 AFTER promises_due;

-- Departments as the site's configuration has them now.
CREATE OR REPLACE VIEW departments_now AS
SELECT
    site, department, interface_person, backup, owner,
    toUInt8(interface_person != '' AND backup != '') AS covered
FROM
(
    SELECT
        site,
        arrayJoin(JSONExtractKeysAndValuesRaw(argMax(content, first_seen), 'departments')) AS listed,
        listed.1 AS department,
        JSONExtractString(listed.2, 'interface_person') AS interface_person,
        JSONExtractString(listed.2, 'backup') AS backup,
        JSONExtractString(listed.2, 'owner') AS owner
    FROM configs FINAL
    GROUP BY site
);
