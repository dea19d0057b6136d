CREATE TABLE IF NOT EXISTS decisions
(
    id String,
    run LowCardinality(String),
    wave LowCardinality(String),
    stage_entry UInt32,
    from_phase LowCardinality(String),
    to_phase LowCardinality(String),
    actor LowCardinality(String),
    reason String,
    analysis String CODEC(ZSTD(1)),
    times Map(String, Int64),
    at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(at)
ORDER BY (run, at, id)
SETTINGS non_replicated_deduplication_window = 10000;
