-- A run's evidence is read page by page in the order of its log: without this every page looks at the offsets of the whole run.
ALTER TABLE evidence ADD INDEX IF NOT EXISTS by_offset log_offset TYPE minmax GRANULARITY 1;
ALTER TABLE evidence MATERIALIZE INDEX by_offset;
