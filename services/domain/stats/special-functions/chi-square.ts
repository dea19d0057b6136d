import { requireWithin } from '../stats-error.ts'
import { logUpperGamma } from './gamma.ts'

/** P(X ≥ x) of the χ² distribution with `df` > 0 degrees of freedom: Q(df/2, x/2), directly, so that small tails keep their digits. 1 for x ≤ 0. */
export function chiSquareSf(x: number, df: number): number {
  requireWithin({ df }, Number.MIN_VALUE, 1e11)
  requireWithin({ x }, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY)
  return x <= 0 ? 1 : Math.exp(logUpperGamma(df / 2, x / 2))
}
