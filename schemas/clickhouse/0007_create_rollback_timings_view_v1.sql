-- Breach seen, latch written, router applied, last candidate request: one row per rollback.
CREATE VIEW IF NOT EXISTS rollback_timings AS
SELECT
    d.run AS run,
    d.at AS decided_at,
    d.actor AS actor,
    d.reason AS reason,
    fromUnixTimestamp64Milli(d.times['breached_at']) AS breached_at,
    fromUnixTimestamp64Milli(d.times['latch_written_at']) AS latch_written_at,
    c.last_candidate_request_at AS last_candidate_request_at
FROM (SELECT * FROM decisions FINAL WHERE to_phase = 'rolled_back' AND from_phase != 'rolled_back') AS d
LEFT JOIN
(
    SELECT run, max(at) AS last_candidate_request_at
    FROM legs
    WHERE leg = 'request' AND arm = 'candidate'
    GROUP BY run
) AS c ON c.run = d.run;
