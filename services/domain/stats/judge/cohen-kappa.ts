import type { Interval } from '../paired/paired-interval.ts'
import { normalQuantile } from '../special-functions/normal.ts'
import { requireCounts, requireWithin, StatsError } from '../stats-error.ts'

/**
 * Cohen's κ of a square table (rows judge, columns human) with the large-sample standard error of Fleiss, Cohen & Everitt 1969 (Psychol. Bull. 72:323) and
 * a two-sided 1 − α normal interval. κ is null where it is not defined: no item, or both raters give everything the same one label.
 */
export function cohenKappa(
  table: readonly (readonly number[])[],
  alpha: number,
): { readonly kappa: number | null; readonly error: number | null; readonly interval: Interval | null } {
  requireWithin({ alpha }, Number.MIN_VALUE, 1)
  const k = table.length
  if (k < 2 || table.some((row) => row.length !== k)) throw new StatsError('the table must be square, 2 × 2 or larger')
  for (const row of table) for (const count of row) requireCounts({ count })
  const n = table.flat().reduce((sum, count) => sum + count, 0)
  if (n === 0) return { kappa: null, error: null, interval: null }
  const rows = table.map((row) => row.reduce((sum, count) => sum + count, 0) / n)
  const columns = table.map((_, j) => table.reduce((sum, row) => sum + (row[j] ?? 0), 0) / n)
  const at = (i: number, j: number) => (table[i]?.[j] ?? 0) / n
  const observed = table.reduce((sum, _, i) => sum + at(i, i), 0)
  const expected = rows.reduce((sum, row, i) => sum + row * (columns[i] ?? 0), 0)
  // The chance disagreement, summed directly: 1 − expected would leave rounding where one label rules.
  const room = rows.reduce((sum, row, i) => sum + row * columns.reduce((s, c, j) => (j === i ? s : s + c), 0), 0)
  if (room === 0) return { kappa: null, error: null, interval: null }
  const kappa = (observed - expected) / room
  let diagonal = 0
  let off = 0
  for (let i = 0; i < k; i += 1) {
    for (let j = 0; j < k; j += 1) {
      const margin = (rows[j] ?? 0) + (columns[i] ?? 0)
      if (i === j) diagonal += at(i, i) * (1 - margin * (1 - kappa)) ** 2
      else off += at(i, j) * margin ** 2
    }
  }
  const shift = (kappa - expected * (1 - kappa)) ** 2
  const error = Math.sqrt(Math.max(0, diagonal + (1 - kappa) ** 2 * off - shift) / n) / room
  const half = -normalQuantile(alpha / 2) * error
  return { kappa, error, interval: [kappa - half, kappa + half] }
}
