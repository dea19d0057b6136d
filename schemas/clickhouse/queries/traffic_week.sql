-- The mean week of a route's traffic for `penstock plan --traffic`: hour 0 is Monday 00:00 UTC. Take whole weeks and save it with FORMAT CSVWithNames.
-- A unit counts in the hour of its first request of each week; tokens are those of live answers, unknown ones taken as the hour's mean.
-- For a segment add to `exchanges` anyIf(segments, leg = 'request') AS segments, and to `hours` and the last SELECT a column such as:
-- countIf(segments['tier'] = 'enterprise') / weeks AS "tier=enterprise"
WITH
    dateDiff('second', {since:DateTime64(3, 'UTC')}, {until:DateTime64(3, 'UTC')}) / 604800 AS weeks,
    exchanges AS
    (
        SELECT
            minIf(at, leg = 'request') AS asked_at,
            maxIf(golden_ref != '', leg = 'request') AS is_golden,
            anyIf(input_tokens, leg = 'live') AS tokens_in,
            anyIf(output_tokens, leg = 'live') AS tokens_out
        FROM legs
        WHERE at >= {since:DateTime64(3, 'UTC')} AND at < {until:DateTime64(3, 'UTC')}
            AND
            (
                (leg = 'request' AND route = {route:String})
                -- Answers carry no route. Those of other routes are left out by a hash, and the few that share one by what is asked below.
                OR (leg = 'live' AND route = '' AND toUInt32(sipHash64(exchange_id)) IN
                (
                    SELECT toUInt32(sipHash64(exchange_id))
                    FROM legs
                    WHERE leg = 'request' AND route = {route:String} AND at >= {since:DateTime64(3, 'UTC')} AND at < {until:DateTime64(3, 'UTC')}
                ))
            )
        GROUP BY exchange_id
        HAVING countIf(leg = 'request') > 0
    ),
    hours AS
    (
        SELECT
            (toDayOfWeek(asked_at) - 1) * 24 + toHour(asked_at) AS hour,
            count() / weeks AS requests,
            countIf(is_golden) / weeks AS golden,
            requests * ifNull(avg(tokens_in), 0) AS input_tokens,
            requests * ifNull(avg(tokens_out), 0) AS output_tokens
        FROM exchanges
        GROUP BY hour
    ),
    opened AS
    (
        SELECT (toDayOfWeek(first_at) - 1) * 24 + toHour(first_at) AS hour, count() / weeks AS units
        FROM
        (
            SELECT min(at) AS first_at
            FROM legs
            WHERE leg = 'request' AND route = {route:String} AND at >= {since:DateTime64(3, 'UTC')} AND at < {until:DateTime64(3, 'UTC')}
            GROUP BY assignment_unit, toMonday(at)
        )
        GROUP BY hour
    )
SELECT every.hour AS hour, requests, units, golden, input_tokens, output_tokens
FROM (SELECT toUInt16(number) AS hour FROM numbers(168)) AS every
LEFT JOIN hours ON hours.hour = every.hour
LEFT JOIN opened ON opened.hour = every.hour
ORDER BY hour
-- Exchanges by the ten million do not fit the memory of a reader: then they are grouped on disk.
SETTINGS max_bytes_before_external_group_by = 500000000
