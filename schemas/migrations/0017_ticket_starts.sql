-- Tickets that somebody has begun to work on, and whether an older very urgent one of the same pool (its
-- team, else its department) waited at that moment. Tickets of one pool lie on several shards, so this
-- is found where all of them are. Very urgent ones are listed by pool and day of their waiting: a
-- beginning is held against those of its day, not against all that ever were.
CREATE OR REPLACE VIEW ticket_starts AS
WITH
    pooled AS
    (
        SELECT *, if(team = '', ('department', department), ('team', team)) AS pool
        FROM tickets FINAL
        WHERE events > 0 AND (team != '' OR department != '')
    ),
    waits AS
    (
        SELECT
            site, pool, opened_at, assumeNotNull(flagged_at) AS since,
            coalesce(accepted_at, resolved_at, closed_at, if(open, now64(3), updated_at)) AS until,
            toDate(arrayJoin(range(toUInt16(toDate(since)), toUInt16(toDate(until)) + 1))) AS day
        FROM pooled
        WHERE very_urgent AND flagged_at IS NOT NULL AND until > since
    ),
    days AS
    (
        SELECT site, pool, day, groupArray((opened_at, since, until)) AS waiting
        FROM waits
        GROUP BY site, pool, day
    )
SELECT
    begun.site AS site, ticket_id, channel, tier, priority, severity, department, team, owner, category,
    subcategory, topic, product, region, segment, stage, outcome, root_cause, arrival, domain,
    opened_at, accepted_at, events,
    toUInt8(
        NOT (very_urgent AND ifNull(flagged_at <= accepted_at, 0))
        AND arrayExists(
            one -> one.1 < opened_at AND one.2 <= assumeNotNull(accepted_at)
                AND assumeNotNull(accepted_at) < one.3,
            waiting
        )
    ) AS inverted
FROM (SELECT *, toDate(assumeNotNull(accepted_at)) AS day FROM pooled WHERE accepted_at IS NOT NULL) AS begun
LEFT JOIN days ON days.site = begun.site AND days.pool = begun.pool AND days.day = begun.day;
