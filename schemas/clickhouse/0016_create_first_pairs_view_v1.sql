-- The first pairs of a run in a span of time, as `pairs` gives them, by arrival: `most` of them, or fewer where there are no more. `worse` names a metric:
-- only pairs in which the candidate is higher on it; '' for all. `pairs` with a LIMIT merges all evidence of its span and reads all its texts to show
-- twenty; here is found first up to when so many have arrived. As many different times of arrival hold at least as many exchanges, and a metric is
-- read at one horizon, so that a record of its own says which is higher.
-- SELECT * FROM first_pairs(run = 'r', since = '2026-01-01 00:00:00', until = '2026-01-02 00:00:00', worse = '', most = 20)
DROP VIEW IF EXISTS first_pairs;
CREATE VIEW first_pairs AS
WITH
    (
        SELECT max(arrived_at)
        FROM
        (
            SELECT arrived_at
            FROM evidence
            WHERE {worse:String} = '' AND comparison = 'content_ab' AND run = {run:String}
                AND arrived_at >= {since:DateTime64(3, 'UTC')} AND arrived_at < {until:DateTime64(3, 'UTC')}
            GROUP BY arrived_at
            ORDER BY arrived_at
            LIMIT {most:UInt32}
        )
    ) AS last_of_all,
    (
        SELECT max(arrived_at)
        FROM
        (
            SELECT arrived_at
            FROM evidence FINAL
            WHERE {worse:String} != '' AND candidate_metrics[{worse:String}] > baseline_metrics[{worse:String}]
                AND comparison = 'content_ab' AND run = {run:String}
                AND arrived_at >= {since:DateTime64(3, 'UTC')} AND arrived_at < {until:DateTime64(3, 'UTC')}
            GROUP BY arrived_at
            ORDER BY arrived_at
            LIMIT {most:UInt32}
        )
    ) AS last_of_worse,
    -- Of nothing the last is 1970.
    greatest(last_of_all, last_of_worse) AS last_at,
    merged AS
    (
        SELECT
            run,
            wave,
            stage,
            stage_entry,
            exchange_id,
            min(f.arrived_at) AS arrived_at,
            any(f.tenant) AS tenant,
            any(f.segments) AS segments,
            argMax(f.baseline_resolution, f.horizon_ms) AS baseline_resolution,
            argMax(f.candidate_resolution, f.horizon_ms) AS candidate_resolution,
            arrayFold((merged, x) -> mapUpdate(merged, x.2), arraySort(x -> x.1, groupArray((f.horizon_ms, f.baseline_metrics))), CAST(map(), 'Map(String, Float64)')) AS baseline_metrics,
            arrayFold((merged, x) -> mapUpdate(merged, x.2), arraySort(x -> x.1, groupArray((f.horizon_ms, f.candidate_metrics))), CAST(map(), 'Map(String, Float64)')) AS candidate_metrics
        FROM
        (
            SELECT *
            FROM evidence FINAL
            WHERE comparison = 'content_ab' AND run = {run:String}
                AND arrived_at >= {since:DateTime64(3, 'UTC')} AND arrived_at < {until:DateTime64(3, 'UTC')} AND arrived_at <= last_at
        ) AS f
        GROUP BY run, wave, stage, stage_entry, exchange_id
    ),
    first AS
    (
        SELECT *
        FROM merged
        WHERE {worse:String} = '' OR candidate_metrics[{worse:String}] > baseline_metrics[{worse:String}]
        ORDER BY arrived_at, exchange_id
        LIMIT {most:UInt32}
    )
SELECT
    e.run AS run,
    e.wave AS wave,
    e.stage AS stage,
    e.stage_entry AS stage_entry,
    e.exchange_id AS exchange_id,
    e.arrived_at AS arrived_at,
    e.tenant AS tenant,
    e.segments AS segments,
    e.baseline_resolution AS baseline_resolution,
    e.candidate_resolution AS candidate_resolution,
    e.baseline_metrics AS baseline_metrics,
    e.candidate_metrics AS candidate_metrics,
    l.live_arm AS live_arm,
    l.prompt AS prompt,
    l.baseline_output AS baseline_output,
    l.candidate_output AS candidate_output,
    l.baseline_model AS baseline_model,
    l.candidate_model AS candidate_model,
    l.baseline_ms AS baseline_ms,
    l.candidate_ms AS candidate_ms
FROM first AS e
LEFT JOIN
(
    SELECT
        exchange_id,
        anyIf(arm, leg = 'request') AS live_arm,
        argMinIf(text, (at, log_offset), leg = 'request') AS prompt,
        argMinIf(text, (leg = 'shadow', at, log_offset), leg != 'request' AND arm = 'baseline') AS baseline_output,
        argMinIf(text, (leg = 'shadow', at, log_offset), leg != 'request' AND arm = 'candidate') AS candidate_output,
        argMinIf(model, (leg = 'shadow', at, log_offset), leg != 'request' AND arm = 'baseline') AS baseline_model,
        argMinIf(model, (leg = 'shadow', at, log_offset), leg != 'request' AND arm = 'candidate') AS candidate_model,
        argMinIf(duration_ms, (leg = 'shadow', at, log_offset), leg != 'request' AND arm = 'baseline') AS baseline_ms,
        argMinIf(duration_ms, (leg = 'shadow', at, log_offset), leg != 'request' AND arm = 'candidate') AS candidate_ms
    FROM legs
    WHERE at >= {since:DateTime64(3, 'UTC')} AND at < last_at + INTERVAL 1 DAY AND exchange_id IN (SELECT exchange_id FROM first)
    GROUP BY exchange_id
) AS l ON l.exchange_id = e.exchange_id;
