-- Small records without text, kept as long as decisions may be asked about.
CREATE TABLE IF NOT EXISTS evidence
(
    id String,
    version UInt32,
    exchange_id String,
    run LowCardinality(String),
    wave LowCardinality(String),
    stage LowCardinality(String),
    stage_entry UInt32,
    epoch UInt64,
    candidate_weight UInt32,
    comparison LowCardinality(String),
    source LowCardinality(String),
    horizon_ms UInt32,
    arrived_at DateTime64(3, 'UTC'),
    arm LowCardinality(String),
    baseline_resolution LowCardinality(String),
    candidate_resolution LowCardinality(String),
    unit String,
    assignment_unit String,
    tenant LowCardinality(String),
    segments Map(LowCardinality(String), String),
    inclusion_p Float64,
    baseline_metrics Map(LowCardinality(String), Float64),
    candidate_metrics Map(LowCardinality(String), Float64),
    late Bool,
    INDEX by_exchange exchange_id TYPE bloom_filter(0.01) GRANULARITY 4
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(arrived_at)
ORDER BY (run, comparison, horizon_ms, arrived_at, id)
TTL toDateTime(arrived_at) + INTERVAL 400 DAY
SETTINGS non_replicated_deduplication_window = 10000;
