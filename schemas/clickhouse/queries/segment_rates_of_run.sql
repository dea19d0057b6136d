-- Counts and means of every metric per stage and segment, for a run whose evidence lies in a span of time.
SELECT stage, stage_entry, comparison, segment, segment_value, metric, baseline_n, candidate_n, baseline_mean, candidate_mean
FROM segment_rates
WHERE run = {run:String}
  AND first_at >= {from:DateTime64(3, 'UTC')} AND last_at < {to:DateTime64(3, 'UTC')}
ORDER BY stage_entry, comparison, segment, segment_value, metric
