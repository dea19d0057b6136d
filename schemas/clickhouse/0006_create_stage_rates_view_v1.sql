-- Rates and means per stage, segment value, comparison and metric.
CREATE VIEW IF NOT EXISTS stage_rates AS
SELECT
    run,
    wave,
    stage,
    stage_entry,
    comparison,
    metric,
    count() AS pairs,
    avgIf(baseline_metrics[metric], mapContains(baseline_metrics, metric)) AS baseline_mean,
    avgIf(candidate_metrics[metric], mapContains(candidate_metrics, metric)) AS candidate_mean,
    min(arrived_at) AS first_at,
    max(arrived_at) AS last_at
FROM
(
    SELECT *, arrayJoin(arrayDistinct(arrayConcat(mapKeys(baseline_metrics), mapKeys(candidate_metrics)))) AS metric
    FROM evidence FINAL
    WHERE NOT late
)
GROUP BY run, wave, stage, stage_entry, comparison, metric;
