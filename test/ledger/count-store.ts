import type { Count } from './count-log.ts'
import { feedRunIds } from './feed-exchange.ts'

export type Ask = (sql: string) => Promise<readonly Record<string, unknown>[]>

/** Offsets asked for at once. */
const spanRows = 100_000

/** The table of legs, row by row: each record of the log that belongs there has one. */
export async function countLegs(ask: Ask, stored: readonly ReadonlySet<number>[]): Promise<Count> {
  let [expected, found, double] = [0, 0, 0]
  for (const [partition, offsets] of stored.entries()) {
    expected += offsets.size
    const end = Math.max(
      0,
      ...(await ask(`SELECT max(log_offset) AS end FROM legs WHERE log_partition = ${partition}`)).map(endOf),
    )
    for (let from = 0; from <= end; from += spanRows) {
      const rows = await ask(
        `SELECT log_offset AS at, count() AS times FROM legs WHERE log_partition = ${partition} AND log_offset >= ${from} AND log_offset < ${from + spanRows} GROUP BY log_offset`,
      )
      for (const { at, times } of rows) {
        if (offsets.has(Number(at))) found += 1
        // One that is in the log nowhere is one too many.
        double += Number(times) - (offsets.has(Number(at)) ? 1 : 0)
      }
    }
  }
  return { expected, found, lost: expected - found, double }
}

function endOf({ end }: Record<string, unknown>): number {
  return Number(end)
}

const hexDigits = '0123456789abcdef'

/** The table of evidence: each id of the topic once. Rows are counted as a reader of the table sees them, by FINAL. */
export async function countStoredEvidence(ask: Ask, ids: ReadonlySet<string>): Promise<Count> {
  let [found, double] = [0, 0]
  for (const digit of hexDigits) {
    const rows = await ask(
      `SELECT id, count() AS times FROM evidence FINAL WHERE startsWith(id, '${digit}') GROUP BY id`,
    )
    for (const { id, times } of rows) {
      const isKnown = ids.has(String(id))
      if (isKnown) found += 1
      double += Number(times) - (isKnown ? 1 : 0)
    }
  }
  return { expected: ids.size, found, lost: ids.size - found, double }
}

/** Pairs of the feed with both answers, as the table has them. */
export async function countStoredPairs(ask: Ask, expected: number, horizonMs: number): Promise<Count> {
  const [row] = await ask(
    `SELECT count() AS rows, uniqExact(exchange_id) AS exchanges FROM evidence FINAL WHERE run IN (${feedRunIds.map((id) => `'${id}'`).join(', ')}) AND comparison = 'content_ab' AND horizon_ms = ${horizonMs} AND baseline_resolution = 'answered' AND candidate_resolution = 'answered'`,
  )
  const [rows, found] = [Number(row?.['rows']), Number(row?.['exchanges'])]
  return { expected, found, lost: expected - found, double: rows - found }
}

export async function countStoredDecisions(ask: Ask, ids: ReadonlySet<string>): Promise<Count> {
  const rows = await ask('SELECT id, count() AS times FROM decisions FINAL GROUP BY id')
  const known = rows.filter(({ id }) => ids.has(String(id))).length
  const all = rows.reduce((sum, { times }) => sum + Number(times), 0)
  return { expected: ids.size, found: known, lost: ids.size - known, double: all - known }
}
