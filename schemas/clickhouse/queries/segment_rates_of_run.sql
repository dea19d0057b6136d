-- Counts and means of every metric per stage and segment, over a run's evidence of a span of time.
SELECT stage, stage_entry, comparison, segment, segment_value, metric, baseline_n, candidate_n, baseline_mean, candidate_mean
FROM segment_rates(run = {run:String}, since = {since:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')})
ORDER BY stage_entry, comparison, segment, segment_value, metric
