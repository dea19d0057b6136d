-- The pairs of a run in a span of time, side by side; `worse`: only those in which the candidate is higher on that metric ('' for all).
SELECT exchange_id, arrived_at, stage, tenant, segments, live_arm, prompt, baseline_output, candidate_output, baseline_metrics, candidate_metrics
FROM pairs(run = {run:String}, since = {since:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')})
WHERE {worse:String} = '' OR candidate_metrics[{worse:String}] > baseline_metrics[{worse:String}]
ORDER BY arrived_at, exchange_id
LIMIT {limit:UInt32}
