import { openClickHouse } from '../../services/platform/clickhouse/clickhouse-store.ts'

/** One read of the store, as its reader. */
export async function queryStore(
  options: { readonly url: string; readonly user: string; readonly password: string; readonly database: string },
  sql: string,
): Promise<readonly Record<string, unknown>[]> {
  const store = openClickHouse(options)
  try {
    return await store.query<Record<string, unknown>>(sql)
  } finally {
    await store.stop()
  }
}
