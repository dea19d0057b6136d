import { z } from 'zod'
import { type ConfigOf, commonSettings, loadConfig, setting } from '../platform/config/load-config.ts'

const settings = {
  ...commonSettings,
  clickhouseUrl: setting('PENSTOCK_CLICKHOUSE_URL', 'the store', z.url()),
  clickhouseUser: setting('PENSTOCK_CLICKHOUSE_WRITER', 'writing account', z.string().default('writer')),
  clickhousePassword: setting('PENSTOCK_CLICKHOUSE_WRITER_PASSWORD', 'its password', z.string().default('')),
  clickhouseDatabase: setting('PENSTOCK_CLICKHOUSE_DATABASE', 'database', z.string().default('penstock')),
  hashKey: setting('PENSTOCK_HASH_KEY', 'secret that pseudonyms are made with', z.string().min(16)),
  lanes: setting(
    'PENSTOCK_SINK_LANES',
    'exchanges, evidence, or both',
    z.enum(['exchanges', 'evidence', 'both']).default('both'),
  ),
  recordsMax: setting(
    'PENSTOCK_SINK_RECORDS_MAX',
    'most records in one insert',
    z.coerce.number().int().min(1).max(100_000).default(5_000),
  ),
  bytesMax: setting(
    'PENSTOCK_SINK_BYTES_MAX',
    'most bytes in one insert',
    z.coerce.number().int().min(10_000).default(16_000_000),
  ),
  waitMaxMs: setting(
    'PENSTOCK_SINK_WAIT_MAX_MS',
    'longest wait for an insert to fill',
    z.coerce.number().int().min(10).default(1_000),
  ),
} as const

export type SinkConfig = ConfigOf<typeof settings>

export function loadSinkConfig(argv: readonly string[]): SinkConfig {
  return loadConfig('sink', settings, process.env, argv)
}
