import { PenstockError } from '../outcome/penstock-error.ts'

/** An argument lies outside a method's domain (NaN, a negative count, a probability above 1): a bug of the caller, never an answer. */
export class StatsError extends PenstockError {
  constructor(message: string) {
    super(message, { code: 'STATS_DOMAIN' })
  }
}

/** Throws StatsError unless every value is a finite number within [low, high]. */
export function requireWithin(values: Readonly<Record<string, number>>, low: number, high: number): void {
  // Called for every e-value of every record: no list of entries is made.
  for (const name in values) {
    const value = values[name] ?? Number.NaN
    if (!(value >= low && value <= high)) throw new StatsError(`${name} must lie in [${low}, ${high}], got ${value}`)
  }
}

/** Throws StatsError unless every value is a whole number of at least 0. */
export function requireCounts(values: Readonly<Record<string, number>>): void {
  for (const name in values) {
    const value = values[name] ?? Number.NaN
    if (!Number.isSafeInteger(value) || value < 0) throw new StatsError(`${name} must be a count, got ${value}`)
  }
}
