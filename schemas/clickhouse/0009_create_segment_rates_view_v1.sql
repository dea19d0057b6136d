-- Counts and means per stage, segment value, comparison and metric; segment '' is everybody. Counts are per arm: in live_ab each row is a single.
-- An answer without the metric is in no count. Read it with a run.
CREATE VIEW IF NOT EXISTS segment_rates AS
SELECT
    run,
    wave,
    stage,
    stage_entry,
    comparison,
    source,
    slice.1 AS segment,
    slice.2 AS segment_value,
    metric,
    countIf(mapContains(baseline_metrics, metric)) AS baseline_n,
    countIf(mapContains(candidate_metrics, metric)) AS candidate_n,
    avgIf(baseline_metrics[metric], mapContains(baseline_metrics, metric)) AS baseline_mean,
    avgIf(candidate_metrics[metric], mapContains(candidate_metrics, metric)) AS candidate_mean,
    min(arrived_at) AS first_at,
    max(arrived_at) AS last_at
FROM
(
    SELECT
        *,
        arrayJoin(arrayDistinct(arrayConcat(mapKeys(baseline_metrics), mapKeys(candidate_metrics)))) AS metric,
        arrayJoin(arrayConcat([('', '')], arrayZip(arrayMap(x -> toString(x), mapKeys(segments)), mapValues(segments)))) AS slice
    FROM evidence FINAL
    WHERE NOT late
)
GROUP BY run, wave, stage, stage_entry, comparison, source, segment, segment_value, metric;
