import type { ClickHouseStore } from '../platform/clickhouse/clickhouse-store.ts'
import { ApiProblem } from './problem.ts'

/** Rows of a question to the store. Throws ApiProblem NO_STORE when none is configured and STORE_AWAY when it does not answer (503). */
export async function askStore<Row>(
  store: ClickHouseStore | null,
  sql: string,
  parameters: Readonly<Record<string, unknown>>,
): Promise<readonly Row[]> {
  if (store === null)
    throw new ApiProblem(503, 'NO_STORE', 'this API has no store configured; set PENSTOCK_CLICKHOUSE_URL')
  try {
    return await store.query<Row>(sql, parameters)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new ApiProblem(503, 'STORE_AWAY', `the store did not answer: ${why}`)
  }
}
