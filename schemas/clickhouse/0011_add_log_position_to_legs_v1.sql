-- Where each row's record stands in llm.exchanges.v1. One row per position is what "written exactly once" means: a producer that sent a record
-- twice shows as two positions with one attempt_id, a sink that wrote one twice would show as one position with two rows.
ALTER TABLE legs ADD COLUMN IF NOT EXISTS log_partition UInt16 COMMENT 'partition of llm.exchanges.v1';
ALTER TABLE legs ADD COLUMN IF NOT EXISTS log_offset UInt64 COMMENT 'offset in that partition' CODEC(Delta, ZSTD(1));
