-- Rollbacks decided in a span of time, and how long each part took.
SELECT run, wave, actor, reason, breached_at, latch_written_at, router_applied_at, last_candidate_request_at,
    dateDiff('millisecond', breached_at, latch_written_at) AS latch_ms,
    dateDiff('millisecond', breached_at, last_candidate_request_at) AS revert_ms
FROM rollback_timings
WHERE decided_at >= {from:DateTime64(3, 'UTC')} AND decided_at < {to:DateTime64(3, 'UTC')}
ORDER BY decided_at, run
