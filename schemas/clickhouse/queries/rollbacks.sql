-- Rollbacks decided in a span of time, and how long each part took; 0 where the candidate had its last request before the breach was seen.
SELECT run, wave, actor, reason, breached_at, latch_written_at, router_applied_at, last_candidate_request_at,
    dateDiff('millisecond', breached_at, latch_written_at) AS latch_ms,
    dateDiff('millisecond', breached_at, if(last_candidate_request_at < breached_at, breached_at, last_candidate_request_at)) AS revert_ms
FROM rollback_timings(since = {since:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')})
ORDER BY decided_at, run
