import type { Run } from '../domain/rollout/run.ts'
import type { ClickHouseStore } from '../platform/clickhouse/clickhouse-store.ts'
import { ApiProblem } from './problem.ts'

export interface PairQuery {
  readonly limit?: string
  /** Only pairs in which this metric is worse for the candidate. */
  readonly worse?: string
}

/** Baseline and candidate of one exchange side by side, redacted, from the store. */
export interface PairReader {
  pairs(run: Run, query: PairQuery): Promise<readonly Record<string, unknown>[]>
}

const limitMax = 1_000
/** Evidence of the run, however late: nothing in the store is from after this. */
const endOfTime = new Date(Date.UTC(2199, 0, 1))

export function createPairReader(store: ClickHouseStore | null): PairReader {
  return {
    async pairs(run, query) {
      if (store === null)
        throw new ApiProblem(503, 'NO_STORE', 'this API has no store configured; set PENSTOCK_CLICKHOUSE_URL')
      const limit = Math.min(limitMax, Math.max(1, Number(query.limit ?? 20) || 20))
      const worse = query.worse ?? ''
      const sql = `SELECT * FROM pairs(run = {run:String}, since = {since:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')})
        WHERE ({worse:String} = '' OR candidate_metrics[{worse:String}] > baseline_metrics[{worse:String}])
        ORDER BY arrived_at LIMIT {limit:UInt32}`
      try {
        return await store.query<Record<string, unknown>>(sql, {
          run: run.id,
          since: new Date(run.createdAtMs),
          until: endOfTime,
          worse,
          limit,
        })
      } catch (error) {
        throw new ApiProblem(
          503,
          'STORE_AWAY',
          `the store did not answer: ${error instanceof Error ? error.message : String(error)}`,
        )
      }
    },
  }
}
