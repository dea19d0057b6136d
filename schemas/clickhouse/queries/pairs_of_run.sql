-- The first pairs of a run in a span of time, side by side; `worse`: only those in which the candidate is higher on that metric ('' for all).
SELECT exchange_id, arrived_at, stage, tenant, segments, live_arm, prompt, baseline_output, candidate_output, baseline_metrics, candidate_metrics
FROM first_pairs(run = {run:String}, since = {since:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')}, worse = {worse:String}, most = {limit:UInt32})
ORDER BY arrived_at, exchange_id
