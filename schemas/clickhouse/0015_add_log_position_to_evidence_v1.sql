-- What a decision is recomputed from: a gate keeps strata by the rule of a place, and reads a run's evidence in the order of its log.
ALTER TABLE evidence ADD COLUMN IF NOT EXISTS turn UInt32;
ALTER TABLE evidence ADD COLUMN IF NOT EXISTS rule LowCardinality(String);
ALTER TABLE evidence ADD COLUMN IF NOT EXISTS log_partition UInt16 COMMENT 'partition of llm.evidence.v1';
ALTER TABLE evidence ADD COLUMN IF NOT EXISTS log_offset UInt64 COMMENT 'offset in that partition' CODEC(Delta, ZSTD(1));
