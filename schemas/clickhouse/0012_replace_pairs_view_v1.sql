-- Baseline and candidate of one exchange in one row, whichever of the two was live (in a canary the candidate may be): the live answer where an arm
-- has one, else its first shadow answer in log order. Metrics of all horizons and sources are merged, the longest horizon last, the highest version
-- only. An answer that never came leaves its output empty and its resolution says why. Takes its bounds as arguments, because texts are only found
-- quickly where the time is known: SELECT * FROM pairs(run = 'r', since = '2026-01-01 00:00:00', until = '2026-01-02 00:00:00')
DROP VIEW IF EXISTS pairs;
CREATE VIEW pairs AS
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
FROM
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
            AND arrived_at >= {since:DateTime64(3, 'UTC')} AND arrived_at < {until:DateTime64(3, 'UTC')}
    ) AS f
    GROUP BY run, wave, stage, stage_entry, exchange_id
) AS e
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
    WHERE at >= {since:DateTime64(3, 'UTC')} AND at < {until:DateTime64(3, 'UTC')} + INTERVAL 1 DAY
        AND exchange_id IN
        (
            SELECT exchange_id
            FROM evidence
            WHERE comparison = 'content_ab' AND run = {run:String}
                AND arrived_at >= {since:DateTime64(3, 'UTC')} AND arrived_at < {until:DateTime64(3, 'UTC')}
        )
    GROUP BY exchange_id
) AS l ON l.exchange_id = e.exchange_id;
