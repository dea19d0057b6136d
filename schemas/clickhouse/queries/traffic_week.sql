-- The mean week of a route's traffic for `penstock plan --traffic`: hour 0 is Monday 00:00 UTC. Take whole weeks and save it with FORMAT CSVWithNames.
-- A unit counts in the hour of its first request of each week; tokens are those of live answers, unknown ones taken as the hour's mean.
-- For a segment add to `hours` and to the last SELECT a column such as: countIf(segments['tier'] = 'enterprise') / weeks AS "tier=enterprise"
WITH
    dateDiff('second', {since:DateTime64(3, 'UTC')}, {until:DateTime64(3, 'UTC')}) / 604800 AS weeks,
    asked AS
    (
        SELECT exchange_id, min(at) AS asked_at, any(assignment_unit) AS unit, any(segments) AS segments, max(golden_ref != '') AS is_golden
        FROM legs
        WHERE leg = 'request' AND route = {route:String} AND at >= {since:DateTime64(3, 'UTC')} AND at < {until:DateTime64(3, 'UTC')}
        GROUP BY exchange_id
    ),
    -- Answers carry no route.
    answered AS
    (
        SELECT exchange_id, any(input_tokens) AS tokens_in, any(output_tokens) AS tokens_out
        FROM legs
        WHERE leg = 'live' AND at >= {since:DateTime64(3, 'UTC')} AND at < {until:DateTime64(3, 'UTC')}
        GROUP BY exchange_id
    ),
    placed AS
    (
        SELECT
            *,
            (toDayOfWeek(asked_at) - 1) * 24 + toHour(asked_at) AS hour,
            row_number() OVER (PARTITION BY unit, toMonday(asked_at) ORDER BY asked_at, exchange_id) = 1 AS opens
        FROM asked
        LEFT JOIN answered USING (exchange_id)
    ),
    hours AS
    (
        SELECT
            hour,
            count() / weeks AS requests,
            countIf(opens) / weeks AS units,
            countIf(is_golden) / weeks AS golden,
            requests * ifNull(avg(tokens_in), 0) AS input_tokens,
            requests * ifNull(avg(tokens_out), 0) AS output_tokens
        FROM placed
        GROUP BY hour
    )
SELECT every.hour AS hour, requests, units, golden, input_tokens, output_tokens
FROM (SELECT toUInt16(number) AS hour FROM numbers(168)) AS every
LEFT JOIN hours ON hours.hour = every.hour
ORDER BY hour
