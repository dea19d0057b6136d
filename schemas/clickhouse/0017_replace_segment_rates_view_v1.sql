-- As before: counts and means per stage, segment value, comparison and metric; segment '' is everybody; an answer without the metric is in no count; a
-- mean weighs each record by the inverse of its probability to be sampled (Hajek's estimator). New is how: records that carry the same metrics in the
-- same segments are summed first, so that not each of them is repeated for every metric and segment. segment_rates(run = …, since = …, until = …)
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
    total.1 AS metric,
    sumIf(n, total.2 = 'baseline') AS baseline_n,
    sumIf(n, total.2 = 'candidate') AS candidate_n,
    sumIf(total.3, total.2 = 'baseline') / sumIf(weight, total.2 = 'baseline') AS baseline_mean,
    sumIf(total.3, total.2 = 'candidate') / sumIf(weight, total.2 = 'candidate') AS candidate_mean,
    min(from_at) AS first_at,
    max(to_at) AS last_at
FROM
(
    SELECT
        *,
        arrayJoin(arrayConcat(
            arrayMap((name, total) -> (name, 'baseline', total), baseline_names, baseline_totals),
            arrayMap((name, total) -> (name, 'candidate', total), candidate_names, candidate_totals))) AS total,
        arrayJoin(arrayConcat([('', '')], arrayZip(arrayMap(x -> toString(x), mapKeys(segments)), mapValues(segments)))) AS slice
    FROM
    (
        SELECT
            run,
            wave,
            stage,
            stage_entry,
            comparison,
            source,
            segments,
            mapKeys(baseline_metrics) AS baseline_names,
            mapKeys(candidate_metrics) AS candidate_names,
            count() AS n,
            sum(1 / inclusion_p) AS weight,
            sumForEach(arrayMap(x -> x / inclusion_p, mapValues(baseline_metrics))) AS baseline_totals,
            sumForEach(arrayMap(x -> x / inclusion_p, mapValues(candidate_metrics))) AS candidate_totals,
            min(arrived_at) AS from_at,
            max(arrived_at) AS to_at
        FROM evidence FINAL
        WHERE NOT late AND inclusion_p > 0 AND run = {run:String}
            AND arrived_at >= {since:DateTime64(3, 'UTC')} AND arrived_at < {until:DateTime64(3, 'UTC')}
        GROUP BY run, wave, stage, stage_entry, comparison, source, segments, baseline_names, candidate_names
    )
)
GROUP BY run, wave, stage, stage_entry, comparison, source, segment, segment_value, metric;
