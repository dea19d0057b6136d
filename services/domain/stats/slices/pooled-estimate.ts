import type { Interval } from '../paired/paired-interval.ts'
import { chiSquareSf } from '../special-functions/chi-square.ts'
import { normalQuantile } from '../special-functions/normal.ts'
import { requireWithin } from '../stats-error.ts'
import { inverseVariancePool, type SliceEffects } from './empirical-bayes.ts'

/**
 * Inverse-variance mean of independent estimates of one effect with Cochran's Q test of whether they agree: for evidence carried from shadow to canary
 * (combine only when p > .1) and for drift over stages (p < .05 → review). A single estimate has Q = 0, p = 1.
 */
export function pooledEstimate(
  estimates: SliceEffects,
  alpha: number,
): {
  readonly mean: number
  readonly error: number
  readonly interval: Interval
  readonly q: number
  readonly p: number
} {
  requireWithin({ alpha }, Number.MIN_VALUE, 1)
  const { mean, error, q } = inverseVariancePool(estimates)
  const half = -normalQuantile(alpha / 2) * error
  const df = estimates.effects.length - 1
  return { mean, error, interval: [mean - half, mean + half], q, p: df === 0 ? 1 : chiSquareSf(q, df) }
}
