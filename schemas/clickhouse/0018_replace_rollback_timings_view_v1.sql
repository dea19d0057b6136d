-- As before, reading less: answers carry no route and stand first in the table's order, so that only requests are read, and those are passed along the
-- few rollbacks instead of being kept in memory beside them. One row per rollback decided in a span of time. A run that was released and goes on has
-- candidate requests again: only those before that are the rollback's. `router_applied_at` holds each router's first ack that binds a brake from the
-- breach on. Times that are not known are null, and so is the last candidate request where the span holds none: requests are looked for from a day
-- before `since`. Takes its bounds as arguments: rollback_timings(since = …, until = …)
DROP VIEW IF EXISTS rollback_timings;
CREATE VIEW rollback_timings AS
WITH
    reverts AS
    (
        SELECT
            r.id AS id,
            r.run AS run,
            r.wave AS wave,
            r.at AS at,
            r.actor AS actor,
            r.reason AS reason,
            r.times AS times,
            minIf(n.at, n.from_phase = 'rolled_back' AND n.at >= r.at AND n.id != r.id) AS first_left_at,
            if(first_left_at = toDateTime64(0, 3, 'UTC'), toDateTime64('2200-01-01 00:00:00', 3, 'UTC'), first_left_at) AS left_at
        FROM
        (
            SELECT * FROM decisions FINAL
            WHERE to_phase = 'rolled_back' AND from_phase != 'rolled_back'
                AND at >= {since:DateTime64(3, 'UTC')} AND at < {until:DateTime64(3, 'UTC')}
        ) AS r
        LEFT JOIN (SELECT * FROM decisions FINAL WHERE at >= {since:DateTime64(3, 'UTC')}) AS n ON n.run = r.run
        GROUP BY id, run, wave, at, actor, reason, times
    ),
    requests AS
    (
        SELECT run, route, arm, at
        FROM legs
        WHERE leg = 'request' AND route != '' AND run IN (SELECT run FROM reverts)
            AND at >= {since:DateTime64(3, 'UTC')} - INTERVAL 1 DAY AND at < {until:DateTime64(3, 'UTC')} + INTERVAL 1 DAY
    ),
    applied AS
    (
        SELECT b.id AS id, toString(k.router) AS router, min(k.applied_at) AS applied_at
        FROM (SELECT id, run, left_at, times['breached_at'] AS breached_ms FROM reverts WHERE mapContains(times, 'breached_at')) AS b
        INNER JOIN (SELECT DISTINCT run, route FROM requests) AS r ON r.run = b.run
        INNER JOIN
        (
            SELECT * FROM acks FINAL
            WHERE notEmpty(brakes) AND sent_at >= {since:DateTime64(3, 'UTC')} - INTERVAL 1 DAY AND sent_at < {until:DateTime64(3, 'UTC')} + INTERVAL 1 DAY
        ) AS k ON k.route = r.route
        WHERE toUnixTimestamp64Milli(k.applied_at) >= b.breached_ms AND k.applied_at < b.left_at
        GROUP BY id, router
        ORDER BY router
    )
SELECT
    d.run AS run,
    d.wave AS wave,
    d.at AS decided_at,
    d.actor AS actor,
    d.reason AS reason,
    if(mapContains(d.times, 'breached_at'), fromUnixTimestamp64Milli(d.times['breached_at'], 'UTC'), NULL) AS breached_at,
    if(mapContains(d.times, 'latch_written_at'), fromUnixTimestamp64Milli(d.times['latch_written_at'], 'UTC'), NULL) AS latch_written_at,
    mapFromArrays(arrayMap(x -> x.1, a.first_acks), arrayMap(x -> x.2, a.first_acks)) AS router_applied_at,
    if(c.id = '', NULL, c.last_candidate_request_at) AS last_candidate_request_at
FROM reverts AS d
LEFT JOIN
(
    SELECT b.id AS id, max(q.at) AS last_candidate_request_at
    FROM (SELECT run, at FROM requests WHERE arm = 'candidate') AS q
    INNER JOIN reverts AS b ON b.run = q.run
    WHERE q.at < b.left_at
    GROUP BY id
) AS c ON c.id = d.id
LEFT JOIN (SELECT id, groupArray((router, applied_at)) AS first_acks FROM applied GROUP BY id) AS a ON a.id = d.id;
