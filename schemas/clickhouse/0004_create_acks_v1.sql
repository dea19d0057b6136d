CREATE TABLE IF NOT EXISTS acks
(
    router LowCardinality(String),
    route LowCardinality(String),
    epoch UInt64,
    brakes Array(String),
    lease LowCardinality(String),
    outcome LowCardinality(String),
    code LowCardinality(String),
    observed_candidate_share Nullable(Float64),
    applied_at DateTime64(3, 'UTC'),
    sent_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(sent_at)
ORDER BY (route, router, sent_at)
TTL toDateTime(sent_at) + INTERVAL 90 DAY
SETTINGS non_replicated_deduplication_window = 10000;
