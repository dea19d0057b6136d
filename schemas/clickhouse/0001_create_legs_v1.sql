-- One row per record of an exchange: the request (leg 'request', with the redacted prompt) and each answer (redacted output).
-- Tokens on inserts make repetitions harmless; the window must outlast the longest retry.
CREATE TABLE IF NOT EXISTS legs
(
    exchange_id String,
    leg LowCardinality(String) COMMENT 'request, live or shadow',
    arm LowCardinality(String),
    attempt_id String,
    at DateTime64(3, 'UTC') COMMENT 'append time at the broker',
    route LowCardinality(String),
    tenant LowCardinality(String),
    operation LowCardinality(String),
    run LowCardinality(String),
    wave LowCardinality(String),
    stage LowCardinality(String),
    stage_entry UInt32,
    epoch UInt64,
    candidate_weight UInt32,
    assignment LowCardinality(String),
    segments Map(LowCardinality(String), String),
    assignment_unit String,
    resolution LowCardinality(String),
    error_class LowCardinality(String),
    status UInt16,
    duration_ms UInt32,
    ttft_ms Nullable(UInt32),
    model LowCardinality(String),
    provider LowCardinality(String),
    input_tokens Nullable(UInt32),
    output_tokens Nullable(UInt32),
    cost_micro_usd Nullable(UInt64),
    finish_reason LowCardinality(String),
    golden_ref String,
    text String COMMENT 'redacted: the request body, or the answer' CODEC(ZSTD(1)),
    redactions UInt32,
    capture LowCardinality(String),
    INDEX by_exchange exchange_id TYPE bloom_filter(0.01) GRANULARITY 4
)
ENGINE = MergeTree
PARTITION BY toDate(at)
ORDER BY (route, toStartOfMinute(at), exchange_id)
TTL toDateTime(at) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 10000;
