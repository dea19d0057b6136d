-- Rows inserted here are written into legs where their position in the log is not there yet. The sink asks for this when an insert was not answered
-- at once: a server that is killed in the middle of one may remember its token and have lost its rows. The view reads legs with the rights of who
-- made it, so that the sink's account needs none to read. `at` is a record's append time, equal in every repetition: it bounds what is looked at.
CREATE TABLE IF NOT EXISTS legs_if_absent AS legs ENGINE = Null;
CREATE MATERIALIZED VIEW IF NOT EXISTS legs_if_absent_view TO legs
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT *
FROM legs_if_absent
WHERE (log_partition, log_offset) NOT IN
(
    SELECT log_partition, log_offset
    FROM legs
    WHERE at >= (SELECT min(at) FROM legs_if_absent) AND at <= (SELECT max(at) FROM legs_if_absent)
        AND log_offset >= (SELECT min(log_offset) FROM legs_if_absent) AND log_offset <= (SELECT max(log_offset) FROM legs_if_absent)
);
