-- The ledger of a span of time: `rows` equals `positions` when every record of the log was written once. `legs` below that: producers sent records
-- twice (the first of each counts); they are told apart by their attempt.
SELECT rows, positions, legs, exchanges
FROM
(
    SELECT sum(n) AS rows, count() AS positions
    FROM
    (
        SELECT count() AS n
        FROM legs
        WHERE at >= {since:DateTime64(3, 'UTC')} AND at < {until:DateTime64(3, 'UTC')}
        GROUP BY log_partition, log_offset
    )
) AS log,
(
    SELECT sum(n) AS legs, count() AS exchanges
    FROM
    (
        SELECT uniqExact(leg, arm, attempt_id) AS n
        FROM legs
        WHERE at >= {since:DateTime64(3, 'UTC')} AND at < {until:DateTime64(3, 'UTC')}
        GROUP BY exchange_id
    )
) AS sent
