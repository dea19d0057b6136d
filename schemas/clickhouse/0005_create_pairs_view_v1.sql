-- Baseline and candidate of one exchange in one row: live baseline answer beside the candidate's shadow answer, with the metrics that the gate saw.
-- Read it with a time range on arrived_at and a run.
CREATE VIEW IF NOT EXISTS pairs AS
SELECT
    e.run AS run,
    e.wave AS wave,
    e.stage AS stage,
    e.stage_entry AS stage_entry,
    e.exchange_id AS exchange_id,
    e.arrived_at AS arrived_at,
    e.tenant AS tenant,
    e.segments AS segments,
    e.baseline_resolution AS baseline_resolution,
    e.candidate_resolution AS candidate_resolution,
    e.baseline_metrics AS baseline_metrics,
    e.candidate_metrics AS candidate_metrics,
    l.prompt AS prompt,
    l.baseline_output AS baseline_output,
    l.candidate_output AS candidate_output,
    l.baseline_model AS baseline_model,
    l.candidate_model AS candidate_model,
    l.baseline_ms AS baseline_ms,
    l.candidate_ms AS candidate_ms
FROM
(
    SELECT * FROM evidence FINAL WHERE comparison = 'content_ab'
    QUALIFY horizon_ms = max(horizon_ms) OVER (PARTITION BY run)
) AS e
LEFT JOIN
(
    SELECT
        exchange_id,
        anyIf(text, leg = 'request') AS prompt,
        argMinIf(text, at, leg = 'live' AND arm = 'baseline') AS baseline_output,
        argMinIf(text, at, leg = 'shadow' AND arm = 'candidate') AS candidate_output,
        argMinIf(model, at, leg = 'live' AND arm = 'baseline') AS baseline_model,
        argMinIf(model, at, leg = 'shadow' AND arm = 'candidate') AS candidate_model,
        argMinIf(duration_ms, at, leg = 'live' AND arm = 'baseline') AS baseline_ms,
        argMinIf(duration_ms, at, leg = 'shadow' AND arm = 'candidate') AS candidate_ms
    FROM legs
    GROUP BY exchange_id
) AS l ON l.exchange_id = e.exchange_id;
