import type { Run } from '../domain/rollout/run.ts'
import { metricCatalogue } from '../domain/scoring/catalogue.ts'
import type { ClickHouseStore } from '../platform/clickhouse/clickhouse-store.ts'
import type { Api } from './api-types.ts'
import { askStore } from './ask-store.ts'
import { ApiProblem } from './problem.ts'

export interface PairQuery {
  /** At most so many; the document bounds it. */
  readonly limit: number | undefined
  /** Only pairs in which this metric is worse for the candidate. */
  readonly worse: string | undefined
}

/** Baseline and candidate of one exchange side by side, redacted, from the store. */
export interface PairReader {
  /** Throws ApiProblem UNKNOWN_METRIC (422), NO_STORE and STORE_AWAY (503). */
  pairs(run: Run, query: PairQuery): Promise<readonly Api['Pair'][]>
}

const limitDefault = 20
/** Evidence of the run, however late: nothing in the store is from after this. */
const endOfTime = new Date(Date.UTC(2199, 0, 1))

export function createPairReader(store: ClickHouseStore | null): PairReader {
  return {
    async pairs(run, query) {
      const { limit = limitDefault, worse = '' } = query
      if (worse !== '' && !metricCatalogue.some((metric) => metric.name === worse)) throw unknownMetric(worse)
      const sql = `SELECT * FROM first_pairs(run = {run:String}, since = {since:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')},
        worse = {worse:String}, most = {limit:UInt32}) ORDER BY arrived_at, exchange_id`
      const since = new Date(run.createdAtMs)
      return askStore<Api['Pair']>(store, sql, { run: run.id, since, until: endOfTime, worse, limit })
    },
  }
}

function unknownMetric(name: string): ApiProblem {
  const names = metricCatalogue.map((metric) => metric.name).join(', ')
  const message = `unknown metric \`${name}\`; use one of ${names}`
  return new ApiProblem(422, 'UNKNOWN_METRIC', message, [{ line: null, path: 'worse', message }])
}
