import { requireFinite } from '../moments/sample-moments.ts'
import type { Interval } from '../paired/paired-interval.ts'
import { normalQuantile } from '../special-functions/normal.ts'
import { requireWithin, StatsError } from '../stats-error.ts'

/**
 * Overall effect from oversampled strata: Δ = Σ w_s Δ_s with the strata's shares of real traffic, error √(Σ w_s² se_s²), two-sided 1 − α normal
 * interval. Weights are normalised; a stratum of weight 0 does not count.
 */
export function stratifiedMean(input: {
  readonly effects: readonly number[]
  readonly errors: readonly number[]
  readonly weights: readonly number[]
  readonly alpha: number
}): { readonly mean: number; readonly error: number; readonly interval: Interval } {
  const { effects, errors, weights, alpha } = input
  requireWithin({ alpha }, Number.MIN_VALUE, 1)
  requireFinite('effects', effects)
  requireFinite('errors', errors)
  requireFinite('weights', weights)
  if (effects.length !== errors.length || effects.length !== weights.length)
    throw new StatsError(`${effects.length} effects, ${errors.length} errors and ${weights.length} weights`)
  for (const value of [...errors, ...weights]) requireWithin({ 'error or weight': value }, 0, 1e150)
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  if (total === 0) throw new StatsError('no stratum has weight')
  const shares = weights.map((weight) => weight / total)
  const mean = effects.reduce((sum, effect, index) => sum + (shares[index] ?? 0) * effect, 0)
  const error = Math.hypot(...errors.map((each, index) => (shares[index] ?? 0) * each))
  const half = -normalQuantile(alpha / 2) * error
  return { mean, error, interval: [mean - half, mean + half] }
}
