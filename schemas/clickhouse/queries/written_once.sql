-- The ledger of a span of time: `rows` equals `positions` when every record of the log was written once. `legs` below that: producers sent records
-- twice (the first of each counts); they are told apart by their attempt.
SELECT count() AS rows, uniqExact(log_partition, log_offset) AS positions, uniqExact(exchange_id, leg, arm, attempt_id) AS legs, uniqExact(exchange_id) AS exchanges
FROM legs
WHERE at >= {since:DateTime64(3, 'UTC')} AND at < {until:DateTime64(3, 'UTC')}
