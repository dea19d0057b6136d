-- Counts and means per stage, segment value, comparison and metric; segment '' is everybody. Counts are per arm: in live_ab each row is a single.
-- An answer without the metric is in no count. A mean weighs each record by the inverse of its probability to be sampled, so that a segment that is
-- shadowed more often does not count for more (Hajek's estimator). Takes its bounds as arguments: segment_rates(run = …, since = …, until = …)
DROP VIEW IF EXISTS stage_rates;
DROP VIEW IF EXISTS segment_rates;
CREATE VIEW segment_rates AS
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
    sumIf(baseline_metrics[metric] / inclusion_p, mapContains(baseline_metrics, metric)) / sumIf(1 / inclusion_p, mapContains(baseline_metrics, metric)) AS baseline_mean,
    sumIf(candidate_metrics[metric] / inclusion_p, mapContains(candidate_metrics, metric)) / sumIf(1 / inclusion_p, mapContains(candidate_metrics, metric)) AS candidate_mean,
    min(arrived_at) AS first_at,
    max(arrived_at) AS last_at
FROM
(
    SELECT
        *,
        arrayJoin(arrayDistinct(arrayConcat(mapKeys(baseline_metrics), mapKeys(candidate_metrics)))) AS metric,
        arrayJoin(arrayConcat([('', '')], arrayZip(arrayMap(x -> toString(x), mapKeys(segments)), mapValues(segments)))) AS slice
    FROM evidence FINAL
    WHERE NOT late AND inclusion_p > 0 AND run = {run:String}
        AND arrived_at >= {since:DateTime64(3, 'UTC')} AND arrived_at < {until:DateTime64(3, 'UTC')}
)
GROUP BY run, wave, stage, stage_entry, comparison, source, segment, segment_value, metric;
