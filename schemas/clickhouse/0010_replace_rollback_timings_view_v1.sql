-- Breach seen, latch written, each router applied it, last candidate request: one row per rollback, in the order in which it happens.
-- `router_applied_at` holds the first ack of each router that binds a brake after the breach. Times that are not known are null.
CREATE OR REPLACE VIEW rollback_timings AS
SELECT
    d.run AS run,
    d.wave AS wave,
    d.at AS decided_at,
    d.actor AS actor,
    d.reason AS reason,
    if(mapContains(d.times, 'breached_at'), fromUnixTimestamp64Milli(d.times['breached_at'], 'UTC'), NULL) AS breached_at,
    if(mapContains(d.times, 'latch_written_at'), fromUnixTimestamp64Milli(d.times['latch_written_at'], 'UTC'), NULL) AS latch_written_at,
    mapFromArrays(
        arrayMap(x -> x.1, a.first_acks),
        arrayMap(x -> x.2, a.first_acks)
    ) AS router_applied_at,
    if(c.run = '', NULL, c.last_candidate_request_at) AS last_candidate_request_at
FROM (SELECT * FROM decisions FINAL WHERE to_phase = 'rolled_back' AND from_phase != 'rolled_back') AS d
LEFT JOIN
(
    SELECT run, max(at) AS last_candidate_request_at
    FROM legs
    WHERE leg = 'request' AND arm = 'candidate' AND run != ''
    GROUP BY run
) AS c ON c.run = d.run
LEFT JOIN
(
    SELECT id, groupArray((router, applied_at)) AS first_acks
    FROM
    (
        SELECT b.id AS id, toString(k.router) AS router, min(k.applied_at) AS applied_at
        FROM (SELECT id, run, times['breached_at'] AS breached_ms FROM decisions FINAL WHERE to_phase = 'rolled_back' AND mapContains(times, 'breached_at')) AS b
        INNER JOIN (SELECT DISTINCT run, route FROM legs WHERE leg = 'request' AND run != '') AS r ON r.run = b.run
        INNER JOIN (SELECT * FROM acks FINAL WHERE notEmpty(brakes)) AS k ON k.route = r.route
        WHERE toUnixTimestamp64Milli(k.applied_at) >= b.breached_ms
        GROUP BY id, router
        ORDER BY router
    )
    GROUP BY id
) AS a ON a.id = d.id;
